"""The ledger: everything may be told twice, counts always add up, ended tasks stay ended."""

from __future__ import annotations

import pytest
from databases import Stores
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from task_help import NS, TOY, Desk, failed, indexed

from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.states import ItemState, TaskState
from workbench.store import tables as t
from workbench.store.acceptance import Recipe, Scope
from workbench.store.chunk_end import Finding
from workbench.store.collections import Collections
from workbench.store.database import Database, now_ms
from workbench.store.failures import Failures
from workbench.store.listing import PageRequest
from workbench.store.records import TaskRecord
from workbench.store.retrying import Selection
from workbench.store.tasks import Tasks
from workbench.store.uploads import Content, UploadedObjects


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def progress(desk: Desk, task_id: str) -> dict[str, int]:
    task = Tasks(desk.database).get(NS, task_id)
    assert task is not None
    return task.progress.model_dump(exclude_defaults=True)


def run(desk: Desk, files: dict[str, str], recipe: Recipe = TOY, sha: str = "s") -> str:
    """A whole ingest in which everything goes well."""
    task = desk.begin(recipe)
    desk.list_page(task, files)
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [indexed(i, f"{sha}-{i.name}-{i.fingerprint}") for i in items])
    desk.endings.finish(NS, task.task_id, canceled=False)
    return task.task_id


def test_an_ingest_from_listing_to_its_end(desk):
    task = desk.begin()
    assert desk.list_page(task, {"a": "1", "b": "1", "c": "1"})
    chunk_id, items = desk.plan(task)
    assert [i.name for i in items] == ["a", "b", "c"]
    desk.ledger.mark_extracted(NS, task.task_id, chunk_id)
    assert progress(desk, task.task_id)["extracted"] == 3
    desk.record(
        task, chunk_id, [indexed(items[0]), indexed(items[1], documents=4), failed(items[2])]
    )
    state = desk.endings.finish(NS, task.task_id, canceled=False)
    assert state is TaskState.COMPLETED_WITH_ERRORS
    assert progress(desk, task.task_id) == {"total": 3, "indexed": 2, "failed": 1, "documents": 5}


def test_a_page_and_a_chunk_told_twice_count_once(desk):
    task = desk.begin()
    assert desk.list_page(task, {"a": "1", "b": "1"}, upto="b")
    assert not desk.list_page(task, {"a": "1", "b": "1"}, upto="b")
    again = desk.ledger.task(NS, task.task_id)
    assert again.listing_cursor == "b"
    assert desk.list_page(task, {"c": "1"}, after="b")
    assert not desk.list_page(task, {"c": "1"}, after="b")
    chunk_id, items = desk.plan(task)
    findings = [indexed(i) for i in items]
    desk.record(task, chunk_id, findings)
    desk.record(task, chunk_id, findings)
    assert desk.endings.finish(NS, task.task_id, canceled=False) is TaskState.COMPLETED
    assert progress(desk, task.task_id) == {"total": 3, "indexed": 3, "documents": 3}


def test_an_unchanged_source_is_skipped_and_a_changed_file_is_not(desk):
    run(desk, {"a": "1", "b": "1"})
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "2", "c": "1"})
    _, items = desk.plan(task)
    assert [(i.name, i.known_sha256) for i in items] == [("b", "s-b-1"), ("c", None)]
    assert progress(desk, task.task_id) == {"total": 3, "pending": 2, "skipped": 1, "documents": 1}


def test_a_missing_file_is_removed_and_one_out_of_scope_is_not(desk):
    run(desk, {"a": "1", "d/x": "1", "d/y": "1", "e": "1"})
    task = desk.begin()
    desk.list_page(task, {"d/x": "1"}, scope="d")
    missing = desk.ledger.missing(NS, task.task_id, 10)
    assert len(missing) == 1
    assert desk.ledger.remove(NS, task.task_id, missing) == missing
    assert desk.ledger.spaces_of(NS, missing) == {TOY.space}
    desk.ledger.removed(NS, task.task_id, missing)
    assert desk.ledger.missing(NS, task.task_id, 10) == []
    assert desk.endings.finish(NS, task.task_id, canceled=False) is TaskState.COMPLETED
    later = desk.begin()
    desk.list_page(later, {"a": "1", "d/x": "1", "d/y": "1", "e": "1"})
    _, items = desk.plan(later)
    assert [i.name for i in items] == ["d/y"], "what came back is extracted again"


