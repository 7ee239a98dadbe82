"""Search as a whole over the embedded engine, with small extractors whose arithmetic is known."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import search_fixtures as fixtures
from search_fixtures import Metadata, calls, index, key_of, passage, photo, png, words

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.filters import And, Condition, Filter
from workbench.domain.wire import GivenVector, Media, SearchRequest, SearchResponse
from workbench.search.encoder import QueryEncoder
from workbench.search.reranking import Rerankers
from workbench.search.searcher import Searcher
from workbench.telemetry.events import SearchEvent
from workbench.vectors.port import Arm, Scored, VectorStore, VectorsUnavailable

SEMANTIC = "mixpeek://words@1/semantic"

NOTES = [
    passage("dogs.txt", "a dog runs along the beach", page=1),
    passage("cats.txt", "the cat sleeps on a warm sofa", page=2),
    passage("ships.txt", "ships sail out of the harbour", page=3),
    passage("cakes.txt", "flour sugar and butter make a cake", page=4),
]
PHOTOS = [
    photo("dog.png", "dog animal", (250, 10, 10), width=640),
    photo("sea.png", "beach sea", (10, 10, 250), width=320),
    photo("cat.png", "cat animal", (240, 30, 30), width=100),
]


class World:
    """Two namespaces: ``ns_a`` with notes and photos in two buckets, ``ns_b`` with one secret."""

    def __init__(self, store: VectorStore) -> None:
        self.store = store
        self.registry = fixtures.registry()
        self.metadata = Metadata()
        self.events: list[SearchEvent] = []
        self.encoder = QueryEncoder(self.registry)
        self.rerankers = Rerankers(lambda: [fixtures.Shortest])
        self.notes = self.metadata.add("ns_a", "notes", "words", self.registry)
        self.photos = self.metadata.add("ns_a", "holidays", "shapes", self.registry)
        self.other = self.metadata.add("ns_a", "holidays", "words", self.registry)
        self.secret = self.metadata.add("ns_b", "secrets", "words", self.registry)
        self.metadata.empty_buckets.add(("ns_a", "fresh"))
        self.searcher = self.over(store)

    def over(self, store: VectorStore) -> Searcher:
        return Searcher(
            self.metadata,
            self.metadata,
            self.registry,
            store,
            self.encoder,
            self.rerankers,
            self.events.append,
        )

    async def fill(self) -> None:
        """Index what is not there yet."""
        find = self.registry
        expected = {self.notes.space: 6, self.photos.space: 3}
        for space, count in expected.items():
            await self.store.ensure_space(find.space(space.partition("_")[0], {}))
            if await self.store.count(space) != count:
                break
        else:
            return
        await index(self.store, find, "ns_a", self.notes, NOTES)
        await index(self.store, find, "ns_a", self.photos, PHOTOS)
        await index(self.store, find, "ns_a", self.other, [passage("sand.txt", "sand on a beach")])
        secret = [passage("secret.txt", "a dog runs along the beach")]
        await index(self.store, find, "ns_b", self.secret, secret)

    async def ask(self, namespace_id: str = "ns_a", **request: Any) -> SearchResponse:
        return await self.searcher.search(namespace_id, SearchRequest(**request))

    async def refuse(self, namespace_id: str = "ns_a", **request: Any) -> WorkbenchError:
        with pytest.raises(WorkbenchError) as caught:
            await self.ask(namespace_id, **request)
        return caught.value


@pytest.fixture
async def world(store: VectorStore) -> AsyncIterator[World]:
    calls.clear()
    made = World(store)
    await made.fill()
    yield made
    made.encoder.close()
    made.rerankers.close()


def names(response: SearchResponse) -> list[str]:
    return [hit.object_name for hit in response.hits]


# ---- what is found ------------------------------------------------------------------------------


async def test_a_text_finds_passages_and_pictures_in_one_search(world: World) -> None:
    found = await world.ask(text="dog beach")
    assert names(found)[0] == "dogs.txt"
    assert {"dog.png", "sea.png", "dogs.txt"} <= set(names(found)[:5])
    assert found.collections == ["notes.words", "holidays.shapes", "holidays.words"]
    assert found.warnings == []
    assert [hit.rank for hit in found.hits] == list(range(1, len(found.hits) + 1))
    assert [h.score for h in found.hits] == sorted((h.score for h in found.hits), reverse=True)


async def test_a_hit_says_what_it_is_and_why_it_is_there(world: World) -> None:
    found = await world.ask(text="cat", buckets=["holidays"])
    hit = found.hits[0]
    assert (hit.object_name, hit.bucket, hit.collection) == (
        "cat.png",
        "holidays",
        "holidays.shapes",
    )
    assert hit.document_id == key_of(world.photos, "cat.png")
    assert (hit.mime, hit.labels, hit.text) == ("image/png", ["cat", "animal"], "cat animal")
    assert hit.payload == {"position": 0, "kind": "image", "width": 100}
    assert {(r.kind, r.feature) for r in hit.reasons} == {
        ("dense", "mixpeek://shapes@1/semantic"),
        ("text", None),
    }
    dumped = found.model_dump_json()
    assert "ns_a" not in dumped
    assert "chk_1" not in dumped
    assert SearchResponse.model_validate_json(dumped) == found


async def test_one_encoding_serves_every_space_of_the_model(world: World) -> None:
    await world.ask(text="dog beach")
    assert [what for what, _ in calls] == ["load words", "encode words/semantic"]


async def test_a_model_that_cannot_be_opened_costs_its_own_documents_only(world: World) -> None:
    world.registry = fixtures.registry("Words", "Shapes", "Broken")
    world.encoder = QueryEncoder(world.registry)
    films = world.metadata.add("ns_a", "films", "broken", world.registry)
    await index(world.store, world.registry, "ns_a", films, [passage("reel.mp4", "a dog barks")])
    world.searcher = world.over(world.store)
    found = await world.ask(text="dog beach")
    assert {"dogs.txt", "dog.png", "reel.mp4"} <= set(names(found))
    (told,) = found.warnings
    assert "models of broken@1 cannot be opened: FileNotFoundError" in told
    assert told.endswith("what they find is searched by words only")
    found = await world.ask(text="dog beach", mode="dense")
    assert "dogs.txt" in names(found)
    assert "reel.mp4" not in names(found)
    assert "it was not searched" in found.warnings[0]
    assert names(await world.ask(text="dog", buckets=["films"])) == ["reel.mp4"]
    refused = await world.refuse(text="dog", buckets=["films"], mode="dense")
    assert refused.code == Code.UNAVAILABLE, "nothing is left to be searched"


async def test_documents_that_lie_in_an_earlier_space_are_found_too(world: World) -> None:
    now = world.metadata.add("ns_c", "notes", "words", world.registry)
    earlier = replace(now, extractor=world.photos.extractor, space=world.photos.space)
    world.metadata.rows["ns_c"].append(earlier)
    old = photo("old.png", "dog animal", (9, 9, 9))
    await index(world.store, world.registry, "ns_c", earlier, [old])
    await index(world.store, world.registry, "ns_c", now, NOTES[:1])
    found = await world.ask("ns_c", text="dog animal")
    assert set(names(found)) == {"old.png", "dogs.txt"}
    assert found.collections == ["notes.words"]


async def test_mode_text_compares_words_only(world: World) -> None:
    found = await world.ask(text="harbour", mode="text")
    assert names(found) == ["ships.txt"]
    assert [reason.kind for hit in found.hits for reason in hit.reasons] == ["text"]
    assert calls == []
    assert found.timing.encode == 0.0
    assert names(await world.ask(text="xylophone", mode="text")) == []


async def test_mode_dense_compares_vectors_only(world: World) -> None:
    found = await world.ask(text="cat", mode="dense", collections=["notes.words"])
    assert names(found)[0] == "cats.txt"
    assert {reason.kind for hit in found.hits for reason in hit.reasons} == {"dense"}
    assert len(found.hits) == len(NOTES)


async def test_one_list_keeps_the_engines_scores(world: World) -> None:
    found = await world.ask(text="cat", mode="dense", collections=["notes.words"])
    cosine = float(words("cat") @ words("the cat sleeps on a warm sofa"))
    assert found.hits[0].score == pytest.approx(cosine, abs=1e-3)
    assert found.hits[0].reasons[0].score == found.hits[0].score


async def test_an_example_picture_finds_pictures_by_colour(world: World) -> None:
    media = Media(data=base64.b64encode(png((245, 25, 25))).decode(), name="x.png")
    found = await world.ask(media=media)
    assert names(found) == ["cat.png", "dog.png", "sea.png"]
    assert {reason.feature for reason in found.hits[0].reasons} == {"mixpeek://shapes@1/visual"}


async def test_a_given_vector_reaches_its_feature_only(world: World) -> None:
    vector = GivenVector(feature=SEMANTIC, values=words("ships harbour").tolist())
    found = await world.ask(vector=vector)
    assert names(found)[0] == "ships.txt"
    assert {hit.extractor for hit in found.hits} == {"words@1"}
    assert calls == []
    data = base64.b64encode(words("ships harbour").astype("<f4").tobytes()).decode()
    again = await world.ask(vector=GivenVector(feature=SEMANTIC, data=data))
    assert again.hits == found.hits


async def test_more_like_a_document_leaves_it_out(world: World) -> None:
    found = await world.ask(document_id=key_of(world.photos, "dog.png"))
    assert "dog.png" not in names(found)
    assert {"cat.png", "dogs.txt"} <= set(names(found)[:4])  # by colour and by words
    from_notes = await world.ask(document_id=key_of(world.notes, "dogs.txt"), buckets=["holidays"])
    assert set(names(from_notes)) == {"dog.png", "sea.png", "cat.png", "sand.txt"}


# ---- scope and tenancy --------------------------------------------------------------------------


async def test_buckets_and_collections_narrow_the_search(world: World) -> None:
    found = await world.ask(text="beach", buckets=["holidays"])
    assert set(names(found)) == {"dog.png", "sea.png", "cat.png", "sand.txt"}
    found = await world.ask(text="beach", collections=["holidays.words"])
    assert names(found) == ["sand.txt"]
    found = await world.ask(text="beach", collections=[world.notes.collection_id])
    assert set(names(found)) == {piece.name for piece in NOTES}


async def test_a_namespace_sees_its_own_documents_only(world: World) -> None:
    secret = key_of(world.secret, "secret.txt")
    for request in (
        {"text": "a dog runs along the beach"},
        {"text": "a dog runs along the beach", "mode": "text"},
        {"text": "dog", "filter": 'namespace = "ns_b" or page > 0'},
        {"text": "dog", "filter": {"NOT": [{"field": "page", "operator": "eq", "value": 99}]}},
        {"vector": GivenVector(feature=SEMANTIC, values=words("dog beach").tolist())},
        {"document_id": key_of(world.notes, "dogs.txt")},
    ):
        found = await world.ask(top=100, **request)
        assert secret not in {hit.document_id for hit in found.hits}
        assert "secret.txt" not in names(found)
    assert names(await world.ask("ns_b", text="dog")) == ["secret.txt"]
    error = await world.refuse(document_id=secret)
    assert error.code is Code.NOT_FOUND
    error = await world.refuse(buckets=["secrets"], text="a")
    assert error.code is Code.NOT_FOUND
    assert "secrets" not in (error.hint or "")


class Spy:
    """Passes everything on, and keeps the arms."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self.arms: list[Arm] = []
        self.retrieved: list[str] = []

    async def search(self, arms: list[Arm]) -> list[list[Scored]]:
        self.arms += arms
        return await self._store.search(arms)

    async def retrieve(self, space: str, ids: list[str], **more: Any) -> Any:
        self.retrieved += ids
        return await self._store.retrieve(space, ids, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def conditions(filter: Filter | None) -> dict[str, Any]:
    """The conditions that must all hold, by field."""
    assert filter is not None
    parts = filter.filters if isinstance(filter, And) else (filter,)
    return {part.field: part.value for part in parts if isinstance(part, Condition)}


async def test_every_arm_carries_its_scope(world: World) -> None:
    spy = Spy(world.store)
    searcher = world.over(spy)  # type: ignore[arg-type]
    await searcher.search("ns_a", SearchRequest(text="dog", filter="page > 1", exact=True))
    assert len(spy.arms) == 4
    for arm in spy.arms:
        assert conditions(arm.filter) == {"namespace": "ns_a", "page": 1}
        assert arm.exact
        assert arm.limit == 50
    spy.arms.clear()
    await searcher.search("ns_a", SearchRequest(text="dog", buckets=["holidays"]))
    assert [conditions(arm.filter) for arm in spy.arms] == [
        {"collection_id": (row.collection_id,)}
        for row in (world.photos, world.other, world.photos, world.other)
    ]


@pytest.mark.parametrize("top", [5, 200])
async def test_a_hit_of_another_tenant_is_dropped_whoever_sends_it(world: World, top: int) -> None:
    """Were a filter lost on its way, the check of what comes back would still hold."""

    class Careless(Spy):
        async def search(self, arms: list[Arm]) -> list[list[Scored]]:
            return await self._store.search([replace(arm, filter=None) for arm in arms])

    careless = world.over(Careless(world.store))  # type: ignore[arg-type]
    for more in ({}, {"buckets": ["notes"]}):
        found = await careless.search("ns_a", SearchRequest(text="dog", top=top, **more))
        assert found.hits
        assert "secret.txt" not in names(found)
        assert {hit.bucket for hit in found.hits} <= {*more.get("buckets", ["notes", "holidays"])}


async def test_one_arm_asks_for_exactly_the_page(world: World) -> None:
    spy = Spy(world.store)
    searcher = world.over(spy)  # type: ignore[arg-type]
    vector = GivenVector(feature=SEMANTIC, values=words("dog").tolist())
    request = SearchRequest(vector=vector, top=2, offset=1, buckets=["notes"])
    found = await searcher.search("ns_a", request)
    (arm,) = spy.arms
    assert (arm.limit, arm.using, arm.payload) == (3, "semantic", True)
    assert [hit.rank for hit in found.hits] == [2, 3]


async def test_a_filter_holds_in_every_list(world: World) -> None:
    found = await world.ask(text="dog beach", filter='mime = "image/png"')
    assert set(names(found)) == {"dog.png", "sea.png", "cat.png"}
    found = await world.ask(text="dog beach", filter="width > 200")
    assert set(names(found)) == {"dog.png", "sea.png"}
    error = await world.refuse(text="dog", filter="page >")
    assert error.code is Code.INVALID_FILTER


# ---- pages --------------------------------------------------------------------------------------


async def test_pages_follow_each_other(world: World) -> None:
    whole = names(await world.ask(text="dog beach", top=8))
    assert len(whole) == 8
    pages = [names(await world.ask(text="dog beach", top=3, offset=n)) for n in (0, 3, 6)]
    assert [name for page in pages for name in page] == whole
    assert names(await world.ask(text="dog beach", offset=100)) == []


async def test_fused_pages_fetch_the_payloads_of_the_page_only(world: World) -> None:
    spy = Spy(world.store)
    searcher = world.over(spy)  # type: ignore[arg-type]
    found = await searcher.search("ns_a", SearchRequest(text="dog beach", top=3))
    assert {arm.payload for arm in spy.arms} == {False}
    assert sorted(spy.retrieved) == sorted(hit.document_id for hit in found.hits)
    assert all(hit.object_name for hit in found.hits)


async def test_a_document_deleted_meanwhile_is_left_out(world: World) -> None:
    class Deleting(Spy):
        async def search(self, arms: list[Arm]) -> list[list[Scored]]:
            found = await super().search(arms)
            where = Condition("object_name", "eq", "dogs.txt")  # type: ignore[arg-type]
            await self._store.delete(world.registry.space("words", {}).name, where)
            return found

    searcher = world.over(Deleting(world.store))  # type: ignore[arg-type]
    found = await searcher.search("ns_a", SearchRequest(text="dog beach", top=200))
    assert "dogs.txt" not in names(found)
    assert len(found.hits) == 7
    assert [hit.rank for hit in found.hits] == list(range(1, 8))


# ---- what is missing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "says", "hint"),
    [
        ({"buckets": ["holiday"]}, "no bucket 'holiday'", "did you mean holidays?"),
        ({"buckets": ["zzz"]}, "no bucket 'zzz'", "buckets here: holidays, notes"),
        ({"collections": ["note.words"]}, "no collection", "did you mean notes.words"),
        (
            {"buckets": ["notes"], "collections": ["holidays.words"]},
            "no collection 'holidays.words'",
            "did you mean notes.words?",
        ),
    ],
)
async def test_unknown_names_are_answered_with_near_ones(
    world: World, request_: dict[str, Any], says: str, hint: str
) -> None:
    error = await world.refuse(text="a", **request_)
    assert error.code is Code.NOT_FOUND
    assert says in error.message
    assert hint in (error.hint or "")


