"""The typed HTTP client that commands, magics and the Jupyter server share.

``connect()`` finds the service as the command line does; ``Client`` has one method per route.
Importing this package costs neither pandas, pyarrow nor DuckDB.
"""

from workbench.client.client import Client, connect
from workbench.client.session import RefusedError
from workbench.client.transport import Body

__all__ = ["Body", "Client", "RefusedError", "connect"]
