"""Parts of the server's extension that need no server: the list of routes, the pace of events, the
start of the stack."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_ext.server import routes
from jupyter_ext.server.folders import locate
from jupyter_ext.server.launch import Launcher
from jupyter_ext.server.watch import STACK, TASK, Fan
from workbench.domain.errors import WorkbenchError
from workbench.domain.states import TaskKind, TaskState
from workbench.domain.wire import Progress, TaskOut


def test_a_path_is_encoded_anew_and_parameters_pass_by_name():
    asked = routes.target("GET", "buckets/my%20b%C3%BCcket", "token=secret&limit=3")
    assert asked == "/v1/buckets/my%20b%C3%BCcket"
    asked = routes.target("GET", "objects", "limit=3&token=secret&wait=60&1700000000&bucket=a%26b")
    assert asked == "/v1/objects?limit=3&bucket=a%26b"


@pytest.mark.parametrize(
    "path", ["", "buckets/", "buckets//x", "buckets/a%2Fb", "buckets/a%5Cb", "buckets/%0d%0aX", "*"]
)
def test_a_segment_that_is_not_one_name_passes_nowhere(path: str):
    with pytest.raises(WorkbenchError, match="no route"):
        routes.target("GET", path, "")


def test_headers_pass_by_name():
    sent = {"Range": "bytes=0-1", "Cookie": "c", "Authorization": "token t", "X-Namespace": "n"}
    assert routes.sent_headers(sent) == {"Range": "bytes=0-1"}
    given = {"etag": '"a"', "set-cookie": "c", "server": "s", "x-mixpeek-version": "1"}
    assert dict(routes.given_headers(given)) == {"ETag": '"a"'}


def test_a_link_in_the_root_may_be_followed_and_dots_may_not(tmp_path: Path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "link").symlink_to(elsewhere)
    assert locate(root, "/link") == root / "link"
    assert locate(root, "") == root
    for path in ("../elsewhere", "link/../../elsewhere", ".git", "a\0b", "none"):
        with pytest.raises(WorkbenchError):
            locate(root, path)


def task(state: TaskState = TaskState.IN_PROGRESS, indexed: int = 0) -> TaskOut:
    return TaskOut(
        task_id="tsk_1",
        kind=TaskKind.INGEST,
        state=state,
        bucket="secret bucket",
        progress=Progress(total=9, indexed=indexed),
        created_at=datetime.now(UTC),
    )


async def test_the_bus_gets_the_newest_state_at_a_pace_and_the_end_at_once():
    told: list[tuple[str, Mapping[str, Any]]] = []
    fan = Fan(lambda event, data: told.append((event, data)))
    for indexed in range(5):
        fan.task(task(indexed=indexed))
    assert [data["indexed"] for _, data in told] == [0]
    for _ in range(200):
        await asyncio.sleep(0.01)
        if len(told) > 1:
            break
    assert [data["indexed"] for _, data in told] == [0, 4]
    fan.task(task(indexed=7))
    fan.task(task(TaskState.COMPLETED, indexed=9))
    assert told[-1][1]["state"] == "COMPLETED"
    await asyncio.sleep(0.6)
    assert len(told) == 3, "nothing comes after the end"
    assert {event for event, _ in told} == {TASK}
    assert "secret" not in str(told)


async def test_the_service_is_said_to_have_gone_once():
    told: list[Mapping[str, Any]] = []
    fan = Fan(lambda event, data: told.append({"event": event, **data}))
    for state in ("up", "down", "down", "up"):
        fan.stack(state)
    assert [each["state"] for each in told] == ["up", "down", "up"]
    assert {each["event"] for each in told} == {STACK}


@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("import sys; print('fetching', file=sys.stderr)", ("up", None)),
        ("import sys; print('no room', file=sys.stderr); sys.exit(1)", ("down", "no room")),
        ("import sys; sys.exit(3)", ("down", "mixpeek up ended with status 3")),
    ],
)
async def test_a_start_tells_how_it_goes_and_why_it_did_not(
    program: str, end: tuple[str, str | None]
):
    told: list[tuple[str, str | None]] = []
    launcher = Launcher(
        lambda state, note: told.append((state, note)), (sys.executable, "-c", program)
    )
    launcher.start()
    launcher.start()
    assert told == [("starting", None)], "one start at a time"
    for _ in range(1000):
        await asyncio.sleep(0.01)
        if not launcher.starting:
            break
    assert told[-1] == end
    assert launcher.failure == end[1]