async def test_an_empty_bucket_gives_a_warning_and_no_hits(world: World) -> None:
    found = await world.ask(text="a", buckets=["fresh"])
    assert found.hits == []
    assert found.warnings == ["bucket fresh has no collections yet: nothing was ingested into it"]
    found = await world.ask("ns_new", text="a")
    assert found.hits == []
    assert found.warnings == ["there are no collections yet: nothing was ingested"]


async def test_a_collection_without_documents_gives_a_warning(world: World) -> None:
    world.metadata.add("ns_c", "later", "words", world.registry)
    found = await world.ask("ns_c", text="a")
    assert found.hits == []
    assert found.warnings == ["no documents were found in later.words: they may still be empty"]


async def test_a_query_that_nothing_here_understands_gives_a_warning(world: World) -> None:
    media = Media(data=base64.b64encode(png((1, 2, 3))).decode())
    found = await world.ask(media=media, buckets=["notes"])
    assert found.hits == []
    assert found.warnings == ["no collection here can be searched with an example of image/png"]


async def test_documents_of_a_lost_extractor_are_found_by_their_words(world: World) -> None:
    lost = fixtures.registry("Shapes")
    searcher = Searcher(
        world.metadata,
        world.metadata,
        lost,
        world.store,
        world.encoder,
        world.rerankers,
        world.events.append,
    )
    found = await searcher.search("ns_a", SearchRequest(text="harbour"))
    assert "ships.txt" in names(found)
    assert any("'words@1'" in each and "words only" in each for each in found.warnings)