def uploaded(desk: Desk, name: str, sha256: str = "1", round: str = "r1") -> str:
    """An upload into the bucket u; the object's id."""
    rows = UploadedObjects(desk.database)
    bucket, _ = rows.ensure_bucket(NS, "u", "uploads://here/u")
    (recorded,) = rows.record(bucket, [Content(name, "text/x-toy", 10, sha256, 1, round)])
    return recorded.object.object_id


def sync_uploads(desk: Desk, round: str) -> TaskRecord:
    """A task that removes what the round did not name."""
    return desk.begin(bucket="u", source_kind="uploads", source_uri="uploads://here/u", round=round)


@pytest.mark.parametrize("by", ["a round without it", "a deletion"])
@pytest.mark.parametrize("when", ["before it is marked", "before its documents are gone"])
def test_an_upload_that_comes_back_meanwhile_is_not_removed(desk: Desk, when: str, by: str):
    object_id = uploaded(desk, "a")
    task = desk.begin(bucket="u", source_kind="uploads", source_uri="uploads://here/u")
    desk.list_page(task, {"a": "sha256:1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [indexed(items[0])])
    desk.endings.finish(NS, task.task_id, canceled=False)
    bucket_id = task.bucket_id or ""
    if by == "a deletion":
        task_id = desk.acceptance.delete(NS, "object", object_id, bucket_id)
        task = desk.ledger.begin(NS, task_id)
    else:
        task = sync_uploads(desk, "r2")
    missing = desk.ledger.missing(NS, task.task_id, 10)
    assert missing == [object_id]
    if when == "before it is marked":
        assert uploaded(desk, "a", round="r3") == object_id
    going = desk.ledger.remove(NS, task.task_id, missing)
    if when == "before its documents are gone":
        assert going == [object_id]
        assert uploaded(desk, "a", round="r3") == object_id
    desk.ledger.removed(NS, task.task_id, going)
    assert not desk.ledger.known(NS, bucket_id, "", None, "")["a"].removed
    assert UploadedObjects(desk.database).unused(NS, bucket_id, {"1"}) == set()
    if by == "a deletion":
        desk.endings.complete(NS, task.task_id)
    else:
        desk.list_page(task, {})
        desk.endings.finish(NS, task.task_id, canceled=False)
    later = desk.begin(bucket="u", source_kind="uploads", source_uri="uploads://here/u")
    desk.list_page(later, {"a": "sha256:1"})
    again = [i.name for i in desk.plan(later)[1]]
    assert again == (["a"] if going else []), "what has lost its documents is extracted again"


def test_a_file_that_another_listing_finds_again_stays(desk: Desk):
    run(desk, {"a": "1", "b": "1"})
    task, other = desk.begin(), desk.begin()
    desk.list_page(task, {"b": "1"})
    assert len(desk.ledger.missing(NS, task.task_id, 10)) == 1
    desk.list_page(other, {"a": "1", "b": "1"})
    assert desk.ledger.missing(NS, task.task_id, 10) == []


def test_new_parameters_make_a_revision_and_everything_is_extracted_again(desk):
    run(desk, {"a": "1", "b": "1"})
    task = desk.begin(Recipe("toy@1", "toy", {"prefix": "x"}, "digest-2", TOY.space))
    (collection,) = desk.collections(task)
    assert (collection.revision, collection.digest) == (2, "digest-2")
    desk.list_page(task, {"a": "1", "b": "1"})
    _, items = desk.plan(task)
    assert len(items) == 2
    read = {i.object_id: f"s-{i.name}-1" for i in items}
    found = desk.ledger.found(NS, collection.collection_id, "digest-2", read)
    assert [set(stale.object_ids) for stale in found.stale] == [set(read)]
    assert {digest for _, digest in found.content.values()} == {"digest-1"}
    assert not desk.ledger.found(NS, collection.collection_id, "digest-1", read).stale


def test_documents_of_an_earlier_space_are_reached_until_they_are_extracted_again(desk):
    def spaces() -> list[tuple[str, str]]:
        rows = Collections(desk.database).reach(NS)
        assert {row.name for row in rows} == {"b.toy"}
        return [(row.space, row.parameters.get("model", "")) for row in rows]

    run(desk, {"a": "1", "b": "1"})
    assert spaces() == [(TOY.space, "")]
    other = Recipe("toy@1", "toy", {"model": "big"}, "digest-2", "toy_v1_big")
    task = desk.begin(other)
    assert spaces() == [("toy_v1_big", "big"), (TOY.space, "")]
    beside = desk.begin(other)
    desk.list_page(task, {"a": "1", "b": "1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [indexed(items[0]), failed(items[1])])
    desk.endings.finish(NS, task.task_id, canceled=False)
    assert spaces() == [("toy_v1_big", "big"), (TOY.space, "")], "b is found as it was"
    retry = desk.ledger.begin(NS, desk.acceptance.retry(NS, task.task_id, Selection()))
    chunk_id, items = desk.plan(retry)
    desk.record(retry, chunk_id, [indexed(items[0])])
    desk.endings.finish(NS, retry.task_id, canceled=False)
    assert len(spaces()) == 2, "a task that works beside it may still write there"
    desk.endings.finish(NS, beside.task_id, canceled=True)
    assert spaces() == [("toy_v1_big", "big")]
    desk.begin(TOY)
    assert spaces() == [(TOY.space, ""), ("toy_v1_big", "big")], "and back again"


def test_what_was_made_by_an_older_revision_is_planned_for_the_newer_one(desk: Desk):
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "1"})
    chunk_id, items = desk.plan(task)
    desk.ledger.mark_extracted(NS, task.task_id, chunk_id)
    (older,) = desk.collections(task)
    desk.begin(Recipe("toy@1", "toy", {"prefix": "x"}, "digest-2", TOY.space))
    findings = [indexed(item) for item in items]
    assert not desk.record(task, chunk_id, findings, collection=older)
    assert desk.record(task, *desk.plan(task)[:1], findings) is True
    assert desk.endings.finish(NS, task.task_id, canceled=False) is TaskState.COMPLETED
    assert progress(desk, task.task_id) == {"total": 2, "indexed": 2, "documents": 2}


def test_the_version_grows_when_the_content_does(desk):
    run(desk, {"a": "1"}, sha="one")
    known = desk.ledger.known(NS, desk.begin().bucket_id or "", "", None, "")
    assert (known["a"].version, known["a"].sha256) == (1, "one-a-1")
    run(desk, {"a": "2"}, sha="two")
    known = desk.ledger.known(NS, desk.begin().bucket_id or "", "", None, "")
    assert (known["a"].version, known["a"].sha256) == (2, "two-a-2")


def test_what_a_stopped_chunk_left_is_planned_again(desk):
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "1", "c": "1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [indexed(items[0])], left=[items[1].object_id, items[2].object_id])
    other, rest = desk.plan(task)
    assert [i.name for i in rest] == ["b", "c"]
    desk.ledger.release(NS, other)
    _, rest = desk.plan(task)
    assert [i.name for i in rest] == ["b", "c"]


def test_an_ended_task_never_changes(desk):
    task_id = run(desk, {"a": "1"})
    with pytest.raises(WorkbenchError) as refused:
        desk.acceptance.ask(NS, task_id, "cancel")
    assert refused.value.code is Code.TASK_ENDED
    desk.ledger.fail(NS, task_id, "x", "y", None)
    assert desk.ledger.task(NS, task_id).state is TaskState.COMPLETED
    assert desk.endings.finish(NS, task_id, canceled=True) is TaskState.COMPLETED


def test_every_end_state_has_its_reason(desk):
    empty = desk.begin()
    desk.list_page(empty, {})
    assert desk.endings.finish(NS, empty.task_id, canceled=False) is TaskState.FAILED
    task = Tasks(desk.database).get(NS, empty.task_id)
    assert task is not None
    assert task.error is not None
    assert task.error.code == "nothing_listed"
    all_failed = desk.begin()
    desk.list_page(all_failed, {"a": "1"})
    chunk_id, items = desk.plan(all_failed)
    desk.record(all_failed, chunk_id, [failed(items[0])])
    assert desk.endings.finish(NS, all_failed.task_id, canceled=False) is TaskState.FAILED
    canceled = desk.begin()
    desk.list_page(canceled, {"a": "1", "b": "1"})
    assert desk.endings.finish(NS, canceled.task_id, canceled=True) is TaskState.CANCELED
    assert progress(desk, canceled.task_id)["canceled"] == 2


def test_an_item_waits_for_its_next_attempt_and_fails_when_they_are_used_up(desk):
    retry = {"attempts": 2, "backoff": 20}
    task = desk.begin(retry=retry)
    desk.list_page(task, {"a": "1", "b": "1"})
    chunk_id, items = desk.plan(task)
    network = {**(failed(items[0]).failure or {}), "category": "network"}
    reason = Finding(items[0].object_id, ItemState.FAILED, "1", failure=network)
    desk.record(task, chunk_id, [reason, indexed(items[1])])
    assert progress(desk, task.task_id) == progress(desk, task.task_id) | {"pending": 1}
    assert desk.planning.waiting(NS, task.task_id) == {}
    due = desk.planning.next_due(NS, task.task_id)
    assert due is not None
    assert 0 < due <= 20
    with desk.database.write() as connection:  # the time comes
        connection.execute(t.items.update().values(not_before=1))
    assert desk.planning.next_due(NS, task.task_id) == 0
    chunk_id, again = desk.plan(task)
    assert [i.name for i in again] == ["a"]
    desk.record(task, chunk_id, [reason])
    assert desk.planning.next_due(NS, task.task_id) is None
    (failure,) = Failures(desk.database).list(NS, task.task_id, PageRequest()).results
    assert (failure.attempts, failure.worker, failure.digest) == (2, "w", TOY.digest)
    state = desk.endings.finish(NS, task.task_id, canceled=False)
    assert state is TaskState.COMPLETED_WITH_ERRORS


def test_a_retry_has_the_failed_items_only(desk):
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [indexed(items[0]), failed(items[1])])
    desk.endings.finish(NS, task.task_id, canceled=False)
    retry = desk.ledger.begin(NS, desk.acceptance.retry(NS, task.task_id, Selection()))
    assert retry.retry_of == task.task_id
    assert retry.listing_ended
    _, again = desk.plan(retry)
    assert [i.name for i in again] == ["b"]
    assert progress(desk, retry.task_id) == {"total": 1, "pending": 1}


def test_what_is_gone_is_not_retried(desk):
    """It could never be planned."""
    task = desk.begin()
    desk.list_page(task, {"a": "1", "b": "1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [failed(item) for item in items])
    desk.endings.finish(NS, task.task_id, canceled=False)
    with desk.database.write() as connection:
        connection.execute(
            t.objects.update()
            .where(t.objects.c.object_id == items[0].object_id)
            .values(removed_at=now_ms())
        )
    retry = desk.ledger.begin(NS, desk.acceptance.retry(NS, task.task_id, Selection()))
    assert progress(desk, retry.task_id) == {"total": 1, "pending": 1}
    with desk.database.write() as connection:
        connection.execute(t.collections.delete())
    with pytest.raises(WorkbenchError, match="still there"):
        desk.acceptance.retry(NS, task.task_id, Selection())


def test_nothing_begins_in_a_bucket_while_something_of_it_is_deleted(desk):
    task = desk.begin()
    desk.list_page(task, {"a": "1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [failed(items[0])])
    desk.endings.finish(NS, task.task_id, canceled=False)
    delete = desk.acceptance.delete(NS, "bucket", task.bucket_id, task.bucket_id)
    for begin in (
        desk.begin,
        lambda: desk.acceptance.retry(NS, task.task_id, Selection()),
        lambda: desk.acceptance.reindex(NS, Scope(), compact=False),
    ):
        with pytest.raises(WorkbenchError, match=f"task {delete} deletes here"):
            begin()


def test_a_bucket_is_not_deleted_while_several_are_rebuilt(desk):
    first, second = run(desk, {"a": "1"}), desk.begin(bucket="other")
    desk.list_page(second, {"b": "1"})
    desk.endings.finish(NS, second.task_id, canceled=True)
    desk.acceptance.reindex(NS, Scope(), compact=False)
    bucket_id = desk.ledger.task(NS, first).bucket_id
    with pytest.raises(WorkbenchError, match="works on bucket"):
        desk.acceptance.delete(NS, "bucket", bucket_id, bucket_id)


def test_a_lost_count_fails_the_task_and_says_where(desk):
    from workbench.store import tables as t

    task = desk.begin()
    desk.list_page(task, {"a": "1"})
    chunk_id, items = desk.plan(task)
    desk.record(task, chunk_id, [indexed(items[0])])
    with desk.database.write() as connection:
        connection.execute(t.progress.update().values(indexed=2))
    assert desk.endings.finish(NS, task.task_id, canceled=False) is TaskState.FAILED
    found = Tasks(desk.database).get(NS, task.task_id)
    assert found is not None
    assert found.error is not None
    assert "indexed 2, items 1" in found.error.message


def test_another_source_under_the_same_name_is_refused(desk):
    desk.begin()
    with pytest.raises(WorkbenchError) as refused:
        desk.begin(source_uri="/elsewhere")
    assert refused.value.code is Code.BUCKET_SOURCE_CONFLICT
    assert "--bucket" in (refused.value.hint or "")


def test_the_same_idempotency_key_gives_the_same_task(desk):
    from workbench.store.acceptance import IngestOrder

    order = IngestOrder("b", "folder", "/media", {}, [TOY])
    assert desk.acceptance.ingest(NS, order, "k") == desk.acceptance.ingest(NS, order, "k")
    assert desk.acceptance.ingest(NS, order, "k2") != desk.acceptance.ingest(NS, order, "k")


class LedgerMachine(RuleBasedStateMachine):
    """Chunks end in any order, twice, partly; the counters equal the items after every step."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.stores = stores

    @initialize(count=st.integers(1, 12))
    def start(self, count: int) -> None:
        self.desk = Desk(Database(self.stores.empty()))
        self.task = self.desk.begin()
        self.desk.list_page(self.task, {f"{i:02}": "1" for i in range(count)})
        self.chunks: list[tuple[str, list]] = []
        self.told: list[tuple[str, list[Finding], list[str]]] = []

    @rule(most=st.integers(1, 4))
    def plan(self, most: int) -> None:
        chunk_id, items = self.desk.plan(self.task, most)
        if items:
            self.chunks.append((chunk_id, items))

    @precondition(lambda self: self.chunks)
    @rule(data=st.data())
    def end_one(self, data) -> None:
        chunk_id, items = self.chunks.pop(data.draw(st.integers(0, len(self.chunks) - 1)))
        if data.draw(st.booleans()):
            self.desk.ledger.mark_extracted(NS, self.task.task_id, chunk_id)
        findings, left = [], []
        for item in items:
            match data.draw(st.sampled_from(["indexed", "failed", "left"])):
                case "indexed":
                    findings.append(indexed(item))
                case "failed":
                    findings.append(failed(item))
                case _:
                    left.append(item.object_id)
        self.told.append((chunk_id, findings, left))
        self.desk.record(self.task, chunk_id, findings, left)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def tell_again(self, data) -> None:
        self.desk.record(self.task, *data.draw(st.sampled_from(self.told)))

    @precondition(lambda self: self.chunks)
    @rule()
    def give_up(self) -> None:
        chunk_id, _ = self.chunks.pop()
        reason = failed(_[0], "gone").failure
        self.desk.ledger.give_up(
            NS, self.task.task_id, chunk_id, Finding("", ItemState.FAILED, "", failure=reason)
        )

    @invariant()
    def counts_add_up(self) -> None:
        if not hasattr(self, "desk"):
            return
        from workbench.store import tables as t

        with self.desk.database.read() as connection:
            items: dict[str, int] = {}
            for row in connection.execute(t.items.select()):
                items[row.state] = items.get(row.state, 0) + 1
            counter = connection.execute(t.progress.select()).one()
        assert counter.total == sum(items.values())
        for state in ("extracted", "indexed", "failed", "skipped", "canceled"):
            assert getattr(counter, state) == items.get(state, 0), state

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            state = self.desk.endings.finish(NS, self.task.task_id, canceled=True)
            assert state is TaskState.CANCELED
            self.desk.database.close()
            self.stores.drop(self.desk.database.url)


def test_chunks_may_end_in_any_order_and_twice(stores: Stores) -> None:
    run_state_machine_as_test(
        lambda: LedgerMachine(stores),
        settings=settings(max_examples=15, stateful_step_count=12, deadline=None),
    )
