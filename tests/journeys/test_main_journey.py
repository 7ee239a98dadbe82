"""The main job, as a person does it: a folder becomes searchable, follows its files, tells why."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stack_journey import Stack

pytestmark = pytest.mark.journey


def photographs() -> dict[str, Path]:
    """Pictures that installed packages ship, by name."""
    import skimage
    import sklearn.datasets

    found = {p.stem: p for p in (Path(skimage.__file__).parent / "data").glob("*.png")}
    images = Path(sklearn.datasets.__file__).parent / "images"
    return found | {p.stem: p for p in images.glob("*.jpg")}


def names(found: Any) -> list[str]:
    return [hit["object_name"] for hit in found["hits"]]


def text_of(i: int) -> str:
    return f"Note {i}: the ferry to island number {i} leaves at dawn."


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media") / "holidays"
    (folder / "notes").mkdir(parents=True)
    found = photographs()
    for name in ("chelsea", "coffee", "rocket", "motorcycle_left", "china", "flower"):
        if name in found:
            shutil.copy(found[name], folder)
    (folder / "notes/harbour.md").write_text(
        "# Harbour\n\nThe goat stood on the harbour wall.\n\n# Tides\n\nLow water is at noon.\n"
    )
    for i in range(20):
        (folder / f"notes/n{i:02}.txt").write_text(text_of(i))
    return folder


@pytest.fixture(scope="module")
def ingested(shared_stack: Stack, media: Path) -> Any:
    return shared_stack.json("ingest", str(media))


def test_everything_is_searchable_and_the_counts_add_up(shared_stack, media, ingested):
    files = [p for p in media.rglob("*") if p.is_file()]
    assert ingested["state"] == "COMPLETED"
    assert ingested["bucket"] == "holidays"
    assert ingested["objects"]["listed"] == len(files)
    progress = ingested["progress"]
    pictures = [p for p in files if p.suffix in (".png", ".jpg")]  # looked at, and looked for words
    assert progress["total"] == progress["indexed"] == len(files) + len(pictures)
    documents = shared_stack.json(
        "sql", "SELECT count(*) AS n FROM documents WHERE collection LIKE 'holidays.%'"
    )
    collections = shared_stack.json("collections")
    assert documents[0]["n"] == progress["documents"]
    assert {c["name"] for c in collections} >= {"holidays.text", "holidays.image"}


def test_words_meaning_and_pictures_are_found_in_one_search(shared_stack, media, ingested):
    found = shared_stack.json("search", "goat on the harbour wall", "--bucket", "holidays")
    assert names(found)[0] == "notes/harbour.md"
    assert "goat" in found["hits"][0]["text"]
    assert "chelsea.png" in names(
        shared_stack.json("search", "a cat", "--bucket", "holidays", "--top", "3")
    )
    assert "coffee.png" in names(
        shared_stack.json("search", "a cup of espresso", "--mode", "dense", "--top", "3")
    )


def test_an_example_picture_finds_itself(shared_stack, media, ingested):
    found = shared_stack.json("search", "--like", str(media / "chelsea.png"), "--top", "1")
    assert names(found) == ["chelsea.png"]
    assert found["hits"][0]["score"] > 0.99


def test_filters_narrow_in_every_mode(shared_stack, media, ingested):
    for mode in ("dense", "text", "hybrid"):
        found = shared_stack.json(
            "search", "ferry", "--mode", mode, "--filter", 'object_name = "notes/n07.txt"'
        )
        assert names(found) == ["notes/n07.txt"], mode


def test_an_unchanged_folder_costs_a_comparison(shared_stack, media, ingested):
    again = shared_stack.json("ingest", str(media))
    assert again["state"] == "COMPLETED"
    assert again["progress"]["skipped"] == again["progress"]["total"]
    assert again["progress"]["documents"] == ingested["progress"]["documents"]


def test_only_what_changed_is_extracted_and_the_old_text_is_gone(shared_stack, media, ingested):
    changed = media / "notes/n03.txt"
    changed.write_text("A platypus was seen at the lighthouse.")
    (media / "notes/n04.txt").unlink()
    (media / "notes/new.txt").write_text("An entirely new remark about kumquats.")
    task = shared_stack.json("ingest", str(media))
    assert task["progress"]["indexed"] == 2
    assert task["objects"]["removed"] == 1
    assert names(shared_stack.json("search", "platypus", "--mode", "text")) == ["notes/n03.txt"]
    assert names(shared_stack.json("search", "kumquats", "--mode", "text")) == ["notes/new.txt"]
    for gone in ('object_name = "notes/n03.txt"', 'object_name = "notes/n04.txt"'):
        found = shared_stack.json("search", "ferry island dawn", "--mode", "text", "--filter", gone)
        assert names(found) == []
    versions = shared_stack.json(
        "sql", "SELECT object_name, version FROM objects WHERE object_name LIKE '%n03%'"
    )
    assert versions == [{"object_name": "notes/n03.txt", "version": 2}]


def test_a_folder_inside_the_source_syncs_that_part(shared_stack, media, ingested):
    (media / "notes/n05.txt").write_text("Only the notes are looked at: quokka.")
    (media / "top.txt").write_text("This one is not looked at yet.")
    task = shared_stack.json("ingest", str(media / "notes"))
    assert task["bucket"] == "holidays"
    assert task["progress"]["indexed"] == 1
    assert task["objects"]["removed"] == 0
    whole = shared_stack.json("ingest", str(media))
    assert whole["progress"]["indexed"] == 1


def test_another_folder_under_the_same_name_is_refused(shared_stack, media, ingested, tmp_path):
    other = tmp_path / "holidays"
    other.mkdir()
    (other / "a.txt").write_text("x")
    ran = shared_stack.run("ingest", str(other))
    assert ran.status == 4
    assert "--bucket" in ran.err


def test_telemetry_tells_of_every_stage_and_search(shared_stack, media, ingested):
    rows = shared_stack.json(
        "sql",
        "SELECT stage, sum(rows) AS n FROM stages"
        f" WHERE task_id = '{ingested['task_id']}' GROUP BY stage",
    )
    stages = {row["stage"]: row["n"] for row in rows}
    assert {"queue", "list", "plan", "fetch", "decode", "infer", "write", "index"} <= set(stages)
    assert stages["fetch"] == ingested["progress"]["total"]
    before = shared_stack.json("sql", "SELECT count(*) AS n FROM searches")[0]["n"]
    shared_stack.json("search", "anything at all")
    deadline = 20
    while shared_stack.json("sql", "SELECT count(*) AS n FROM searches")[0]["n"] <= before:
        deadline -= 1
        assert deadline, "the search is not in telemetry"


def jpeg(seed: int, size: tuple[int, int] = (320, 240), kind: str = "JPEG") -> bytes:
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 255, (24, 32, 3), np.uint8))
    buffer = io.BytesIO()
    small.resize(size).save(buffer, kind)
    return buffer.getvalue()


def bomb(kind: str) -> bytes:
    """A picture of few bytes and many pixels."""
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str], set[str]]:
    """500 files: the folder, the names that must fail, odd ones that must succeed."""
    folder = tmp_path_factory.mktemp("odd") / "broken"
    folder.mkdir()
    bad: dict[str, bytes] = {}
    for i, share in enumerate((0.1, 0.3, 0.5, 0.9)):
        for kind, suffix in (("JPEG", "jpg"), ("PNG", "png")):
            whole = jpeg(900 + i, kind=kind)
            bad[f"cut{i}.{suffix}"] = whole[: int(len(whole) * share)]
    bad |= {f"zero{i}.{s}": b"" for i, s in enumerate(("jpg", "png", "txt", "gif"))}
    bad |= {"bomb.png": bomb("PNG"), "bomb.tif": bomb("TIFF")}
    bad |= {f"random{i}.jpg": np.random.default_rng(i).bytes(5000) for i in range(4)}
    good: dict[str, bytes] = {
        "a jpeg named.png": jpeg(1),
        "utf16.txt": "The wombat wrote this in UTF-16.".encode("utf-16"),
        "two words.jpg": jpeg(2),
        "été.jpg": jpeg(3),
        "c++.txt": b"plus signs in the name",
        "50% off.txt": b"a percent sign in the name",
        "naïve café.md": b"# accents\n\nin the name",
        "a+b & c%20d.jpg": jpeg(4),
    }
    removed = {"removed.txt": b"this one is removed after listing"}
    for name, data in {**bad, **good, **removed}.items():
        (folder / name).write_bytes(data)
    for i in range(500 - len(bad) - len(good) - len(removed)):
        if i % 2:
            (folder / f"fill{i:03}.txt").write_text(text_of(i))
        else:
            (folder / f"fill{i:03}.jpg").write_bytes(jpeg(i))
    assert len(os.listdir(folder)) == 500
    return folder, {*bad, *removed}, set(good)


def test_broken_files_fail_alone_each_with_its_reason(shared_stack, broken):
    folder, bad, good = broken
    before = restarts(shared_stack)
    kinds = ("--extractors", "text,image")
    started = shared_stack.json("ingest", str(folder), *kinds, "--detach")
    task_id = started["task_id"]
    shared_stack.wait_for(task_id, lambda t: t["objects"]["listed"] >= 500 or t["ended_at"])
    (folder / "removed.txt").unlink()
    task = shared_stack.json("wait", task_id, status=1)
    failures = shared_stack.json("failures", task_id)
    reasons = {f["object_name"]: f for f in failures}
    missed = (bad - {"removed.txt"}) - set(reasons)
    assert not missed
    assert set(reasons) <= bad, "nothing else failed"
    assert not good & set(reasons)
    assert task["state"] == "COMPLETED_WITH_ERRORS"
    assert task["progress"]["total"] == 500
    assert all(f["message"] and f["category"] for f in failures)
    assert {reasons[n]["category"] for n in ("bomb.png", "bomb.tif")} == {"limits"}
    assert {reasons[f"zero{i}.{s}"]["category"] for i, s in enumerate(("jpg", "png"))} == {"format"}
    assert names(shared_stack.json("search", "wombat", "--mode", "text")) == ["utf16.txt"]
    assert restarts(shared_stack) == before, "nothing crashed"


def restarts(stack: Stack) -> dict[str, int]:
    """How often each part was started again."""
    return {part["part"]: part["restarts"] for part in stack.json("status")["parts"]}


def test_a_file_removed_after_listing_is_a_failure_with_its_reason(shared_stack, tmp_path):
    folder = tmp_path / "leaving"
    folder.mkdir()
    # Those at work are not done before the last one is gone, and those that wait are so many that
    # it is not among the first that are read, a few dozen for each worker.
    brake = tmp_path / "brake"
    brake.touch()
    for i in range(200):
        (folder / f"{i:03}.x").write_text(f"brake {brake} {i}")
    (folder / "zz.x").write_text("soon gone")
    started = shared_stack.json("ingest", str(folder), "--extractors", "toy", "--detach")
    task_id = started["task_id"]
    shared_stack.wait_for(task_id, lambda t: t["objects"]["listed"] == 201)
    (folder / "zz.x").unlink()
    brake.unlink()
    task = shared_stack.json("wait", task_id, status=1)
    (failure,) = shared_stack.json("failures", task_id)
    assert task["progress"]["indexed"] == 200
    assert (failure["object_name"], failure["category"]) == ("zz.x", "source")
    assert "gone" in failure["message"]


def test_what_kills_its_worker_fails_alone_and_can_be_retried(shared_stack, tmp_path):
    folder = tmp_path / "killers"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.x").write_text(f"text {i}")
    (folder / "die.x").write_text("die")
    task = shared_stack.json("ingest", str(folder), "--extractors", "toy", status=1)
    assert (task["progress"]["indexed"], task["progress"]["failed"]) == (6, 1)
    (folder / "die.x").write_text("it is well again")
    retried = shared_stack.json("retry", task["task_id"])
    assert retried["retry_of"] == task["task_id"]
    assert retried["progress"]["indexed"] == 1
    assert retried["state"] == "COMPLETED"


def test_cancel_keeps_what_is_done(shared_stack, tmp_path):
    folder = tmp_path / "slow"
    folder.mkdir()
    # Something is done at once, and the rest would take minutes. How fast files with this setting
    # are is not known, so that the first chunks hold a few.
    words = ("--extractors", "toy", "--set", "toy.prefix=slow", "--detach")
    for i in range(300):
        (folder / f"{i:03}.x").write_text(f"quick {i}" if i < 100 else f"sleep 1 {i}")
    task_id = shared_stack.json("ingest", str(folder), *words)["task_id"]
    shared_stack.wait_for(task_id, lambda t: t["progress"]["indexed"] > 0)
    shared_stack.run("cancel", task_id)
    task = shared_stack.wait_for(task_id, lambda t: t["ended_at"])
    progress = task["progress"]
    assert task["state"] == "CANCELED"
    assert progress["indexed"] > 0
    assert progress["canceled"] > 0
    assert progress["indexed"] + progress["canceled"] == progress["total"] == 300
    again = shared_stack.json("ingest", str(folder), *words)["task_id"]
    first = shared_stack.wait_for(again, lambda t: t["progress"]["skipped"] > 0)
    assert first["progress"]["skipped"] == progress["indexed"]
    shared_stack.run("cancel", again)
    assert shared_stack.wait_for(again, lambda t: t["ended_at"])["state"] == "CANCELED"


def test_deleting_a_bucket_takes_its_documents_along(shared_stack, tmp_path):
    folder = tmp_path / "doomed"
    folder.mkdir()
    (folder / "a.txt").write_text("The capybara will be forgotten.")
    shared_stack.json("ingest", str(folder))
    assert names(shared_stack.json("search", "capybara", "--mode", "text")) == ["a.txt"]
    shared_stack.json("delete", "bucket", "doomed", "--yes")
    assert names(shared_stack.json("search", "capybara", "--mode", "text")) == []
    assert "doomed" not in {b["name"] for b in shared_stack.json("buckets")}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("ingest", "/nowhere/at/all"), 2, "/nowhere/at/all"),
        (("search", "x", "--bucket", "holidya"), 4, "holidays"),
        (("search", "x", "--filter", "page >"), 4, "filter"),
        (("ingest", ".", "--set", "image.colour=1"), 4, "colour"),
        (("wait", "tsk_nothing"), 4, "tsk_nothing"),
    ],
)
def test_wrong_use_says_what_and_what_to_do(
    shared_stack: Stack, ingested: Any, arguments: tuple[str, ...], status: int, said: str
):
    ran = shared_stack.run(*arguments)
    assert ran.status == status, ran
    assert said in ran.err
    assert "Traceback" not in ran.err