@pytest.mark.parametrize(
    ("feature", "size", "code", "says"),
    [
        ("mixpeek://words@1/semantic", 3, Code.INVALID_QUERY, "have 64 components, this one has 3"),
        ("mixpeek://words@1/visual", 3, Code.INVALID_QUERY, "words@1 has no output 'visual'"),
        ("mixpeek://words@2/semantic", 3, Code.NOT_FOUND, "no extractor 'words@2'"),
    ],
)
async def test_a_vector_of_another_shape_is_refused(
    world: World, feature: str, size: int, code: Code, says: str
) -> None:
    error = await world.refuse(vector=GivenVector(feature=feature, values=[1.0] * size))
    assert error.code is code
    assert says in error.message


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-5000-8000-000000000000"])
async def test_an_unknown_document_is_not_found(world: World, name: str) -> None:
    assert (await world.refuse(document_id=name)).code is Code.NOT_FOUND


# ---- telemetry and trouble ----------------------------------------------------------------------


async def test_every_search_is_told_once(world: World) -> None:
    await world.ask(text="dog")
    await world.refuse(text="unspeakable")
    await world.refuse()
    await world.ask(media=Media(data=base64.b64encode(png((1, 2, 3))).decode()))
    told = [(e.kind, e.mode, e.error, e.collections) for e in world.events]
    assert told == [
        ("text", "hybrid", None, 3),
        ("text", "hybrid", "invalid_query", 3),
        ("text", "hybrid", "invalid_query", 0),
        ("media", "hybrid", None, 3),
    ]
    first = world.events[0]
    assert first.hits == 8
    assert first.namespace_id == "ns_a"
    assert first.seconds >= first.encode_seconds + first.engine_seconds > 0
    assert len({event.event_id for event in world.events}) == 4


