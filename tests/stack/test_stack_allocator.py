"""What Ray's processes tell the C library's allocator: pages stay for the next picture."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.stack.parts import MALLOC, ray_environment
from workbench.stack.settings import load_settings

#: Decodes a picture again and again; prints the page faults of one.
PROGRAM = """
import io, resource
from PIL import Image
buffer = io.BytesIO()
Image.new("RGB", (640, 480), "teal").save(buffer, "JPEG")
def decode():
    with Image.open(io.BytesIO(buffer.getvalue())) as picture:
        picture.convert("RGB").resize((224, 224))
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    decode()
before = faults()
for _ in range(50):
    decode()
print((faults() - before) / 50)
"""


def test_what_the_caller_says_of_the_allocator_stands() -> None:
    settings = load_settings()
    assert MALLOC.items() <= ray_environment(settings, {}).items()
    own = {"MALLOC_TRIM_THRESHOLD_": "1"}
    assert ray_environment(settings, own)["MALLOC_TRIM_THRESHOLD_"] == "1"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_picture_is_decoded_into_pages_that_are_there(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**kept, **MALLOC},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert float(done.stdout) < 10  # several hundred without
