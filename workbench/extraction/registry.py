"""The registry of extractors: what is installed, and which of it may be used.

Extractors are classes named by the entry points ``mixpeek.extractors`` and by ``module:Class``
strings from the settings. They are imported when first asked for, all together, in a fixed order:
the built-in ones by name, those of other packages by name, then the settings' in their order. Each
is checked against the contract and against those before it. What does not import or does not pass
is kept apart with its reason (``broken``), and never in the way of the others.

Each MIME type has one default extractor at most (versions of one extractor aside, of which the
newest counts, and those that say that they run beside it); of two that overlap the later one is
broken, and its reason names both.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import logging
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, get_args

from pydantic import ValidationError

from workbench.domain.errors import Code, WorkbenchError
from workbench.extraction.contract import (
    Distance,
    Extractor,
    ExtractorSpec,
    FieldType,
    Output,
    Parameters,
    QueryKind,
    digest,
)
from workbench.vectors.port import TEXT_VECTOR, DenseVector, IndexType, SpaceSpec

log = logging.getLogger(__name__)

GROUP = "mixpeek.extractors"
_BUILT_IN = "extractors."
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,47}")
_MIME = re.compile(r"[a-z]+/(\*|[a-z0-9][a-z0-9.+-]*)")
_VALUE_SHOWN = 80

#: Payload fields of every document, with the index each gets (None: stored, not indexed; a filter
#: on it reads every payload in reach). An index costs about 10 us a document when it is written.
COMMON_FIELDS: Mapping[str, IndexType | None] = {
    "namespace": None,  # every space indexes it as its tenant, by itself
    "bucket": "keyword",
    "collection": "keyword",
    "collection_id": "keyword",
    "object_id": "keyword",
    "object_name": "keyword",
    "extractor": None,  # the same in all of a space
    "segment": "keyword",
    "content": None,
    "position": None,
    "mime": "keyword",
    "kind": "keyword",
    "text": None,
    "page": "integer",
    "start_ms": "integer",
    "end_ms": None,
    "box": None,
    "labels": "keyword",
    "modified_at": "datetime",
}


@dataclass(frozen=True)
class BrokenExtractor:
    """An extractor that cannot be used: where it was found (``origin``, ``PACKAGE: module:Class``)
    and why not."""

    name: str
    origin: str
    error: str


@dataclass(frozen=True)
class Candidate:
    """Where a class may be found. ``built_in`` ones come first."""

    name: str
    target: str
    origin: str
    built_in: bool = False


@dataclass(frozen=True)
class _Loaded:
    classes: Mapping[str, type[Extractor]]  # by key, in order
    broken: tuple[BrokenExtractor, ...]


def installed(extra: Sequence[str] = ()) -> list[Candidate]:
    """The extractors that this environment names, and ``extra`` (``module:Class``); none is
    imported."""
    found = [
        Candidate(
            name=point.name,
            target=point.value,
            origin=f"{point.dist.name if point.dist else 'entry point'}: {point.value}",
            built_in=point.value.startswith(_BUILT_IN),
        )
        for point in entry_points(group=GROUP)
    ]
    found.sort(key=lambda each: (not each.built_in, each.name, each.target))
    named = [
        Candidate(target.rpartition(":")[2], target, f"settings: {target}") for target in extra
    ]
    return [*found, *named]


class Registry:
    """The extractors of one process. Thread-safe; imports happen once, at the first question."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._candidates = tuple(candidates)
        self._lock = threading.Lock()
        self._known: _Loaded | None = None

    @classmethod
    def discover(cls, extra: Sequence[str] = ()) -> Registry:
        """The registry of this environment, with ``extra`` classes of the settings."""
        return cls(installed(extra))

    def specs(self) -> tuple[ExtractorSpec, ...]:
        """The specs of all usable extractors."""
        return tuple(each.spec for each in self._load().classes.values())

    def broken(self) -> tuple[BrokenExtractor, ...]:
        return self._load().broken

    def get(self, name: str) -> type[Extractor]:
        """The class of ``text@1``, or of the newest version of ``text``.

        Raises ``WorkbenchError`` (not found), which says why where the extractor is broken.
        """
        classes = self._load().classes
        if name in classes:
            return classes[name]
        versions = [each for each in classes.values() if each.spec.name == name]
        if versions:
            return max(versions, key=lambda each: each.spec.version)
        raise self._missing(name)

    def create(self, name: str, parameters: Mapping[str, Any] | None = None) -> Extractor:
        """A new extractor with checked parameters; its models are not loaded yet."""
        extractor = self.get(name)
        return extractor(parse_parameters(extractor.spec, parameters or {}))

    def parameters(self, name: str, values: Mapping[str, Any]) -> Parameters:
        """``values`` as the parameters of an extractor, defaults filled in.

        Raises ``WorkbenchError`` (invalid parameter), naming the first that is wrong.
        """
        return parse_parameters(self.get(name).spec, values)

    def digest(self, name: str, values: Mapping[str, Any]) -> str:
        """Identity of what the extractor computes with these parameters."""
        spec = self.get(name).spec
        return digest(spec, parse_parameters(spec, values))

    def space(self, name: str, values: Mapping[str, Any]) -> SpaceSpec:
        """The vector space that the extractor writes to with these parameters."""
        spec = self.get(name).spec
        return space_for(spec, parse_parameters(spec, values))

    def takes(self, name: str, mime: str) -> bool:
        """Whether the extractor takes the MIME type; False for one that is not installed."""
        return any(spec.key == name and spec.accepts_mime(mime) for spec in self.specs())

    def defaults_for(self, mime: str) -> tuple[ExtractorSpec, ...]:
        """All extractors that take this type when the user names none: the one default, then those
        that run beside it; of each the newest version."""
        newest: dict[str, ExtractorSpec] = {}
        for spec in self.specs():
            known = newest.get(spec.name)
            if spec.default and spec.accepts_mime(mime):
                newest[spec.name] = spec if known is None or spec.version > known.version else known
        return tuple(sorted(newest.values(), key=lambda spec: (spec.beside, spec.name)))

    def _load(self) -> _Loaded:
        with self._lock:
            if self._known is None:
                self._known = _load_all(self._candidates)
            return self._known

    def _missing(self, name: str) -> WorkbenchError:
        known = self._load()
        for each in known.broken:
            if name.partition("@")[0] == each.name or name == each.name:
                return WorkbenchError(
                    Code.NOT_FOUND,
                    f"the extractor {name!r} cannot be used: {each.error}",
                    f"it was found as {each.origin}",
                )
        names = list(known.classes)
        near = difflib.get_close_matches(name, [*names, *(key.partition("@")[0] for key in names)])
        hint = f"did you mean {near[0]}?" if near else f"extractors here: {', '.join(names)}"
        return WorkbenchError(Code.NOT_FOUND, f"there is no extractor {name!r}", hint)


