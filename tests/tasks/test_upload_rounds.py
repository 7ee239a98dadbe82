"""What runs of uploads promise each other: several over one folder at once, and beside tasks that
remove, leave every file that is in it, and what is in none of them goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from task_help import NS, Desk

from workbench.blobs.folder import FolderBlobs
from workbench.domain.states import TaskState
from workbench.domain.wire import Offer
from workbench.store import tables as t
from workbench.store.database import Database
from workbench.store.uploads import UPLOADS, Present, UploadedObjects
from workbench.tasks.uploads import OfferState, Told, Uploads

TEXTS = {"one.txt": "alpha", "two.txt": "beta"}


@dataclass
class Bucket:
    """A bucket of uploads, and what its senders do."""

    desk: Desk
    uploads: Uploads
    name: str = "u"

    def __post_init__(self) -> None:
        self.uploads.ensure_bucket(NS, self.name, self.name)
        self.bucket_id = self.uploads.rows.bucket(NS, self.name).bucket_id

    def send(self, round: str | None, *names: str) -> None:
        for name in names:
            incoming = self.uploads.begin(NS, self.name)
            incoming.write(TEXTS.get(name, name).encode())
            incoming.finish(Told(name, 1000, None, round))

    def offer(self, round: str, *names: str) -> list[OfferState]:
        sizes = {name: len(TEXTS.get(name, name)) for name in names}
        offers = [Offer(name=n, size=size, modified_at=1000) for n, size in sizes.items()]
        return self.uploads.offer(NS, self.name, round, offers)

    def accept(self, round: str) -> str:
        uri = f"uploads://{self.name}"
        changes = {"bucket": self.name, "source_kind": UPLOADS, "source_uri": uri, "round": round}
        return self.desk.begin(**changes).task_id

    def mark_removed(self, task_id: str) -> list[str]:
        ledger = self.desk.ledger
        return ledger.remove(NS, task_id, ledger.missing(NS, task_id, 100))

    def carry_out(self, task_id: str) -> None:
        """The task removes what it is to, and ends."""
        self.desk.ledger.removed(NS, task_id, self.mark_removed(task_id))
        assert self.desk.endings.finish(NS, task_id, canceled=True) is TaskState.CANCELED

    def ingest(self, round: str) -> None:
        self.carry_out(self.accept(round))

    @property
    def names(self) -> set[str]:
        return {row.name for row in self.uploads.rows.after(self.bucket_id, "", None, "")}


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def uploads(database: Database, tmp_path: Path) -> Uploads:
    return Uploads(UploadedObjects(database), FolderBlobs(tmp_path / "blobs"), 1 << 20)


@pytest.fixture
def bucket(desk: Desk, uploads: Uploads) -> Bucket:
    return Bucket(desk, uploads)


def orders(steps: Sequence[str]) -> list[list[tuple[int, str]]]:
    """All ways in which two runs can do the steps, each in their order; run 0 begins."""
    length = 2 * len(steps)
    found: list[list[tuple[int, str]]] = []
    for places in combinations(range(1, length), len(steps) - 1):
        left = (iter(steps), iter(steps))
        runs = [int(place not in (0, *places)) for place in range(length)]
        found.append([(run, next(left[run])) for run in runs])
    return found


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("names", [("round-a", "round-b"), ("round-b", "round-a")])
def test_two_runs_at_once_leave_all_files_in_whatever_order_they_come(
    desk: Desk, uploads: Uploads, names: tuple[str, str]
) -> None:
    """Whichever name sorts first: those and clocks tell nothing."""
    for number, order in enumerate(orders(("one.txt", "two.txt", "accept", "carry out"))):
        bucket = Bucket(desk, uploads, f"u{number}")
        bucket.send("round-0", *TEXTS, "gone.txt")
        tasks: dict[int, str] = {}
        for run, what in order:
            if what == "accept":
                tasks[run] = bucket.accept(names[run])
            elif what == "carry out":
                bucket.carry_out(tasks[run])
            elif bucket.offer(names[run], what) != ["present"]:
                bucket.send(names[run], what)
        assert bucket.names == set(TEXTS), order


def test_a_run_that_still_sends_loses_nothing_to_one_that_began_later(bucket: Bucket) -> None:
    bucket.offer("round-1")
    bucket.offer("round-2", "one.txt")
    bucket.send("round-2", "one.txt")
    bucket.send("round-1", "two.txt")  # what the later one had passed already
    bucket.ingest("round-2")
    bucket.ingest("round-1")
    assert bucket.names == set(TEXTS)


def test_what_only_an_earlier_run_offered_goes_with_a_later_one(bucket: Bucket) -> None:
    bucket.send("round-1", *TEXTS)
    bucket.offer("round-2", "one.txt")
    bucket.ingest("round-1")
    assert bucket.names == set(TEXTS)
    bucket.ingest("round-2")
    assert bucket.names == {"one.txt"}


def test_a_round_without_files_removes_what_was_there_before_it(bucket: Bucket) -> None:
    bucket.send("round-1", "one.txt")
    bucket.offer("round-2")
    bucket.send("round-3", "two.txt")
    bucket.ingest("round-2")
    assert bucket.names == {"two.txt"}
    bucket.ingest("round-4")
    assert bucket.names == set()


def test_a_file_that_is_sent_again_by_itself_stays_in_its_round(bucket: Bucket) -> None:
    bucket.send("round-1", *TEXTS)
    bucket.send(None, "one.txt", "alone.txt")
    bucket.ingest("round-1")
    assert bucket.names == set(TEXTS)


@pytest.mark.parametrize("gone", ["marked as removed", "removed"])
def test_what_a_task_removes_meanwhile_is_not_present_and_comes_back(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    bucket.send("round-1", *TEXTS)
    bucket.offer("round-2", "two.txt")
    removing = bucket.accept("round-2")
    rows = bucket.uploads.rows
    named: Callable[..., dict[str, Present]] = rows.named

    def then_removed(*asked: Any) -> dict[str, Present]:
        found = named(*asked)
        going = bucket.mark_removed(removing)
        assert len(going) == 1
        if gone == "removed":
            bucket.desk.ledger.removed(NS, removing, going)
        return found

    monkeypatch.setattr(rows, "named", then_removed)
    assert bucket.offer("round-3", *TEXTS) == ["hash", "present"]
    monkeypatch.undo()
    bucket.send("round-3", "one.txt")
    bucket.carry_out(removing)
    bucket.ingest("round-3")
    assert bucket.names == set(TEXTS)


def test_rounds_go_with_their_bucket(bucket: Bucket, desk: Desk) -> None:
    bucket.offer("round-1")
    bucket.offer("round-2")
    query = sa.select(t.rounds.c.round).order_by(t.rounds.c.number)

    def rounds() -> list[str]:
        with desk.database.read() as connection:
            return list(connection.execute(query).scalars())

    assert rounds() == ["round-1", "round-2"]
    desk.endings.forget(NS, "bucket", bucket.bucket_id)
    assert rounds() == []
