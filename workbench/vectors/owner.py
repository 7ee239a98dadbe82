"""The process that owns the embedded engine: all spaces of one home, behind one Unix socket.

The engine allows one process per folder and holds Python's lock while it works, so it has a process
of its own; everyone else is a client (``embedded.py``). A lock on the folder, which the kernel
releases with the process, keeps a second owner out; a socket file without a listener is what a
killed owner left and is replaced. SIGTERM and SIGINT end it cleanly: the write at hand is finished,
everything is flushed and closed, the socket is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket as sockets
import sys
from collections.abc import Generator
from pathlib import Path

from workbench.domain.errors import Code, WorkbenchError
from workbench.vectors import wire
from workbench.vectors.verbs import Verbs

_LOCK = "LOCK"
#: The kernel's limit for the path of a Unix socket, its closing zero not counted.
_LONGEST_PATH = 107

log = logging.getLogger(__name__)


def main(folder: Path, socket: Path) -> int:
    """Run the owner until it is told to stop; the exit status of its process."""
    try:
        asyncio.run(serve(folder, socket))
    except WorkbenchError as error:
        print(f"{error.message}\n{error.hint or ''}".rstrip(), file=sys.stderr)
        return 1
    return 0


async def serve(folder: Path, socket: Path) -> None:
    """Own ``folder`` and answer on ``socket`` until SIGTERM or SIGINT.

    Raises ``WorkbenchError`` (``conflict``) when another process owns the folder or answers on the
    socket. The socket appears when every space is open.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with _locked(folder), _listening(socket) as listener:
        await _answer_until(stop, Verbs(folder), listener)
    log.info("closed %s", folder)


async def _answer_until(stop: asyncio.Event, verbs: Verbs, listener: sockets.socket) -> None:
    open_now: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            await _converse(verbs, reader, writer)
        finally:
            open_now.discard(task)
            writer.close()

    listener.listen(128)
    server = await asyncio.start_unix_server(connected, sock=listener, limit=wire.READ_AHEAD)
    try:
        await stop.wait()
    finally:
        server.close()
        await verbs.close()
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


async def _converse(
    verbs: Verbs, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection, one after the other."""
    try:
        while True:
            request = await wire.read(reader)
            status, value = await verbs.answer(request)
            writer.write(wire.pack((status, value)))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client went away: what it asked for is done or was never asked
    except asyncio.CancelledError:
        pass  # the owner stops


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[None, None, None]:
    """Hold the folder. The kernel gives the lock back when the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise WorkbenchError(
                Code.CONFLICT,
                f"the vectors in {folder} are in use by process {lock.read().strip() or '?'}",
                "one process owns a vectors folder: stop that one first",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def _listening(path: Path) -> Generator[sockets.socket, None, None]:
    """A socket bound at ``path`` with mode 0600, removed at the end; not listening yet, so that
    clients wait until the spaces are open."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise WorkbenchError(
            Code.INVALID,
            f"the socket's path has more than {_LONGEST_PATH} bytes: {path}",
            "choose a shorter one",
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with sockets.socket(sockets.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise WorkbenchError(Code.CONFLICT, f"another process answers on {path}")
    with sockets.socket(sockets.AF_UNIX) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        mine = path.stat().st_ino
        try:
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == mine:
                    path.unlink()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