async def test_an_engine_that_is_away_says_so(world: World) -> None:
    class Away(Spy):
        async def search(self, arms: list[Arm]) -> list[list[Scored]]:
            raise VectorsUnavailable("no answer")

    searcher = world.over(Away(world.store))  # type: ignore[arg-type]
    with pytest.raises(WorkbenchError, match="cannot be reached") as caught:
        await searcher.search("ns_a", SearchRequest(text="dog"))
    assert caught.value.code is Code.UNAVAILABLE
    assert world.events[-1].error == "unavailable"


async def test_a_defect_is_told_too(world: World) -> None:
    class Defective(Spy):
        async def search(self, arms: list[Arm]) -> list[list[Scored]]:
            raise RuntimeError("boom")

    searcher = world.over(Defective(world.store))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        await searcher.search("ns_a", SearchRequest(text="dog"))
    assert world.events[-1].error == "internal"


async def test_timing_adds_up(world: World) -> None:
    found = await world.ask(text="timing is measured")
    assert found.timing.encode > 0
    assert found.timing.engine > 0
    assert found.timing.total >= found.timing.encode + found.timing.engine
    assert np.isfinite(found.timing.total)


async def test_kinds_narrow_to_kinds_of_object(world: World) -> None:
    everything = await world.ask(text="dog")
    assert len({hit.mime for hit in everything.hits}) == 2
    pictures = await world.ask(text="dog", kinds=["image"])
    assert {hit.mime for hit in pictures.hits} == {"image/png"}
    assert not (await world.ask(text="dog", kinds=["video"])).hits


