"""Built-in extractors, one module each. They see ``workbench.extraction.contract`` only."""

import os

# onnxruntime reports to its maker from version 1.32 on, unless it is told not to before it is
# imported. Nothing that reads people's files calls anybody.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
