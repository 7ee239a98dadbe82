"""What the client promises of files that the service does not see: they are sent, once, whole, and
an interrupted run is taken up."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn
from api_stand import UPLOAD_LIMIT, Stand

from workbench.client import connect, reach
from workbench.client.session import Session
from workbench.client.upload import SMALL, Part, Unsendable, Uploading
from workbench.domain.errors import Code, WorkbenchError
from workbench.domain.folder import Folder, FolderEntry
from workbench.domain.wire import DryRunOut, ObjectOut, Sample, TaskOut
from workbench.store import tables as t

pytestmark = pytest.mark.stores("sqlite")


@pytest.fixture
async def address(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The stand behind a real port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    monkeypatch.setenv("MIXPEEK_URL", url)
    monkeypatch.setenv("MIXPEEK_API_KEY", stand.key)
    server = uvicorn.Server(uvicorn.Config(stand.app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    yield url
    server.should_exit = True
    await serving


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """A folder that the service may not read."""
    folder = tmp_path / "far"
    (folder / "deep").mkdir(parents=True)
    for i in range(30):
        (folder / "deep" / f"{i:02}.x").write_text(f"text number {i}")
    (folder / "big.bin").write_bytes(os.urandom(SMALL + 12_345))
    (folder / "empty.x").touch()
    (folder / ".hidden").write_text("not for others")
    return folder


class Run:
    """One ingest, in a thread."""

    def __init__(self, folder: Path, watch: Callable[[Uploading], None] | None = None) -> None:
        self.folder = folder
        self.watch = watch
        self.states: list[Uploading] = []
        self.notes: list[str] = []

    async def go(self, verify: bool = False) -> TaskOut:
        return await asyncio.to_thread(self._go, verify)

    def _go(self, verify: bool) -> TaskOut:
        def seen(state: Uploading) -> None:
            self.states.append(state)
            if self.watch is not None:
                self.watch(state)

        with connect(notify=self.notes.append) as client:
            return client.ingest(self.folder, extractors=["toy"], verify=verify, uploading=seen)

    @property
    def last(self) -> Uploading:
        return self.states[-1]


def sizes(folder: Path) -> dict[str, int]:
    """The files that a listing of the folder gives."""
    found = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


async def objects(bucket: str = "far") -> dict[str, ObjectOut]:
    def listed() -> dict[str, ObjectOut]:
        with connect() as client:
            return {one.name: one for one in client.iterate(client.objects, bucket)}

    return await asyncio.to_thread(listed)


def removals(stand: Stand, task_id: str) -> set[str]:
    query = (
        sa.select(t.objects.c.name)
        .join(t.removals, t.removals.c.object_id == t.objects.c.object_id)
        .where(t.removals.c.task_id == task_id)
    )
    with stand.database.read() as connection:
        return set(connection.execute(query).scalars())


@pytest.mark.usefixtures("address")
async def test_api_client_sends_what_the_service_does_not_see_and_only_that(
    stand: Stand, far: Path
) -> None:
    first = Run(far)
    task = await first.go()
    assert task.bucket == "far"
    assert "may not read this folder: its files are uploaded" in first.notes[0]
    assert (first.last.files, first.last.sent, first.last.ended) == (32, 32, True)
    size = sum(sizes(far).values())
    assert (first.last.bytes, first.last.sent_bytes, first.last.done_bytes) == (size,) * 3
    found = await objects()
    assert sorted(found) == sorted(sizes(far))
    with connect() as client:
        body = await asyncio.to_thread(lambda: client.content(found["big.bin"].object_id).readall())
    assert body == (far / "big.bin").read_bytes()

    again = Run(far)
    await again.go()
    assert (again.last.sent, again.last.done) == (0, 32)

    (far / "deep" / "00.x").write_text("another text")
    os.utime(far / "deep" / "01.x", (1, 1))
    (far / "big.bin").rename(far / "renamed.bin")
    (far / "deep" / "02.x").unlink()
    changed = Run(far)
    task = await changed.go()
    assert (changed.last.sent, changed.last.done) == (1, 31)
    assert removals(stand, task.task_id) == {"big.bin", "deep/02.x"}
    found = await objects()
    assert found["deep/00.x"].version == 2
    assert found["renamed.bin"].sha256 == found["big.bin"].sha256

    only = Run(far / "deep")
    task = await only.go(verify=True)
    assert (task.bucket, only.last.files, only.last.sent) == ("far", 29, 0)
    assert removals(stand, task.task_id) == {"deep/02.x"}


@pytest.mark.usefixtures("address")
async def test_api_client_tells_what_an_ingest_would_do_without_sending(far: Path) -> None:
    def dry() -> DryRunOut:
        with connect() as client:
            return client.dry_run(far, extractors=["toy"], exclude=["*.bin"])

    found = await asyncio.to_thread(dry)
    assert (found.bucket, found.new, found.files, found.unmatched) == ("far", True, 31, 1)
    assert sum(row.files for row in found.rows if row.extractor == "toy") == 30
    with connect() as client:
        assert (await asyncio.to_thread(client.buckets)).results == []


@pytest.mark.usefixtures("address")
async def test_api_client_takes_up_what_was_interrupted(far: Path) -> None:
    class StopError(Exception):
        """As an interrupt, which a test cannot raise in a thread of its own."""

    def stop(state: Uploading) -> None:
        if state.sent:
            raise StopError

    with pytest.raises(StopError):
        await Run(far, stop).go()
    kept = len(await objects())
    assert kept > 0
    rest = Run(far)
    await rest.go()
    assert (rest.last.sent, rest.last.done) == (32 - kept, 32)


@pytest.mark.usefixtures("address")
async def test_api_client_takes_nothing_for_missing_that_came_after_its_listing(
    stand: Stand, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a listing and the first offer another run sends what the folder has by then."""
    entries = Folder.entries
    others: list[TaskOut] = []
    listings = 0

    def listed(self: Folder, after: str = "") -> Iterator[FolderEntry]:
        nonlocal listings
        listings += 1
        found = list(entries(self, after))
        if listings == 2:
            (far / "new.x").write_text("came meanwhile")
            others.append(Run(far)._go(verify=False))
        yield from found

    monkeypatch.setattr(Folder, "entries", listed)
    task = await Run(far).go()
    assert others
    assert removals(stand, others[0].task_id) | removals(stand, task.task_id) == set()


