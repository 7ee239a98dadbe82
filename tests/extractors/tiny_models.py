"""Tiny ONNX models, made on the spot, under names that fastembed knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

TEXT = "thenlper/gte-base"
PICTURES, CAPTIONS = "Qdrant/clip-ViT-B-32-vision", "Qdrant/clip-ViT-B-32-text"
WORDS = ("[PAD]", "[UNK]", "red", "green", "blue", "goat", "harbour", "wall", "ferry")
#: From the mean colour of a picture to the space that captions share.
COLOURS = np.random.default_rng(5).standard_normal((3, 512)).astype(np.float32)


def text_model(root: Path) -> None:
    """768 dimensions: each word has a direction of its own."""
    folder = root / TEXT
    table = np.random.default_rng(3).standard_normal((len(WORDS), 768)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["states"])]
    _save(folder / "onnx/model.onnx", nodes, {"table": table}, "input_ids", ("states", 3))
    _tokenizer(folder)


def picture_models(root: Path) -> None:
    """512 dimensions: a picture lies where its mean colour does, a word where its colour does."""
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "colours"], ["image_embeds"]),
    ]
    folder = root / PICTURES
    _save(folder / "model.onnx", nodes, {"colours": COLOURS}, "pixel_values", ("image_embeds", 2))
    told = {"do_resize": True, "size": {"shortest_edge": 224}, "do_center_crop": True}
    told |= {"crop_size": {"height": 224, "width": 224}, "do_rescale": True, "do_normalize": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    table = np.zeros((len(WORDS), 3), np.float32)
    table[2:5] = np.eye(3)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["colour"]),
        helper.make_node("ReduceMean", ["colour"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "colours"], ["text_embeds"]),
    ]
    folder = root / CAPTIONS
    values = {"table": table, "colours": COLOURS}
    _save(folder / "model.onnx", nodes, values, "input_ids", ("text_embeds", 2))
    _tokenizer(folder)


def _save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    values: Mapping[str, npt.NDArray[np.float32]],
    given: str,
    answer: tuple[str, int],
) -> None:
    name, rank = answer
    ids = given == "input_ids"
    shape = ["rows", "tokens"] if ids else ["rows", 3, 224, 224]
    kind = TensorProto.INT64 if ids else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(given, kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(value, key) for key, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True)
    onnx.save(model, str(path))


def _tokenizer(folder: Path) -> None:
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    words.save(str(folder / "tokenizer.json"))
    told = {"model_max_length": 64, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
