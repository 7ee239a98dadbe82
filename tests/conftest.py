"""Modules that several tests share lie beside this file (``toys``)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
