"""A whole stack of small programs: it stops together, dies together, and is taken over."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from stack_support import Watched, gone, until

from workbench.stack import processes, verbs
from workbench.stack.parts import health
from workbench.stack.settings import load_settings

Start = Callable[[str], Watched]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Watched] = []

    def one(name: str = "home") -> Watched:
        started.append(Watched(tmp_path / name))
        return started[-1]

    yield one
    for watched in started:
        watched.process.kill()
        watched.process.wait()
        processes.end(processes.of_stack(watched.settings), 0.1)
        shutil.rmtree(watched.settings.runtime, ignore_errors=True)


@pytest.fixture
def in_home(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    def choose(home: Path) -> None:
        monkeypatch.setenv("MIXPEEK_HOME", str(home))

    return choose


def everyone(watched: Watched) -> list[int]:
    strays = [each.pid for each in watched.strays()]
    return [*(part.pid for part in watched.state().parts if part.pid is not None), *strays]


def test_it_answers_and_says_where(start: Start) -> None:
    watched = start("home")
    state = watched.until_ready()
    assert health(str(state.url)) == {"state": "ok"}
    service = watched.service()
    assert service["url"] == state.url
    assert service["pid"] == watched.pid("service")
    assert service["home_id"] == watched.settings.home_id
    for private in (watched.settings.key_file, watched.settings.service_file):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    for folder in (watched.home, watched.settings.runtime, watched.settings.logs_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_of_it(start: Start, number: signal.Signals) -> None:
    watched = start("home")
    watched.until_ready()
    pids = everyone(watched)
    watched.process.send_signal(number)
    assert watched.process.wait(15) == 0
    assert all(map(gone, pids))
    assert processes.of_stack(watched.settings) == []
    assert not watched.settings.service_file.exists()
    assert not watched.settings.runtime.exists()


def test_children_die_with_a_killed_watcher(start: Start) -> None:
    watched = start("home")
    watched.until_ready()
    children = [watched.pid(name) for name in ("vectors", "service", "worker")]
    watched.process.kill()
    until(lambda: all(map(gone, children)), 2)


def test_what_a_killed_watcher_left_is_taken_over(start: Start) -> None:
    first = start("home")
    first.until_ready()
    pids, url = everyone(first), first.state().url
    strays = first.strays()
    session = first.settings.ray_folder / "session_old"
    session.mkdir()
    first.process.kill()
    first.process.wait()
    assert not any(gone(stray.pid) for stray in strays)  # nothing but a new start ends those
    second = start("home")
    state = second.until_ready()
    assert state.url == url  # the same port, though the old service listened there
    assert all(map(gone, pids))
    assert not session.exists()


def test_a_second_one_says_that_it_runs(
    start: Start, in_home: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    first = start("home")
    state = first.until_ready()
    assert start("home").process.wait(10) == 7
    in_home(first.home)
    assert verbs.up(detach=False, as_json=False) == 0
    assert verbs.up(detach=True, as_json=False) == 0
    told = capsys.readouterr().out
    assert told.count("runs already") == 2
    assert told.count(str(state.url)) == 2
    assert first.process.poll() is None


def test_down_ends_every_process(
    start: Start, in_home: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    watched = start("home")
    watched.until_ready()
    pids = everyone(watched)
    in_home(watched.home)
    assert verbs.down(as_json=False) == 0
    assert all(map(gone, pids))
    assert capsys.readouterr().out == "stopped\n"
    assert watched.process.wait(5) == 0
    assert verbs.down(as_json=False) == 0
    assert capsys.readouterr().out.startswith("nothing was running")


def test_down_ends_what_a_killed_watcher_left(
    start: Start, in_home: Callable[[Path], None]
) -> None:
    watched = start("home")
    watched.until_ready()
    pids = everyone(watched)
    watched.process.kill()
    watched.process.wait()
    in_home(watched.home)
    assert verbs.down(as_json=False) == 0
    assert all(map(gone, pids))


def test_two_homes_do_not_meet(start: Start, in_home: Callable[[Path], None]) -> None:
    one, two = start("one"), start("two")
    assert one.until_ready().url != two.until_ready().url
    pids = everyone(two)
    in_home(one.home)
    assert verbs.down(as_json=False) == 0
    assert not any(map(gone, pids))
    assert health(str(two.state().url)) == {"state": "ok"}


def test_status(
    start: Start, in_home: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    watched = start("home")
    watched.until_ready()
    in_home(watched.home)
    assert verbs.status(as_json=False) == 0
    told = capsys.readouterr().out
    assert str(watched.pid("service")) in told
    before = watched.pid("service")
    os.kill(before, signal.SIGKILL)
    until(lambda: watched.service().get("pid") not in (before, None), 20)
    until(lambda: watched.service()["pid"] == watched.pid("service"), 10)
    assert verbs.status(as_json=False) == 0
    assert "was killed by signal 9" in capsys.readouterr().out
    watched.process.kill()
    watched.process.wait()
    assert verbs.status(as_json=False) == 3
    assert "`mixpeek up`" in capsys.readouterr().out


def test_a_new_start_says_that_nobody_stopped_the_one_before(start: Start) -> None:
    first = start("home")
    assert first.until_ready().found == ()
    first.process.kill()
    first.process.wait()
    second = start("home")
    (line,) = second.until_ready().found
    assert "nothing says how it ended last time" in line
    second.process.terminate()
    second.process.wait(15)
    assert start("home").until_ready().found == ()


def test_a_clock_that_went_back_is_found(start: Start) -> None:
    watched = start("home")
    state = watched.until_ready()
    watched.process.terminate()
    watched.process.wait(15)
    stopped = watched.state()
    assert stopped.traces(time.time()) == []
    assert stopped.traces(state.began + 86400) == []
    (line,) = stopped.traces(state.began - 3600)
    assert line.startswith("the clock went back: it last ran 36")


def test_a_process_is_known_after_the_clock_jumped(monkeypatch: pytest.MonkeyPatch) -> None:
    me = processes.identity(os.getpid())
    assert me is not None
    began = psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: began + 3600)
    assert processes.alive(me)
    assert not processes.alive(replace(me, born=me.born + "0"))
    assert not processes.alive(replace(me, born=""))


def test_a_full_disk_does_not_stop_the_watcher(start: Start) -> None:
    """A folder stands where the state is written: that fails as on a full disk."""
    watched = start("home")
    url = str(watched.until_ready().url)
    before, place = watched.pid("service"), watched.home / "run" / "state.json"
    place.unlink()
    place.mkdir()
    os.kill(before, signal.SIGKILL)
    until(lambda: gone(before), 5)
    # What answers now is another one: it was started by a watcher that could not write so.
    until(lambda: health(url) == {"state": "ok"}, 20)
    assert place.is_dir()
    time.sleep(1)  # the watcher has seen it too: nothing happens any more that it would write down
    place.rmdir()
    until(lambda: place.is_file() and watched.pid("service") != before, 10)
    assert watched.process.poll() is None
    until(lambda: watched.service()["pid"] == watched.pid("service"), 10)


def test_the_caller_is_never_among_the_processes(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load_settings({}, home=tmp_path / "home")
    own = [processes.Identity(os.getpid(), psutil.Process().create_time())]
    assert processes.of_stack(settings, own) == []
