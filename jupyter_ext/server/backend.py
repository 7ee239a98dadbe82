"""The service behind the pages: the shared client, called in threads so that the server goes on.

The key is read here by the client and goes to the service only. Bytes are passed on in pieces as
they come: the next is read when the last has left, so a slow browser holds back the service and
nothing piles up between.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from workbench.client import Body, Client
from workbench.client.place import Finder, find
from workbench.client.session import Session
from workbench.client.transport import Request

T = TypeVar("T")
PIECE: Final = 256 * 1024
_THREADS: Final = 16


class Backend:
    """Where the environment says. Raises ``WorkbenchError`` where it contradicts itself."""

    def __init__(
        self, notify: Callable[[str], None], environ: Mapping[str, str] | None = None
    ) -> None:
        given = os.environ if environ is None else environ
        self.find: Finder = find(environ=given)
        self.namespace = given.get("MIXPEEK_NAMESPACE") or "default"
        self.session = Session(self.find, self.namespace, notify)
        self.client = Client(self.session)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mixpeek")

    @property
    def local(self) -> bool:
        """Whether the service is one that this user can start."""
        return self.find.local

    async def call(self, work: Callable[[], T]) -> T:
        """``work`` in a thread. One that is abandoned runs to its end."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def open(self, request: Request) -> Body:
        """The service's answer to ``request``; whoever asked closes it."""
        given = threading.Event()

        def asked() -> Body:
            body = self.session.forward(request)
            if given.is_set():  # who asked is gone, and nobody would close it
                body.close()
            return body

        try:
            return await self.call(asked)
        except asyncio.CancelledError:
            given.set()
            raise

    async def piece(self, body: Body) -> bytes:
        return await self.call(lambda: body.read(PIECE) or b"")

    async def close(self, body: Body) -> None:
        await self.call(body.close)