# ---- parameters, outputs, spaces ----------------------------------------------------------------


def parse_parameters(spec: ExtractorSpec, values: Mapping[str, Any]) -> Parameters:
    """``values`` checked against the extractor's parameters, defaults filled in."""
    try:
        return spec.parameters.model_validate(dict(values))
    except ValidationError as error:
        raise _parameter_error(spec, error) from None


def _parameter_error(spec: ExtractorSpec, error: ValidationError) -> WorkbenchError:
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "parameters"
    allowed = sorted(spec.parameters.model_fields)
    details = {"extractor": spec.key, "parameter": name, "allowed": allowed}
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, allowed, n=1)
        listed = f"its parameters: {', '.join(allowed)}" if allowed else "it has none"
        return WorkbenchError(
            Code.INVALID_PARAMETER,
            f"{spec.key} has no parameter {name!r}",
            f"did you mean {near[0]}? {listed}" if near else listed,
            details,
        )
    field = spec.parameters.model_fields.get(str(first["loc"][0])) if first["loc"] else None
    told = field.description if field is not None else None
    given = repr(first["input"])[:_VALUE_SHOWN]
    told_by = first["msg"].removeprefix("Value error, ")
    what = told_by[:1].lower() + told_by[1:]
    return WorkbenchError(
        Code.INVALID_PARAMETER,
        f"parameter {name!r} of {spec.key}: {what}, not {given}",
        f"{name}: {told}" if told else None,
        details,
    )


def outputs_for(spec: ExtractorSpec, parameters: Parameters) -> tuple[Output, ...]:
    """The named vectors that the extractor writes with these parameters: a parameter that chooses
    another model changes model and dimension."""
    return parameters.outputs(spec.outputs)


def space_for(spec: ExtractorSpec, parameters: Parameters) -> SpaceSpec:
    """The space of an extractor's points, ``{extractor}_v{version}_{hash}``: extractors whose
    vectors differ in name, dimension, distance or model never share one."""
    outputs = outputs_for(spec, parameters)
    shape = sorted([out.name, out.dimension, out.model, out.distance] for out in outputs)
    mark = hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:8]
    indexes: dict[str, IndexType] = {
        name: kind for name, kind in COMMON_FIELDS.items() if kind is not None
    }
    indexes |= {name: kind for name, kind in spec.fields.items() if kind != "json"}
    return SpaceSpec(
        name=f"{spec.name}_v{spec.version}_{mark}",
        dense=tuple(DenseVector(out.name, out.dimension, out.distance) for out in outputs),
        indexes=indexes,
    )


