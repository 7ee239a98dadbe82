"""Whether searches find what they should: the installed extractors over photographs and texts.

The photographs come with scikit-image and scikit-learn, under names that say nothing; the texts are
short passages, some about what the photographs show and some about other things. The thresholds are
a little below what was measured, so that a worse fusion, model or extractor makes them fail: plain
rank fusion does, and so does one list for all outputs of a model.
"""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import search_fixtures as fixtures
import skimage
import sklearn
from search_fixtures import Metadata, Piece, Row, index

from workbench.domain.mime import sniff
from workbench.domain.wire import Media, SearchRequest, SearchResponse
from workbench.extraction.registry import Registry
from workbench.search.encoder import QueryEncoder
from workbench.search.reranking import Rerankers
from workbench.search.searcher import Searcher
from workbench.telemetry.events import SearchEvent
from workbench.vectors.port import VectorStore

_SKIMAGE = Path(skimage.__file__).parent / "data"
_SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"

PHOTOGRAPHS = {
    "cat": _SKIMAGE / "chelsea.png",
    "coffee": _SKIMAGE / "coffee.png",
    "astronaut": _SKIMAGE / "astronaut.png",
    "rocket": _SKIMAGE / "rocket.jpg",
    "motorcycle": _SKIMAGE / "motorcycle_left.png",
    "temple": _SKLEARN / "china.jpg",
    "flower": _SKLEARN / "flower.jpg",
    "horse": _SKIMAGE / "horse.png",
    "clock": _SKIMAGE / "clock_motion.png",
    "coins": _SKIMAGE / "coins.png",
    "moon": _SKIMAGE / "moon.png",
    "brick": _SKIMAGE / "brick.png",
    "camera": _SKIMAGE / "camera.png",
    "retina": _SKIMAGE / "retina.jpg",
    "page": _SKIMAGE / "page.png",
    "hubble": _SKIMAGE / "hubble_deep_field.jpg",
    "grass": _SKIMAGE / "grass.png",
    "gravel": _SKIMAGE / "gravel.png",
}

TEXTS = {
    "cats": "Cats sleep between twelve and sixteen hours a day. A domestic cat purrs when it is"
    " content, and its whiskers help it to measure narrow gaps in the dark.",
    "espresso": "To brew an espresso, grind the beans finely, tamp them evenly and let hot water"
    " pass through at nine bars of pressure for about thirty seconds.",
    "launch": "The launch vehicle lifted off at dawn. Its first stage separated after two minutes"
    " and landed on a drone ship, while the second carried the satellite to orbit.",
    "motorbikes": "Check the chain tension of your motorbike every five hundred kilometres and"
    " lubricate it after riding in the rain. Worn sprockets must be replaced together.",
    "pagoda": "The pagoda was built in the Ming dynasty. Visitors climb its wooden stairs to look"
    " over the lake and the gardens of the imperial palace.",
    "roses": "Roses want six hours of sun. Cut faded blossoms back to the first leaf with five"
    " leaflets, and feed the bushes with compost in spring.",
    "foals": "A foal can stand within an hour after birth. Mares and their young recognise each"
    " other by smell, and graze together in the meadow.",
    "pendulum": "The pendulum of a grandfather clock swings once a second. In summer the rod"
    " expands and the clock loses some seconds every day.",
    "inflation": "The central bank raised its interest rate by a quarter of a point to slow"
    " inflation, which had reached its highest level in a decade.",
    "craters": "Craters on the lunar surface were made by impacts billions of years ago. Without"
    " wind or water they remain almost unchanged.",
    "generators": "A generator function yields values one at a time and keeps its local state"
    " between calls, so large sequences need not be held in memory.",
    "bread": "Knead flour, water, salt and yeast for ten minutes, let the dough rise for an hour,"
    " and bake the loaf at 230 degrees until the crust is brown.",
    "lease": "The tenant may end the lease with three months' notice in writing. The landlord"
    " returns the deposit within thirty days after the keys are handed over.",
    "trawler": "Waves broke over the bow as the trawler left the harbour. The skipper steered"
    " north, where the herring shoals had been seen the night before.",
    "aperture": "A wide aperture blurs the background of a portrait. With a tripod the shutter can"
    " stay open longer, so that even dim scenes are exposed well.",
    "eye": "The optic nerve leaves the eyeball at the blind spot. An ophthalmologist examines the"
    " vessels at the back of the eye for early signs of diabetes. File QX7731 has the scans.",
}

