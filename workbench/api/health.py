"""Health: whether the service can accept and search; with a key, each part of it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from workbench.api.requests import ServicesOf, answer, facts_of
from workbench.domain.wire import HealthOut

router = APIRouter(prefix="/health", tags=["health"])


class HealthState(BaseModel):
    state: Literal["ok", "degraded"]


@router.get("", response_model=HealthOut | HealthState)
async def get_health(request: Request, services: ServicesOf) -> Response:
    """Without a key only ``state`` is told."""
    health = await services.health()
    if facts_of(request.scope).principal is None:
        return answer(HealthState(state=health.state))
    return answer(health)
