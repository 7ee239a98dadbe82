"""Progress lines, tables and words: what a person reads."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from client_service import task
from hypothesis import given
from hypothesis import strategies as st

from workbench.commands import words
from workbench.commands.base import Outcome
from workbench.commands.frames import distinct, json_rows, plain
from workbench.commands.progress import SPARSE, TerminalWatch, line
from workbench.commands.render import render_text, table
from workbench.domain.states import TaskState
from workbench.domain.wire import CollectionProgress, Funnel, ObjectCounts, TaskOut


def running(indexed: int = 0, **more: int | None) -> TaskOut:
    return task(TaskState.IN_PROGRESS, indexed=indexed, **more)  # type: ignore[arg-type]


# ---- progress -----------------------------------------------------------------------------------


def test_the_line_tells_each_collection() -> None:
    counts = {"total": 100, "documents": 0}
    text = CollectionProgress(collection="trip.text", extractor="text@1", indexed=100, **counts)
    image = CollectionProgress(
        collection="trip.image", extractor="image@1", indexed=10, failed=2, **counts
    )
    image.rate, image.seconds_left = 3.0, 29.3
    shown = line(running().model_copy(update={"collections": [text, image]}))
    assert shown == "trip: text 100/100 · image 12/100 (2 failed) 3.0/s, time left 29 s"


def test_what_the_service_does_not_know_is_said_to_be_unknown() -> None:
    assert line(running(indexed=5, total=10)) == "trip: text 5/10 time left unknown"
    counting = running(indexed=5)
    counting.collections[0].rate = 2.0
    assert line(counting) == "trip: text 5/? 2.0/s, time left unknown"


def test_the_line_tells_the_state() -> None:
    listing = task(TaskState.IN_PROGRESS).model_copy(update={"collections": []})
    assert line(task(TaskState.PENDING)) == "trip: waiting to start"
    assert line(listing) == "trip: listing"
    counted = listing.model_copy(update={"objects": ObjectCounts(listed=1240)})
    assert line(counted) == "trip: listing, 1,240 files so far"
    asked = task(TaskState.IN_PROGRESS, indexed=1, total=2, requested="cancel")
    assert line(asked).startswith("trip: canceling · text 1/2")
    assert line(task(indexed=2, total=2)) == "trip: COMPLETED · text 2/2"


def test_a_task_shows_its_funnel() -> None:
    done = task(indexed=8, failed=1, skipped=3, total=12)
    done.collections[0].funnel = Funnel(
        listed=20,
        matched=12,
        read=9,
        read_bytes=4096,
        unchanged=3,
        extracted=8,
        indexed=8,
        documents=31,
        failed={"format": 1},
    )
    text = render_text(Outcome("task", done, None))
    assert (
        "trip.text: 20 listed > 12 matched > 9 read (4.1 kB), 3 unchanged, 8 extracted, "
        "8 indexed, 31 documents, 1 failed (format)"
    ) in text


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_lines_are_sparse() -> None:
    stream, clock = io.StringIO(), Clock()
    watch = TerminalWatch(stream, clock)
    for tick in range(300):
        clock.now = tick / 10
        watch(running(indexed=tick, total=1000))
    watch(task(indexed=1000, total=1000))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 30 / SPARSE + 1
    assert lines[-1] == "trip: COMPLETED · text 1,000/1,000"
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_one_line_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream, clock = Terminal(), Clock()
    watch = TerminalWatch(stream, clock)
    for tick in range(20):
        clock.now = tick / 2
        watch(running(indexed=tick * 1000, total=1_000_000))
    watch.note("the service is away")
    watch.clear()
    drawn, _, rest = stream.getvalue().partition("note: ")
    assert rest == "the service is away\n"
    assert drawn.endswith("\r\x1b[K")
    assert "\n" not in drawn
    assert max(len(line) for line in drawn.replace("\x1b[K", "").split("\r")) <= 39


def test_quick_changes_are_drawn_at_most_ten_times_a_second() -> None:
    stream, clock = Terminal(), Clock()
    watch = TerminalWatch(stream, clock)
    for tick in range(1000):
        clock.now = tick / 1000
        watch(running(indexed=tick, total=1000))
    assert stream.getvalue().count("\r") <= 11


# ---- tables -------------------------------------------------------------------------------------


def test_columns_are_aligned_and_numbers_stand_to_the_right() -> None:
    lines = table(["name", "count"], [["a", 5], ["日本", 12345], [None, None]])
    assert lines == ["name  count", "a         5", "日本  12345", "-         -"]


def test_a_table_fits_and_never_cuts_an_id() -> None:
    identity = "tsk_" + "0" * 32
    lines = table(["task_id", "text"], [[identity, "word " * 100]], columns=80)
    assert all(words.width(line) <= 80 for line in lines)
    assert lines[1].startswith(identity)
    assert lines[1].endswith("…")
    narrow = table(["task_id", "text"], [[identity, "word " * 100]], columns=20)
    assert narrow[1].startswith(identity)


@given(st.lists(st.lists(st.text(max_size=40), min_size=2, max_size=2), max_size=5))
def test_any_text_stays_on_its_line_and_obeys_no_terminal(rows: list[list[str]]) -> None:
    lines = table(["a", "b"], rows, columns=60)
    assert len(lines) == len(rows) + 1
    for each in lines:
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in each)
        assert words.width(each) <= 60
        each.encode()


def test_a_large_frame_is_cut_and_says_so() -> None:
    frame = pd.DataFrame({"n": range(1500)})
    lines = render_text(Outcome("frame", frame, None)).splitlines()
    assert len(lines) == 1002
    assert lines[-1].startswith("500 more rows")


def test_an_empty_frame_shows_its_columns() -> None:
    frame = pd.DataFrame({"a": [], "b": []})
    assert render_text(Outcome("frame", frame, None)) == "a  b\nno rows"


def test_text_is_itself() -> None:
    assert render_text(Outcome("text", "hello", None, note="bye")) == "hello\nbye"


# ---- values as JSON -----------------------------------------------------------------------------


def test_values_of_a_frame_become_json_values() -> None:
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(["2026-11-24T10:00:00.5+02:00", None], utc=True),
            "naive": pd.to_datetime(["2026-11-24T10:00:00", None]),
            "ratio": [0.5, float("nan")],
            "huge": [float("inf"), 1.0],
            "count": pd.array([2**60, None], dtype="Int64"),
            "small": np.array([1, 2], dtype=np.int16),
            "flag": pd.array([True, None], dtype="boolean"),
            "sum": [Decimal("12"), Decimal("1.5")],
            "took": pd.to_timedelta(["1.5s", None]),
            "many": [["a", None], np.array([1.0, np.nan])],
            "raw": [b"\x00\xff", None],
            "nested": [{"a": Decimal("2.0"), "b": [datetime(2026, 1, 1, tzinfo=UTC)]}, {}],
        }
    )
    first, second = json_rows(frame)
    assert first == {
        "at": "2026-11-24T08:00:00.500000Z",
        "naive": "2026-11-24T10:00:00Z",
        "ratio": 0.5,
        "huge": None,
        "count": 2**60,
        "small": 1,
        "flag": True,
        "sum": 12,
        "took": 1.5,
        "many": ["a", None],
        "raw": "AP8=",
        "nested": {"a": 2, "b": ["2026-01-01T00:00:00Z"]},
    }
    assert second == {
        "at": None,
        "naive": None,
        "ratio": None,
        "huge": 1.0,
        "count": None,
        "small": 2,
        "flag": None,
        "sum": 1.5,
        "took": None,
        "many": [1.0, None],
        "raw": None,
        "nested": {},
    }


def test_columns_of_equal_names_are_all_kept() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "a_2"])
    assert json_rows(frame) == [{"a": 1, "a_3": 2, "a_2": 3}]


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"]), max_size=8))
def test_distinct_names_are_distinct_and_unique_ones_stay(names: list[str]) -> None:
    found = distinct(names)
    assert len(set(found)) == len(names)
    assert all(f == n for f, n in zip(found, names, strict=True) if names.count(n) == 1)


def test_times_in_other_zones_are_utc() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    assert plain(datetime(2026, 1, 1, 5, 30, tzinfo=east)) == "2026-01-01T00:00:00Z"


# ---- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (words.duration(0.84), "0.8 s"),
        (words.duration(9.97), "10 s"),
        (words.duration(59.6), "1 min 0 s"),
        (words.duration(112), "1 min 52 s"),
        (words.duration(11_100), "3 h 5 min"),
        (words.about(0.2), "1 s"),
        (words.about(720), "12 min"),
        (words.about(10_000), "3 h"),
        (words.rate(312.4), "312/s"),
        (words.rate(1.06), "1.1/s"),
        (words.rate(0.041), "0.04/s"),
        (words.size(999), "999 B"),
        (words.size(1_234_567), "1.2 MB"),
        (words.size(999_960), "1.0 MB"),
        (words.size(120_000_000), "120 MB"),
        (words.size(5 * 10**15), "5000 TB"),
        (words.clock(3_723_000), "1:02:03"),
        (words.place(3, None, None), "p. 3"),
        (words.place(None, 62_000, 70_500), "1:02-1:10"),
        (words.place(None, None, None), ""),
        (words.plural(1, "file"), "1 file"),
        (words.clean("a\x1b[31m\nb\u202ec\udcff"), "a\ufffd[31m b\ufffdc\ufffd"),
        (words.shorten("日本語", 4), "日…"),
        (words.shorten("日本", 4), "日本"),
    ],
)
def test_words(said: str, text: str) -> None:
    assert said == text
