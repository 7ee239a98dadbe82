"""The vectors' folder is lost; one command brings the search back, and nothing is extracted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from stack_journey import Stack

from workbench.client import connect

pytestmark = [pytest.mark.journey, pytest.mark.timeout(420)]

DOCUMENTS = "SELECT document_id, object_name, text FROM documents ORDER BY document_id"


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    """A namespace of its own; the index of the others is lost, too, and rebuilt at the end."""
    with connect(home=shared_stack.home) as client:
        client.create_namespace("lost")
    yield Stack(shared_stack.home, {**shared_stack.extra, "MIXPEEK_NAMESPACE": "lost"})
    shared_stack.json("reindex")


def test_a_lost_index_is_rebuilt_and_equal_content_is_explained(stack: Stack, tmp_path: Path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i:02}.x").write_text(f"text number {i}")
    stack.json("ingest", str(folder), "--extractors", "toy")
    (folder / "copy.x").write_text("text number 7")
    task = stack.json("ingest", str(folder))
    assert (task["progress"]["indexed"], task["progress"]["skipped"]) == (1, 60)
    told = stack.json("explain", "shelf/copy.x")
    assert "content equal to shelf/07.x" in told["collections"][0]["tasks"][0]["why"]
    before = stack.json("sql", DOCUMENTS)
    assert len(before) == 61

    stack.down()
    shutil.rmtree(stack.home / "vectors")
    stack.up()
    assert stack.json("search", "text number 7", "--mode", "text")["hits"] == []
    task = stack.json("reindex", "--compact")
    assert task["state"] == "COMPLETED"
    assert task["kind"] == "reindex"
    assert (task["progress"]["total"], task["progress"]["indexed"]) == (61, 61)
    assert "freed" in task["note"]
    assert stack.json("sql", DOCUMENTS) == before
    found = stack.json("search", "text number 41", "--mode", "text", "--top", "1")
    assert found["hits"][0]["object_name"] == "41.x"
