"""Vectors: the port, the owner of the embedded engine with its adapter, and the server adapter."""

from __future__ import annotations

from pathlib import Path

from workbench.vectors.port import VectorStore


def open_vectors(location: str, *, api_key: str | None = None) -> VectorStore:
    """The store at ``location``: ``http(s)://…`` is a Qdrant server, anything else the path of an
    owner's socket (``unix:`` may stand before it). Nothing is contacted yet.

    Each engine's library is imported only when it is the one chosen.
    """
    if location.startswith(("http://", "https://")):
        from workbench.vectors.server import ServerStore

        return ServerStore.connect(location, api_key=api_key)
    from workbench.vectors.embedded import EmbeddedStore

    return EmbeddedStore(Path(location.removeprefix("unix:")))
