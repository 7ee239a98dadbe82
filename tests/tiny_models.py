"""Small models in the files of large ones: what fastembed opens under a known name.

Texts are sums of one random direction a word; pictures are their mean colour in the directions of
the words ``red``, ``green`` and ``blue``; a cross-encoder counts the words that query and text
share. So each model's answers are known, and all of opening, tokenizing and pooling is real.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
COLOURS = ("red", "green", "blue")
WORDS = (
    *COLOURS,
    *("a", "the", "dog", "cat", "boat", "sails", "on", "sea", "runs", "along", "beach"),
    *("sleeps", "sofa", "cake", "flour", "butter"),
    *("query", "passage", "search_query", "search_document"),
    *("represent", "this", "sentence", "for", "searching", "relevant", "passages"),
)
_INT, _FLOAT = TensorProto.INT64, TensorProto.FLOAT


def directions(dimension: int) -> npt.NDArray[np.float32]:
    """A row a token; those of special and unknown ones are nothing."""
    made = np.random.default_rng(7).standard_normal((len(SPECIAL) + len(WORDS), dimension))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    made[: len(SPECIAL)] = 0
    return made.astype(np.float32)


def text_model(folder: Path, file: str, dimension: int, *, pooled: bool = False) -> None:
    """``pooled``: the model gives one vector a text itself, as CLIP's does."""
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["each"]),
        helper.make_node("ReduceSum", ["each", "along"], ["sum"], keepdims=0 if pooled else 1),
        helper.make_node("Mul", ["each", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "sum"], ["spread"]),
    ]
    shape: list[int | str] = ["batch", dimension] if pooled else ["batch", "tokens", dimension]
    _save(
        folder / file,
        nodes[:2] if pooled else nodes,
        ["input_ids", "attention_mask"],
        helper.make_tensor_value_info("sum" if pooled else "spread", _FLOAT, shape),
        {
            "words": directions(dimension),
            "along": np.array([1], np.int64),
            "zero": np.zeros(1, np.float32),
        },
    )
    _tokenizer(folder)


def picture_model(folder: Path, file: str, dimension: int) -> None:
    at = len(SPECIAL)
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values", "across"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "colours"], ["image_embeds"]),
    ]
    size: list[int | str] = ["batch", 3, 224, 224]
    _save(
        folder / file,
        nodes,
        [],
        helper.make_tensor_value_info("image_embeds", _FLOAT, ["batch", dimension]),
        {
            "across": np.array([2, 3], np.int64),
            "colours": directions(dimension)[at : at + len(COLOURS)],
        },
        [helper.make_tensor_value_info("pixel_values", _FLOAT, size)],
    )
    config = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": 224},
        "do_center_crop": True,
        "crop_size": 224,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(config))


def cross_encoder(folder: Path, file: str) -> None:
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["each"]),
        helper.make_node("Cast", ["token_type_ids"], ["second"], to=_FLOAT),
        helper.make_node("Unsqueeze", ["second", "last"], ["is_text"]),
        helper.make_node("Sub", ["one", "is_text"], ["is_query"]),
        helper.make_node("Mul", ["each", "is_text"], ["text_words"]),
        helper.make_node("Mul", ["each", "is_query"], ["query_words"]),
        helper.make_node("ReduceSum", ["text_words", "along"], ["text"], keepdims=0),
        helper.make_node("ReduceSum", ["query_words", "along"], ["query"], keepdims=0),
        helper.make_node("Mul", ["text", "query"], ["both"]),
        helper.make_node("ReduceSum", ["both", "along"], ["logits"], keepdims=1),
    ]
    _save(
        folder / file,
        nodes,
        ["input_ids", "attention_mask", "token_type_ids"],
        helper.make_tensor_value_info("logits", _FLOAT, ["batch", 1]),
        {
            "words": directions(256),
            "along": np.array([1], np.int64),
            "last": np.array([2], np.int64),
            "one": np.ones(1, np.float32),
        },
    )
    _tokenizer(folder)


def _tokenizer(folder: Path) -> None:
    tokens = (*SPECIAL, *WORDS)
    made = Tokenizer(WordLevel({word: at for at, word in enumerate(tokens)}, unk_token="[UNK]"))
    made.normalizer = Lowercase()
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    made.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    config = {"model_max_length": 128, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[str],
    output: onnx.ValueInfoProto,
    tables: dict[str, npt.NDArray[np.generic]],
    more: Sequence[onnx.ValueInfoProto] = (),
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = [helper.make_tensor_value_info(name, _INT, ["batch", "tokens"]) for name in inputs]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [*taken, *more],
        [output],
        [numpy_helper.from_array(table, name) for name, table in tables.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def put_all(models: Path) -> None:
    """Tiny files under the names of a text model, CLIP and a cross-encoder."""
    text_model(models / "text/BAAI/bge-small-en-v1.5", "model_optimized.onnx", 384)
    text_model(models / "text/Qdrant/clip-ViT-B-32-text", "model.onnx", 512, pooled=True)
    picture_model(models / "picture/Qdrant/clip-ViT-B-32-vision", "model.onnx", 512)
    cross_encoder(models / "rerank/Xenova/ms-marco-MiniLM-L-6-v2", "onnx/model.onnx")
