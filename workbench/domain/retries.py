"""How often an item is tried within a task, and how long it waits in between.

An item that fails in one of ``categories`` goes back to wait: ``backoff`` seconds before the second
attempt, twice that before the third, and so on up to ``largest``. When its ``attempts`` are used
up, or for any other category, it is a failure. What has passed by itself a moment later, a network
or a machine short of memory, is worth it; a broken file stays broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import RETRYABLE, Category

EXAMPLE = "attempts=5,backoff=2,largest=60,categories=network+resource"


class RetryPolicy(BaseModel):
    """Times are seconds. ``attempts`` counts the first one too, so 1 never tries again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts: int = Field(default=3, ge=1, le=100)
    backoff: float = Field(default=1.0, ge=0, le=3600)
    largest: float = Field(default=30.0, ge=0, le=86400)
    categories: tuple[Category, ...] = tuple(sorted(RETRYABLE))

    def wait(self, category: Category, attempts: int) -> float | None:
        """Seconds before an item that failed in ``category`` after so many attempts is tried
        again; None when it is not."""
        if category not in self.categories or attempts >= self.attempts:
            return None
        return min(self.largest, self.backoff * 2 ** min(attempts - 1, 64))

    def __str__(self) -> str:
        if self.attempts == 1 or not self.categories:
            return "never"
        names = "+".join(self.categories)
        return f"{self.attempts} attempts, {self.backoff:g} s to {self.largest:g} s, {names}"


def policy(given: Mapping[str, Any] | None) -> RetryPolicy:
    """The policy of which ``given`` is known; the rest are defaults. Raises
    ``invalid_parameter``."""
    try:
        return RetryPolicy(**(given or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "retry"
        raise WorkbenchError(
            Code.INVALID_PARAMETER,
            f"the retry policy's {where}: {first['msg'][:1].lower()}{first['msg'][1:]}",
            f"e.g. {EXAMPLE}",
            {"field": f"retry.{where}"},
        ) from None


def parse(text: str) -> dict[str, Any]:
    """``attempts=5,backoff=2,categories=network+resource`` as what is given of a policy. Raises
    ``invalid_parameter``."""
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise WorkbenchError(
                Code.INVALID_PARAMETER, f"{part.strip()!r} is no setting", f"e.g. {EXAMPLE}"
            )
        given[name] = [v for v in value.split("+") if v] if name == "categories" else value
    return policy(given).model_dump(mode="json", include=set(given))
