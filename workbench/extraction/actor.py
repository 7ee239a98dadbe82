"""The Ray actor: one process that opened an extractor's models once and then extracts chunks.

Two concurrency groups, so that ``stop`` is heard while ``run`` works.
"""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, cast

import ray

from workbench.blobs.folder import open_blobs
from workbench.extraction.contract import Extractor
from workbench.extraction.guard import Watch, bound_memory
from workbench.extraction.reuse import Shelf
from workbench.extraction.worker import StopFlag, Summary, extract_chunk, summarize

CONCURRENCY = {"control": 1, "work": 1}


class ExtractorActor:
    def __init__(self, target: str, parameters: Mapping[str, Any], blobs: str) -> None:
        """``target`` is ``module:Class``; ``blobs`` the location of the blob store."""
        self._target = target
        self._parameters = parameters
        self._blobs = open_blobs(blobs)
        self._shelf = Shelf(self._blobs)
        self._stop = StopFlag()
        self._extractor: Extractor | None = None
        self._watch = Watch(None)

    @ray.method(concurrency_group="work")
    def load(self) -> str:
        """Open the models; returns the worker's name."""
        module, _, name = self._target.partition(":")
        kind = cast(type[Extractor], getattr(importlib.import_module(module), name))
        extractor = kind(kind.spec.parameters(**self._parameters))
        extractor.load()
        bound_memory(extractor.parameters)
        self._watch = Watch.of(extractor.parameters)
        self._extractor = extractor
        return self._name()

    @ray.method(concurrency_group="work")
    def run(
        self, namespace_id: str, chunk_id: str, only: Sequence[int] | None, part: str
    ) -> Summary:
        if self._extractor is None:
            raise RuntimeError("load the extractor first")
        try:
            outcome = extract_chunk(
                self._extractor,
                self._blobs,
                namespace_id,
                chunk_id,
                self._stop,
                self._name(),
                only,
                part,
                self._shelf,
                self._watch,
            )
        finally:
            self._stop.chunk_id = None  # it has been heard, or came too late
        return summarize(outcome)

    @ray.method(concurrency_group="control")
    def stop(self, chunk_id: str) -> None:
        """The chunk ends after the object at hand."""
        self._stop.chunk_id = chunk_id

    def _name(self) -> str:
        return f"{socket.gethostname()}/{os.getpid()}"
