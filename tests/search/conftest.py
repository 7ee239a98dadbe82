"""The embedded engine behind its real owner process. Its content stays from test to test: to create
a space costs more than all that is asked of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from workbench.vectors.embedded import EmbeddedStore

_OWNER = (
    "import sys; from pathlib import Path; from workbench.vectors.owner import main;"
    "sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))"
)


@pytest.fixture(scope="session")
def owner_socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mxs") as folder:  # short: socket paths end at 107
        socket = Path(folder, "s")
        process = subprocess.Popen([sys.executable, "-c", _OWNER, f"{folder}/vectors", str(socket)])
        try:
            deadline = time.monotonic() + 30
            while not socket.exists():
                assert process.poll() is None, "the owner ended"
                assert time.monotonic() < deadline, "the owner did not start"
                time.sleep(0.02)
            yield socket
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
async def store(owner_socket: Path) -> AsyncIterator[EmbeddedStore]:
    made = EmbeddedStore(owner_socket)
    yield made
    await made.close()
