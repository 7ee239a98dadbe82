"""Let Temporal's SDK download the Temporal program into a folder: ``fetch_temporal FOLDER``.

A process of its own, because the SDK's download cannot be interrupted from inside.
"""

from __future__ import annotations

import asyncio
import sys

from temporalio.testing import WorkflowEnvironment


async def fetch(folder: str) -> None:
    # Starting a server is the one way by which the SDK downloads.
    environment = await WorkflowEnvironment.start_local(
        ip="127.0.0.1", download_dest_dir=folder, dev_server_log_level="error"
    )
    await environment.shutdown()


if __name__ == "__main__":
    try:
        asyncio.run(fetch(sys.argv[1]))
    except RuntimeError as error:
        sys.exit(str(error))