# ---- importing and checking ---------------------------------------------------------------------


def _load_all(candidates: Sequence[Candidate]) -> _Loaded:
    classes: dict[str, type[Extractor]] = {}
    broken: list[BrokenExtractor] = []
    for candidate in candidates:
        name = candidate.name
        try:
            extractor = _import(candidate.target)
            name = extractor.spec.name
            check(extractor.spec)
            _check_beside(extractor, classes)
        # Foreign code: whatever its import raises, even an exit, is its own trouble, not ours.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            reason = str(error) if isinstance(error, _Refused) else _told(error)
            log.warning("extractor %s (%s) cannot be used: %s", name, candidate.origin, reason)
            broken.append(BrokenExtractor(name, candidate.origin, reason))
        else:
            classes.setdefault(extractor.spec.key, extractor)
    return _Loaded(classes, tuple(broken))


class _Refused(Exception):
    """The extractor does not keep the contract; the message says where."""


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _import(target: str) -> type[Extractor]:
    module, _, name = target.partition(":")
    if not module or not name:
        raise _Refused(f"{target!r} is not module:Class")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not isinstance(found, type) or not issubclass(found, Extractor):
        raise _Refused(f"{target} is no Extractor")
    if not isinstance(getattr(found, "spec", None), ExtractorSpec):
        raise _Refused(f"{target} has no spec")
    return found


def check(spec: ExtractorSpec) -> None:
    """Raises an error that says which rule of the contract the spec breaks."""
    if not _NAME.fullmatch(spec.name):
        raise _Refused(f"the name {spec.name!r} must match {_NAME.pattern}")
    if spec.version < 1:
        raise _Refused(f"the version {spec.version} must be a whole number from 1")
    if not spec.accepts:
        raise _Refused("it accepts no MIME type")
    for mime in spec.accepts:
        if not _MIME.fullmatch(mime):
            raise _Refused(f"it accepts {mime!r}, which is no MIME type and no pattern type/*")
    _check_outputs(spec.outputs)
    for name, kind in spec.fields.items():
        if not _FIELD.fullmatch(name) or name in COMMON_FIELDS:
            raise _Refused(f"the field {name!r} has a bad name or that of a common field")
        if kind not in get_args(FieldType):
            raise _Refused(f"the field {name!r} has the unknown type {kind!r}")


def _check_outputs(outputs: Sequence[Output]) -> None:
    names = [output.name for output in outputs]
    if len(set(names)) < len(names):
        raise _Refused("two outputs have the same name")
    for output in outputs:
        if not _FIELD.fullmatch(output.name) or output.name == TEXT_VECTOR:
            raise _Refused(f"the output name {output.name!r} is not allowed")
        if not 1 <= output.dimension <= 65_536:
            raise _Refused(f"the output {output.name!r} has a dimension of {output.dimension}")
        if output.distance not in get_args(Distance):
            raise _Refused(f"the output {output.name!r} has the distance {output.distance!r}")
        if not output.queries <= set(get_args(QueryKind)):
            raise _Refused(f"the output {output.name!r} has unknown query kinds")
        if not output.model:
            raise _Refused(f"the output {output.name!r} names no model")


def _check_beside(extractor: type[Extractor], classes: Mapping[str, type[Extractor]]) -> None:
    spec = extractor.spec
    same = classes.get(spec.key)
    if same is not None and same is not extractor:
        raise _Refused(f"{spec.key} is already {same.__module__}:{same.__qualname__}")
    if same is extractor or not spec.default or spec.beside:
        return
    for other in (each.spec for each in classes.values()):
        rival = other.default and not other.beside and other.name != spec.name
        clash = _overlap(spec.accepts, other.accepts) if rival else None
        if clash:
            raise _Refused(
                f"both {spec.key} and {other.key} are default extractors for {clash};"
                f" set default=False in {spec.key}"
            )


def _overlap(ours: Sequence[str], theirs: Sequence[str]) -> str | None:
    """A MIME type (or pattern) that both take."""
    for mine in ours:
        for other in theirs:
            family = mine.partition("/")[0] == other.partition("/")[0]
            if mine == other or (family and (mine.endswith("/*") or other.endswith("/*"))):
                return other if mine.endswith("/*") else mine
    return None
