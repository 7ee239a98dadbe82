"""The extractor contract: one class, the same in a Ray actor and in a container.

An extractor states its ``spec``, takes its parameters when it is made, opens its models once in
``load`` and then turns batches of sources into documents. It answers for each source exactly once,
in any order: with its documents, or with why it failed. It never raises for bad content; an
exception that escapes is a defect of the extractor: sources of the batch that had no answer yet are
given to ``extract`` again, each alone, and those fail at which it escapes again.

Work inside ``extract`` is timed by stage through ``self.clock`` (``with self.clock("decode"):``);
the sums become rows of the telemetry table ``stages``.
"""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from workbench.domain.states import RETRYABLE, Category

Vector = npt.NDArray[np.float32]
Distance = Literal["cosine", "dot", "euclid"]
#: How a payload field is indexed; ``json`` is kept and given back, and not searched by.
FieldType = Literal["keyword", "integer", "float", "bool", "datetime", "text", "json"]
QueryKind = Literal["text", "image", "audio", "video"]


class Parameters(BaseModel):
    """Base of every extractor's parameters: unknown names are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def outputs(self, stated: tuple[Output, ...]) -> tuple[Output, ...]:
        """The vectors that are written with these parameters, where one of them chooses a model;
        ``stated`` are those of the spec. Asked with every search: it must not open anything."""
        return stated


class Bounded(Parameters):
    """Limits on the work for one object that the worker process itself is held to: where a library
    does not come back or takes too much, the process is ended and the object fails."""

    max_seconds: float = Field(600, gt=0, description="an object that takes longer fails")
    max_memory: int = Field(
        4 * 1024**3,
        ge=256 * 1024**2,
        description="bytes that a worker may take beside its models; an object that needs more "
        "fails",
    )


@dataclass(frozen=True)
class Output:
    """A named vector that an extractor writes.

    ``model`` names the embedding model and its recipe, e.g. ``minilm-l6-v2-int8``. Outputs of equal
    model share one space: a query is encoded once for all of them. ``queries`` lists the kinds of
    query that ``encode`` can turn into this space.
    """

    name: str
    dimension: int
    model: str
    distance: Distance = "cosine"
    queries: frozenset[QueryKind] = frozenset()


@dataclass(frozen=True)
class Resources:
    """What one worker process of the extractor asks of Ray."""

    cpu: float = 1.0
    gpu: float = 0.0
    memory: int | None = None
    accelerator_type: str | None = None


@dataclass(frozen=True)
class Batch:
    """Limits of one ``extract`` call: number of sources and sum of their sizes in bytes."""

    sources: int = 32
    bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True)
class ExtractorSpec:
    """What an extractor is. ``default`` extractors run when the user names none; of these each MIME
    type has exactly one, those ``beside`` it not counted. ``accepts`` holds MIME types or
    ``type/*`` patterns. ``fields`` are the payload fields it writes beside the common ones, with
    the index type each needs.
    """

    name: str
    version: int
    description: str
    accepts: tuple[str, ...]
    parameters: type[Parameters]
    outputs: tuple[Output, ...]
    fields: Mapping[str, FieldType] = field(default_factory=dict[str, FieldType])
    resources: Resources = Resources()
    batch: Batch = Batch()
    default: bool = True
    #: A default extractor that runs beside the one default of its types, instead of being it.
    beside: bool = False
    #: It must run apart from everything else. No worker can do that yet: its objects fail.
    isolated: bool = False
    #: Names and revisions of the model files; part of the digest.
    models: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def accepts_mime(self, mime: str) -> bool:
        family = mime.partition("/")[0] + "/*"
        return mime in self.accepts or family in self.accepts

    def address(self, output: str) -> str:
        """The feature address of one output."""
        return f"mixpeek://{self.key}/{output}"


class Source(Protocol):
    """One object as an extractor sees it. ``read`` may be called once or more; it raises OSError
    when the bytes cannot be had. ``open`` gives the same bytes as a file that can be sought in and
    is read only as far as it is needed: for objects larger than memory should hold. The caller
    closes it."""

    @property
    def object_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def mime(self) -> str: ...
    def read(self) -> bytes: ...
    def open(self) -> BinaryIO: ...


@dataclass(frozen=True)
class Part:
    """Where in an object to look: what a document says of its place. All None: the whole."""

    page: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def inner(self) -> bool:
        """Whether it is another place than where the object begins."""
        return (self.page or 1) > 1 or (self.start_ms or 0) > 0


@dataclass(frozen=True)
class Document:
    """One searchable piece of an object.

    ``text`` is what the text index sees and what a hit shows. ``start``/``end`` are milliseconds.
    ``vectors`` maps output names to float32 arrays of shape (dimension,). ``payload`` holds the
    fields declared in the spec (JSON values only).
    """

    text: str | None = None
    page: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    box: tuple[float, float, float, float] | None = None
    labels: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])


@dataclass(frozen=True)
class Failed:
    """Why a source gave no documents: what happened (``message``) and what to do (``hint``)."""

    category: Category
    message: str
    hint: str | None = None
    stage: str = "extract"
    traceback: str | None = None

    @property
    def retryable(self) -> bool:
        return self.category in RETRYABLE


class ModelUnavailable(Exception):
    """A model is not to be had here, or its files cannot be used; the message says what to do. From
    ``extract`` it fails what needs the model, and says so."""


@dataclass(frozen=True)
class Extracted:
    """The answer for ``sources[index]``: its documents in order of position, or its failure."""

    index: int
    documents: tuple[Document, ...] = ()
    failure: Failed | None = None


@dataclass(frozen=True)
class Query:
    """What a person searches with: a text, or the bytes of an example."""

    kind: QueryKind
    text: str | None = None
    data: bytes | None = None


@dataclass
class StageTotal:
    seconds: float = 0.0
    rows: int = 0
    bytes: int = 0


class Clock:
    """Sums of time, rows and bytes by stage, since the last ``take``."""

    def __init__(self) -> None:
        self._totals: dict[str, StageTotal] = {}

    @contextmanager
    def __call__(self, stage: str, rows: int = 1, size: int = 0) -> Generator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - begun, rows, size)

    def add(self, stage: str, seconds: float, rows: int = 1, size: int = 0) -> None:
        total = self._totals.setdefault(stage, StageTotal())
        total.seconds += seconds
        total.rows += rows
        total.bytes += size

    def take(self) -> dict[str, StageTotal]:
        """The sums so far; the clock starts again from nothing."""
        totals, self._totals = self._totals, {}
        return totals


class Extractor(ABC):
    """Base of every extractor. Subclasses set ``spec`` and write ``load`` and ``extract``."""

    spec: ClassVar[ExtractorSpec]
    #: MIME types that ``preview`` is for; None: all that the extractor takes. A page or a moment
    #: within an object is always asked of ``preview``.
    shows: ClassVar[frozenset[str] | None] = None

    def __init__(self, parameters: Parameters | None = None) -> None:
        self.parameters = parameters if parameters is not None else self.spec.parameters()
        self.clock = Clock()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The vectors that this one writes with its parameters (another model, another size)."""
        return self.parameters.outputs(self.spec.outputs)

    @abstractmethod
    def load(self) -> None:
        """Open models. Called once per process, before anything else."""

    @abstractmethod
    def extract(self, sources: Sequence[Source]) -> Iterator[Extracted]:
        """Yield one answer per source, in any order, as each is ready. The caller may stop
        iterating between answers (cancel, pause)."""

    def retitle(self, text: str | None, labels: Sequence[str], name: str) -> str | None:
        """A document's text for an object of equal content that is called ``name``. Documents are
        taken over from equal content of the same type; only an extractor that puts the name into
        its texts needs its own."""
        return text

    def encode(self, query: Query, output: str) -> Vector:
        """The query as a vector of ``output``'s space, shape (dimension,). Only called for kinds in
        the output's ``queries``. Raises ValueError for content that cannot be encoded."""
        raise NotImplementedError(f"{self.spec.key} has no query encoder")

    @classmethod
    def preview(cls, source: Source, part: Part, edge: int) -> bytes | None:
        """A picture that stands for the object, or for a part of it, as WebP at most ``edge``
        pixels wide and high; None where there is none to show. Runs without ``load``, in a process
        of its own with little memory and time. Raises ValueError for content that cannot be
        shown."""
        del source, part, edge
        return None


class Reranker(ABC):
    """Reads a query and a text together and says how well the one answers the other: slower than
    comparing vectors, and better. Found by the entry points ``mixpeek.rerankers``."""

    #: Names of the models that ``model`` may be.
    models: ClassVar[tuple[str, ...]]

    def __init__(self, model: str) -> None:
        self.model = model

    @abstractmethod
    def load(self) -> None:
        """Open the model. Called once, before ``score``."""

    @abstractmethod
    def score(self, query: str, texts: Sequence[str]) -> Vector:
        """One score a text, shape (texts,), higher is better; only their order has a meaning."""


def digest(spec: ExtractorSpec, parameters: Parameters) -> str:
    """Identity of what an extractor computes: name, version, parameters and model recipe.

    Returns 16 hex digits; equal digests promise equal documents for equal bytes.
    """
    recipe = {
        "extractor": spec.key,
        "parameters": parameters.model_dump(mode="json"),
        "models": list(spec.models),
    }
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
