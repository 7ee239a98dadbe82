"""The models that travel with the package, as files in ``data``, and how a session is opened.

The files were made by ``python -m extractors.models.build``; ``data/NOTICE`` says from what and
under which licences.
"""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime as ort

DATA = Path(__file__).parent / "data"
LITE0 = DATA / "lite0-int8.onnx"
LABELS = DATA / "labels.json"
#: SHA-256 of each file above and below.
RECIPE = DATA / "recipe.json"
MINILM_TOKENIZER = DATA / "minilm" / "tokenizer.json"

#: Threads of one session, where ``load`` is not told: workers stay at one, since Ray runs as many
#: of them as there are cores; the service, which encodes single queries, sets more.
THREADS_VARIABLE = "MIXPEEK_MODEL_THREADS"


def default_threads() -> int:
    """Threads a session uses in this process: the environment's number, else 1."""
    value = os.environ.get(THREADS_VARIABLE, "")
    return max(1, int(value)) if value.isdecimal() else 1


def open_session(path: Path, threads: int) -> ort.InferenceSession:
    """An onnxruntime session on the CPU that runs one operator after the other on ``threads``.

    Its threads sleep while they wait: by default they spin, which takes the core from the decoder.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
