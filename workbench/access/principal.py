"""Who calls, and which namespaces they reach."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.domain.errors import Code, WorkbenchError


@dataclass(frozen=True)
class Principal:
    """A caller that has shown a valid credential. ``namespaces`` holds namespace ids; None: all.
    ``home``: it showed the home's own key, so it is the user who runs the service."""

    name: str
    namespaces: frozenset[str] | None = None
    home: bool = False

    def reaches(self, namespace_id: str) -> bool:
        return self.namespaces is None or namespace_id in self.namespaces


def out_of_reach(namespace: str) -> WorkbenchError:
    """The answer for every namespace that a key was not made for, whether it exists or not."""
    return WorkbenchError(
        Code.FORBIDDEN,
        f"this key does not reach the namespace {namespace!r}",
        "use a key of that namespace, or name another one in X-Namespace",
    )