#: What each query should find: photographs, texts.
QUERIES: dict[str, tuple[set[str], set[str]]] = {
    "a cat": ({"cat"}, {"cats"}),
    "kitten": ({"cat"}, {"cats"}),
    "a cup of coffee": ({"coffee"}, {"espresso"}),
    "espresso": ({"coffee"}, {"espresso"}),
    "rocket launch": ({"rocket"}, {"launch"}),
    "space travel": ({"rocket"}, {"launch"}),
    "motorcycle": ({"motorcycle"}, {"motorbikes"}),
    "how to look after a motorbike": ({"motorcycle"}, {"motorbikes"}),
    "chinese temple": ({"temple"}, {"pagoda"}),
    "an old palace by the water": ({"temple"}, {"pagoda"}),
    "flower": ({"flower"}, {"roses"}),
    "flowers in a garden": ({"flower"}, {"roses"}),
    "wall clock": (set(), {"pendulum"}),
    "craters of the moon": (set(), {"craters"}),
    "stone wall": ({"brick"}, set()),
    "baking bread": (set(), {"bread"}),
    "python generator": (set(), {"generators"}),
    "rental contract notice period": (set(), {"lease"}),
    "fishing boat": (set(), {"trawler"}),
    "camera on a tripod": ({"camera"}, {"aperture"}),
    "inflation and interest rates": (set(), {"inflation"}),
}


@dataclass(frozen=True)
class File:
    object_id: str
    name: str
    data: bytes

    @property
    def mime(self) -> str:
        return sniff(self.data[:4096], self.name)

    def read(self) -> bytes:
        return self.data

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


class Library:
    def __init__(self, store: VectorStore) -> None:
        self.store = store
        self.registry = Registry.discover()
        self.metadata = Metadata()
        self.encoder = QueryEncoder(self.registry)
        self.events: list[SearchEvent] = []
        self.photographs = self.metadata.add("ns_q", "library", "image", self.registry)
        self.texts = self.metadata.add("ns_q", "library", "text", self.registry)
        self.searcher = Searcher(
            self.metadata,
            self.metadata,
            self.registry,
            store,
            self.encoder,
            Rerankers.discover(),
            self.events.append,
        )

    async def fill(self) -> None:
        """Index what is not there yet; a photograph's name on disk says nothing."""
        photographs = [
            File(key, f"IMG_{1000 + number}.jpg", path.read_bytes())
            for number, (key, path) in enumerate(PHOTOGRAPHS.items())
        ]
        texts = [File(key, f"note-{n}.txt", t.encode()) for n, (key, t) in enumerate(TEXTS.items())]
        for row, files in ((self.photographs, photographs), (self.texts, texts)):
            await self.store.ensure_space(self.registry.space(row.extractor, {}))
            if await self.store.count(row.space) != len(files):
                await index(self.store, self.registry, "ns_q", row, self.extract(row, files))

    def extract(self, row: Row, files: list[File]) -> list[Piece]:
        extractor = self.registry.create(row.extractor)
        extractor.load()
        pieces: list[Piece] = []
        for answer in extractor.extract(files):
            assert answer.failure is None
            (document,) = answer.documents
            more = {"mime": files[answer.index].mime, "labels": list(document.labels)}
            key = files[answer.index].object_id
            pieces.append(Piece(key, document.text, document.vectors, more))
        assert len(pieces) == len(files)
        return pieces

    async def ask(self, **request: object) -> SearchResponse:
        return await self.searcher.search("ns_q", SearchRequest.model_validate(request))


@pytest.fixture
async def library(store: VectorStore) -> AsyncIterator[Library]:
    made = Library(store)
    await made.fill()
    yield made
    made.encoder.close()


def names(found: SearchResponse) -> list[str]:
    return [hit.object_name for hit in found.hits]


async def test_one_search_finds_pictures_and_passages(library: Library) -> None:
    both, wanted, first, precision = 0, 0, 0, list[float]()
    for query, (pictures, texts) in QUERIES.items():
        got = names(await library.ask(text=query, top=50))
        relevant = pictures | texts
        first += got[0] in relevant
        precision.append(len(relevant & set(got[: len(relevant)])) / len(relevant))
        if pictures and texts:
            wanted += 1
            both += pictures <= set(got[:3]) and texts <= set(got[:3])
    assert both >= wanted, f"{both} of {wanted} queries have both kinds in their first three"
    assert first >= len(QUERIES) - 1, f"{first} of {len(QUERIES)} first hits are right"
    assert np.mean(precision) >= 0.93, f"R-precision {np.mean(precision):.3f}"


async def test_what_only_words_can_find_is_found(library: Library) -> None:
    assert names(await library.ask(text="QX7731", top=3)).count("eye") == 1
    assert names(await library.ask(text="QX7731", top=3, mode="text")) == ["eye"]


async def test_a_picture_finds_those_that_look_like_it(library: Library) -> None:
    right = (_SKIMAGE / "motorcycle_right.png").read_bytes()
    media = Media(data=base64.b64encode(right).decode(), name="other.png")
    found = await library.ask(media=media.model_dump(), top=3)
    assert names(found)[0] == "motorcycle"
    assert found.hits[0].score > 2 * found.hits[1].score


async def test_a_document_finds_its_kin_of_the_other_kind(library: Library) -> None:
    for photograph, text in (("cat", "cats"), ("coffee", "espresso"), ("temple", "pagoda")):
        found = await library.ask(document_id=fixtures.key_of(library.photographs, photograph))
        assert text in names(found)[:4]
        assert photograph not in names(found)
        back = await library.ask(document_id=fixtures.key_of(library.texts, text))
        assert photograph in names(back)[:3]
