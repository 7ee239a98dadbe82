"""Which of WordNet's more general nouns ("bird", "vehicle") cover which of the 1000 labels.

ImageNet's labels are WordNet 3.0 synsets, named by their offsets in ``data.noun``. Following the
hypernym pointers up from each label gives every more general synset with the labels below it. Those
over more than 250 labels ("whole", "artifact") say too little and are dropped; labels that are
themselves above others are labels already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_MEMBERS = 250
HYPERNYM = ("@", "@i")
#: True and useful as context, but nobody searches for a car as "container" or for an apple as
#: "reproductive structure": these place a label in the text space and are never shown as tags.
NEVER_TAGS = frozenset(
    {
        "abstraction",
        "agent",
        "anapsid",
        "area",
        "article",
        "associate",
        "attribute",
        "causal agent",
        "commodity",
        "communication",
        "connection",
        "consumer goods",
        "container",
        "contestant",
        "conveyance",
        "covering",
        "craft",
        "creation",
        "design",
        "device",
        "diapsid",
        "durables",
        "equipment",
        "establishment",
        "fluid",
        "geographic point",
        "globule",
        "horizontal surface",
        "implement",
        "ingredient",
        "instrument",
        "location",
        "material",
        "matter",
        "measure",
        "mechanical device",
        "mechanism",
        "medium",
        "metatherian",
        "natural object",
        "obstruction",
        "part",
        "participant",
        "peer",
        "piece",
        "placental",
        "plant organ",
        "plant part",
        "point",
        "product",
        "protective covering",
        "relation",
        "reproductive structure",
        "restraint",
        "rig",
        "round shape",
        "self-propelled vehicle",
        "shape",
        "solid",
        "sphere",
        "structure",
        "substance",
        "support",
        "supporting structure",
        "surface",
        "system",
        "top",
        "upright",
        "ware",
        "way",
        "work",
    }
)


@dataclass(frozen=True)
class Synset:
    name: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Hypernym:
    """A more general noun and the indexes of the labels it covers."""

    name: str
    members: tuple[int, ...]


def read_nouns(path: Path) -> dict[str, Synset]:
    """Every noun synset of WordNet's ``data.noun`` by its offset (8 digits).

    A line is: offset, file number, type, number of words (hexadecimal), words with an id each,
    number of pointers, pointers of four fields (symbol, offset, part of speech, source/target).
    """
    nouns: dict[str, Synset] = {}
    for line in path.read_text("latin-1").splitlines():
        if line.startswith(" "):
            continue
        fields = line.partition(" | ")[0].split()
        words = int(fields[3], 16)
        pointers = fields[5 + 2 * words :]
        parents = tuple(
            pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] in HYPERNYM
        )
        nouns[fields[0]] = Synset(fields[4].replace("_", " "), parents)
    return nouns


def hypernyms(nouns: Mapping[str, Synset], labels: Sequence[str]) -> list[Hypernym]:
    """The useful hypernyms of ``labels`` (offsets, in the order of the model's outputs)."""
    members: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        for ancestor in _ancestors(nouns, label):
            members.setdefault(ancestor, []).append(index)
    known = set(labels)
    return [
        Hypernym(nouns[offset].name, tuple(indexes))
        for offset, indexes in members.items()
        if offset not in known and len(indexes) <= MOST_MEMBERS
    ]


def _ancestors(nouns: Mapping[str, Synset], start: str) -> list[str]:
    """All synsets above ``start``, nearest first, each once."""
    found: dict[str, None] = {}
    queue = list(nouns[start].parents)
    while queue:
        offset = queue.pop(0)
        if offset not in found:
            found[offset] = None
            queue.extend(nouns[offset].parents)
    return list(found)
