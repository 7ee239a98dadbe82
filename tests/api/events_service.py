"""A service in a process of its own, to be killed: the API over the store at the address argv[1],
found by the home at argv[2]."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
from pathlib import Path

import uvicorn
from api_stand import make_stand

from workbench import __version__
from workbench.store.database import Database


async def main(store: str, home: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir=home.parent))
    stand = make_stand(Database(store), folder, folder / "none.sock")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    (home / "run").mkdir(parents=True, exist_ok=True)
    (home / "key").write_text(stand.key)
    (home / "key").chmod(0o600)
    found = {"url": f"http://127.0.0.1:{port}", "pid": 1, "version": __version__, "home_id": "h"}
    config = uvicorn.Config(stand.app, log_level="warning", lifespan="off")
    serving = asyncio.create_task(uvicorn.Server(config).serve([listening]))
    new = home / "run" / "service.json.new"
    new.write_text(json.dumps(found))
    new.replace(home / "run" / "service.json")
    await serving


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