@pytest.mark.usefixtures("address")
async def test_api_client_leaves_out_what_is_too_large_and_removes_nothing(
    stand: Stand, far: Path
) -> None:
    await Run(far).go()
    (far / "huge.bin").write_bytes(bytes(UPLOAD_LIMIT + 1))
    (far / "empty.x").unlink()
    run = Run(far)
    task = await run.go()
    assert run.last.left_out == (("huge.bin", f"larger than {UPLOAD_LIMIT:,} bytes"),)
    assert removals(stand, task.task_id) == set()


@pytest.mark.usefixtures("address")
async def test_api_client_ingests_in_place_what_the_service_sees(stand: Stand) -> None:
    folder = stand.media / "near"
    folder.mkdir()
    (folder / "a.x").write_text("text")
    run = Run(folder)
    await run.go()
    assert (run.states, run.notes) == ([], [])
    with connect() as client:
        bucket = await asyncio.to_thread(client.bucket, "near")
    assert (bucket.source.kind, bucket.source.uri) == ("folder", str(folder))


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("all_of_it", [False, True])
async def test_api_client_sends_nothing_of_a_folder_that_changes_while_it_is_looked_at(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, all_of_it: bool
) -> None:
    """The service sees it, but never as it was described."""
    asked, number = reach._ask, itertools.count()

    def busy(session: Session, path: Path, bucket: str | None, samples: list[Sample]) -> object:
        for name in [sample.name for sample in samples] if all_of_it else ["a.x", "", "b.x"]:
            os.utime(path / name, ns=(1, next(number)))
        return asked(session, path, bucket, samples)

    folder = stand.media / "busy"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.x").write_text("text")
    monkeypatch.setattr(reach, "_ask", busy)
    run = Run(folder)
    if all_of_it:
        with pytest.raises(WorkbenchError, match="changes so fast") as caught:
            await run.go()
        assert caught.value.code == Code.SOURCE_UNREADABLE
    else:
        task = await run.go()
        assert (task.bucket, run.states, run.notes) == ("busy", [], [])


@pytest.mark.usefixtures("address")
async def test_api_client_is_told_why_while_it_still_sends(stand: Stand, far: Path) -> None:
    """A service that fails in the middle of a body is heard, not only felt."""

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    stand.services.uploads.begin = full  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(WorkbenchError, match="the disk is full") as caught:
        await Run(far).go()
    assert caught.value.code is Code.UNAVAILABLE


def test_api_client_never_sends_a_torn_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "growing.bin"
    path.write_bytes(bytes(1000))
    for tear in (lambda: path.write_bytes(bytes(2000)), lambda: os.truncate(path, 500)):
        size = path.stat().st_size
        with Part(path, size, threading.Event()) as part:
            assert len(part.read(400)) == 400
            tear()
            with pytest.raises(Unsendable, match="changed while it was read"):
                part.read(size)
