"""What the service says of itself and of the engines behind it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from workbench import __version__
from workbench.domain.wire import HealthOut, PartHealth
from workbench.stack.orchestration import TemporalState
from workbench.stack.settings import Settings
from workbench.telemetry.writer import Telemetry
from workbench.vectors.port import VectorStore, VectorsUnavailable


class ServiceHealth:
    """Each part in a line. The service can accept and search without Temporal and workers."""

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        vectors: VectorStore,
        temporal: TemporalState,
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._vectors = vectors
        self._temporal = temporal
        self._started_at = datetime.now(UTC)

    async def __call__(self) -> HealthOut:
        vectors, temporal = await asyncio.gather(self._of_vectors(), self._temporal.answers())
        told = self._telemetry.health()
        return HealthOut(
            state="ok" if vectors.state == "ok" else "degraded",
            version=__version__,
            home_id=self._settings.home_id,
            started_at=self._started_at,
            parts={
                "metadata": PartHealth(
                    state="ok", detail=self._settings.metadata_url.split(":")[0]
                ),
                "vectors": vectors,
                "temporal": PartHealth(
                    state="ok" if temporal else "down",
                    detail=self._settings.temporal_address or "",
                ),
                "telemetry": PartHealth(state=told.state, detail=told.detail),
            },
        )

    async def _of_vectors(self) -> PartHealth:
        try:
            async with asyncio.timeout(2):
                found = await self._vectors.health()
        except (VectorsUnavailable, TimeoutError) as error:
            return PartHealth(state="down", detail=str(error) or "no answer within 2 s")
        points = sum(found["spaces"].values())
        return PartHealth(
            state="ok", detail=f"{points} documents", version=str(found.get("version", ""))
        )
