"""A stack whose metadata lies in a PostgreSQL server, which is started again in the middle of an
ingest: who asks meanwhile is told, and nothing is lost or doubled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from databases import PostgresStores
from stack_journey import Stack

from workbench.client.client import connect
from workbench.domain.errors import Code, WorkbenchError

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(300),
    pytest.mark.stores("postgresql"),
]

FILES = 200


def test_a_database_server_is_started_again_during_an_ingest(
    stores: PostgresStores, tmp_path: Path
) -> None:
    url = stores.empty()
    stack = Stack(
        tmp_path / "home", {"MIXPEEK_EXTRACTORS": "toys:Toy", "MIXPEEK_DATABASE_URL": url}
    )
    folder = tmp_path / "shelf"
    folder.mkdir()
    # The first half is quick, the other is not done before the server was stopped, and what is at
    # work then comes to its end while it is away.
    brake = tmp_path / "brake"
    brake.touch()
    for i in range(FILES):
        braked = f"brake {brake} " if i >= FILES // 2 else ""
        (folder / f"{i:03}.x").write_text(f"{braked}text number {i}")
    stack.up()
    try:
        _ingest_and_restart(stack, stores, folder, brake)
    finally:
        stack.down()
        stores.drop(url)


def _ingest_and_restart(stack: Stack, stores: PostgresStores, folder: Path, brake: Path) -> None:
    parameters = {"toy": {"pause": 0.02}}
    with connect(home=stack.home) as client:
        started = client.ingest(folder, bucket="b", extractors=["toy"], parameters=parameters)
        begun = client.task(started.task_id)
        while not begun.progress.indexed:
            time.sleep(0.1)
            begun = client.task(started.task_id)
        assert begun.progress.pending > 0, "nothing was left to do"
        stores.stop()
        try:
            brake.unlink()
            with pytest.raises(WorkbenchError) as caught:
                client.task(started.task_id)
            time.sleep(2)
        finally:
            stores.start()
        assert caught.value.code is Code.UNAVAILABLE
        task = client.wait(started.task_id)
        assert (task.state, task.progress.indexed) == ("COMPLETED", FILES), task
        documents = list(client.iterate(client.documents, "b.toy"))
    names = sorted(document.object_name for document in documents)
    assert names == [f"{i:03}.x" for i in range(FILES)]
    assert stack.json("search", "text number 7", "--top", "1")["hits"]
    again = stack.json("ingest", str(folder), "--bucket", "b")
    assert (again["progress"]["skipped"], again["progress"]["indexed"]) == (FILES, 0)
    (row,) = stack.json("sql", "SELECT sum(indexed) AS n FROM tasks")
    assert row["n"] == FILES
    stack.json("delete", "bucket", "b", "--yes")
    assert stack.json("buckets") == []
