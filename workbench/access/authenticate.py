"""From the ``Authorization`` header to a principal.

``Access`` asks its authenticators in turn; each knows one kind of credential and answers None for
what is not its own. A home has one, ``HomeKey``; others are added to the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workbench.access.keys import PREFIX, same_key, well_formed
from workbench.access.principal import Principal
from workbench.domain.errors import Code, WorkbenchError

_HINT = "send the key of this home as 'Authorization: Bearer KEY'; it is in the file 'key' there"


class Authenticator(Protocol):
    def authenticate(self, credential: str) -> Principal | None:
        """The principal of ``credential``; None when it is not valid here."""
        ...


class HomeKey:
    """The one key of a home, which reaches every namespace."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "HomeKey(…)"

    def authenticate(self, credential: str) -> Principal | None:
        return Principal("home", home=True) if same_key(credential, self._key) else None


class Access:
    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = tuple(authenticators)

    def authenticate(self, header: str | None) -> Principal:
        """``header`` is the value of ``Authorization``. Raises ``unauthorized``; no message repeats
        any part of what was sent."""
        if not header:
            raise WorkbenchError(Code.UNAUTHORIZED, "this request has no key", _HINT)
        scheme, _, credential = header.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise WorkbenchError(Code.UNAUTHORIZED, "the Authorization header has no key", _HINT)
        if credential.startswith(PREFIX) and not well_formed(credential):
            message = "the key is mistyped or cut off: its checksum does not fit"
            raise WorkbenchError(Code.UNAUTHORIZED, message, _HINT)
        for authenticator in self._authenticators:
            principal = authenticator.authenticate(credential)
            if principal is not None:
                return principal
        raise WorkbenchError(Code.UNAUTHORIZED, "this key is not valid here", _HINT)
