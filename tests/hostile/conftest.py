"""Files that tests of extractors make are the beginning of many hostile ones."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "extractors"))