async def test_groups_show_the_best_hit_of_each_object(world: World) -> None:
    """Five objects with three documents each: with a page of three, three objects come."""
    store, find = world.store, world.registry
    row = world.metadata.add("ns_g", "long", "words", find)
    pieces = [
        passage(f"{name}-{number}", f"a dog {'and more ' * number}", start_ms=number * 1000)
        for name in "abcde"
        for number in range(3)
    ]
    pieces = [replace(p, more={**p.more, "object_id": f"obj_{p.name[0]}"}) for p in pieces]
    await index(store, find, "ns_g", row, pieces)
    for mode in ("dense", "hybrid"):
        flat = await world.ask("ns_g", text="a dog", mode=mode, top=15)
        found = await world.ask("ns_g", text="a dog", mode=mode, top=3, group=True)
        order = list(dict.fromkeys(hit.object_id for hit in flat.hits))
        assert [hit.object_id for hit in found.hits] == order[:3]
        assert [hit.rank for hit in found.hits] == [1, 2, 3]
        for hit in found.hits:
            same = [h for h in flat.hits if h.object_id == hit.object_id]
            assert hit.document_id == same[0].document_id
            assert [o.document_id for o in hit.others] == [h.document_id for h in same[1:]]
            assert {o.start_ms for o in hit.others} | {hit.start_ms} == {0, 1000, 2000}
        rest = await world.ask("ns_g", text="a dog", mode=mode, top=3, offset=3, group=True)
        assert [hit.object_id for hit in rest.hits] == order[3:]
        assert [hit.rank for hit in rest.hits] == [4, 5]


