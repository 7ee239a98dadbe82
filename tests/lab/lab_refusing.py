"""An authorizer that lets a test say no: the server's own answer to who may do what."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.authorizer import Authorizer


class Refusing(Authorizer):
    """Refuses the resource that the request's header names."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return handler.request.headers.get("X-Refused") != resource
