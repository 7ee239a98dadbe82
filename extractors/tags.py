"""Words for a picture: what the model is sure it shows, and what its file name says."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from extractors.models import LABELS

#: A label is named from this probability on, at most three of them.
SURE = 0.2
MOST = 3
#: A more general word is named when its labels together reach this: on animals "bird" was then
#: never wrong and found in 84 % of the pictures of birds.
SURE_TOGETHER = 0.5
#: Names that cameras, phones and screenshots give: they say nothing.
CAMERA = frozenset(
    {
        "burst",
        "dcim",
        "dsc",
        "dscf",
        "dscn",
        "gopr",
        "imag",
        "image",
        "img",
        "mvimg",
        "pano",
        "photo",
        "pic",
        "picture",
        "pxl",
        "sam",
        "screenshot",
        "untitled",
        "vid",
        "whatsapp",
        "wp",
    }
)
WORD = re.compile(r"[^\W\d_]+")
#: Where two words meet in one: ``holidayBeach``, ``beach2024``.
MEETING = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Vocabulary:
    """The labels by output, and the more general words, narrow ones first. The outputs that word
    ``i`` covers stand in ``members`` from ``begins[i]`` on, up to the next word's."""

    names: tuple[str, ...]
    hypernyms: tuple[str, ...]
    members: npt.NDArray[np.intp]
    begins: npt.NDArray[np.intp]

    def tags(self, probabilities: npt.NDArray[np.float32]) -> list[tuple[str, ...]]:
        """What each picture of a batch shows, from probabilities of shape (n, labels): surest
        labels first, then the general words from narrow to wide."""
        # Summed in place of a product of matrices, for which numpy would wake all cores.
        together = np.add.reduceat(probabilities[:, self.members], self.begins, axis=1)
        general = together > SURE_TOGETHER
        return [self._row(*rows) for rows in zip(probabilities, general, strict=True)]

    def _row(
        self, probabilities: npt.NDArray[np.float32], general: npt.NDArray[np.bool_]
    ) -> tuple[str, ...]:
        sure = np.flatnonzero(probabilities > SURE)
        best = sure[np.argsort(-probabilities[sure])][:MOST]
        words = [self.names[i] for i in best]
        words += [self.hypernyms[i] for i in np.flatnonzero(general)]
        return tuple(dict.fromkeys(words))


def load_vocabulary(path: Path = LABELS) -> Vocabulary:
    """The packaged label table."""
    table = json.loads(path.read_text("utf-8"))
    members = [hypernym["members"] for hypernym in table["hypernyms"]]
    ends = np.cumsum([len(covered) for covered in members])
    return Vocabulary(
        names=tuple(table["names"]),
        hypernyms=tuple(hypernym["name"] for hypernym in table["hypernyms"]),
        members=np.concatenate(members).astype(np.intp),
        begins=np.concatenate([[0], ends[:-1]]).astype(np.intp),
    )


def name_words(name: str) -> tuple[str, ...]:
    """The words of a file name: ``trips/IMG_2041_red-barn.jpeg`` gives red, barn."""
    stem = PurePosixPath(name).stem
    words = WORD.findall(MEETING.sub(" ", stem))
    return tuple(w for w in words if len(w) > 1 and w.lower() not in CAMERA)


def caption(words: tuple[str, ...], tags: tuple[str, ...]) -> str | None:
    """What the text index sees of a picture: the name's words, then the tags."""
    parts = [" ".join(words), ", ".join(tags)]
    return " · ".join(p for p in parts if p) or None