async def test_an_object_with_many_close_documents_hides_no_other(world: World) -> None:
    row = world.metadata.add("ns_h", "books", "words", world.registry)
    book = [passage(f"book-{number}", "a dog", page=number) for number in range(300)]
    book = [replace(p, more={**p.more, "object_id": "obj_book"}) for p in book]
    others = [passage(f"note-{number}", f"a dog {'elsewhere ' * 3}") for number in range(4)]
    await index(world.store, world.registry, "ns_h", row, [*book, *others])
    for mode in ("dense", "hybrid"):
        found = await world.ask("ns_h", text="a dog", mode=mode, top=5, group=True)
        assert len(found.hits) == 5, mode
        assert found.hits[0].object_id == "obj_book"
        rerank = "tiny/shortest"
        anew = await world.ask("ns_h", text="a dog", mode=mode, top=5, group=True, rerank=rerank)
        assert len(anew.hits) == 5, mode


# ---- the second look ----------------------------------------------------------------------------


async def test_a_reranker_orders_the_hits_anew(world: World) -> None:
    plain = await world.ask(text="dog beach", top=50)
    found = await world.ask(text="dog beach", top=50, rerank="tiny/shortest")
    assert {hit.document_id for hit in found.hits} == {hit.document_id for hit in plain.hits}
    lengths = [len(hit.text or "") for hit in found.hits]
    assert lengths == sorted(lengths)
    assert lengths != [len(hit.text or "") for hit in plain.hits]
    assert [hit.rank for hit in found.hits] == list(range(1, len(found.hits) + 1))
    assert all(hit.reasons[0].kind == "rerank" for hit in found.hits)
    assert found.timing.rerank > 0
    assert plain.timing.rerank == 0
    assert world.events[-1].rerank_seconds == found.timing.rerank


async def test_pages_and_groups_are_made_after_it(world: World) -> None:
    whole = await world.ask(text="dog beach", top=50, rerank="tiny/shortest")
    ids = [hit.document_id for hit in whole.hits]
    paged: list[str] = []
    for offset in range(0, len(ids), 3):
        page = await world.ask(text="dog beach", top=3, offset=offset, rerank="tiny/shortest")
        assert [hit.rank for hit in page.hits] == list(
            range(offset + 1, offset + 1 + len(page.hits))
        )
        paged += [hit.document_id for hit in page.hits]
    assert paged == ids
    grouped = await world.ask(text="dog beach", top=2, group=True, rerank="tiny/shortest")
    assert [hit.object_id for hit in grouped.hits] == list(
        dict.fromkeys(hit.object_id for hit in whole.hits)
    )[:2]


async def test_only_texts_are_reranked(world: World) -> None:
    example = Media(data=base64.b64encode(png((1, 2, 3))).decode())
    error = await world.refuse(media=example, rerank="tiny/shortest")
    assert error.code is Code.INVALID_QUERY
    assert "rerank compares texts" in error.message


async def test_a_reranker_without_hits_is_not_asked(world: World) -> None:
    calls.clear()
    found = await world.ask(text="dog", buckets=["fresh"], rerank="tiny/shortest")
    assert found.hits == []
    assert not any(what.startswith("score") for what, _ in calls)
