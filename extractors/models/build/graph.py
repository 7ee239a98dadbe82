"""EfficientNet-Lite0 as an ONNX graph, from its tensors; then int8, then the heads.

Lite0 is EfficientNet-B0 without squeeze-and-excitation and with ReLU6: a stem, 16 inverted residual
blocks in 7 stages, a head, the mean over the picture, a linear classifier. Batch normalisation is
folded into the convolutions. After quantization the graph takes the picture's own bytes: they are
the quantized input already, with (byte - 127) / 128 as their meaning, so nothing has to be computed
before the first convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx  # pyright: ignore[reportMissingImports] - only this build needs it
from onnx import TensorProto, helper, numpy_helper  # pyright: ignore[reportMissingImports]
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Array = npt.NDArray[Any]

SIZE = 224
#: Stride of the first block of each of the seven stages.
STRIDES = (1, 2, 2, 2, 1, 2, 1)
EPSILON = 1e-3
OPSET = 17
IR_VERSION = 9
QUANTIZED = ["Conv", "Add", "Gemm", "Clip", "GlobalAveragePool"]


class _Builder:
    """Collects nodes and constants; each method returns the name of its result."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self.tensors = tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        name = output or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(
        self, x: str, conv: str, norm: str, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> str:
        """A convolution with its batch normalisation folded in, and ReLU6."""
        weight = self.tensors[f"{conv}.weight"]
        gamma, beta, mean, variance = (
            self.tensors[f"{norm}.{k}"] for k in ("weight", "bias", "running_mean", "running_var")
        )
        scale = (gamma / np.sqrt(variance + EPSILON)).astype(np.float32)
        y = self.node(
            "Conv",
            [
                x,
                self.constant(weight * scale[:, None, None, None]),
                self.constant((beta - mean * scale).astype(np.float32)),
            ],
            kernel_shape=list(weight.shape[2:]),
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )
        if not relu:
            return y
        low, high = self.constant(np.array(0, np.float32)), self.constant(np.array(6, np.float32))
        return self.node("Clip", [y, low, high])

    def block(self, x: str, index: int, stride: int, width: int) -> tuple[str, int]:
        """One inverted residual block; returns its result and its width in channels."""
        prefix = f"_blocks.{index}."
        y, inner = x, width
        if f"{prefix}_expand_conv.weight" in self.tensors:
            inner = self.tensors[f"{prefix}_expand_conv.weight"].shape[0]
            y = self.conv(y, f"{prefix}_expand_conv", f"{prefix}_bn0")
        y = self.conv(y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride, inner)
        y = self.conv(y, f"{prefix}_project_conv", f"{prefix}_bn2", relu=False)
        out = self.tensors[f"{prefix}_project_conv.weight"].shape[0]
        if stride == 1 and out == width:
            y = self.node("Add", [y, x])
        return y, out


def _output(name: str, dimension: int) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", dimension])


def build_float(tensors: Mapping[str, Array], path: Path) -> None:
    """Write the float32 graph.

    In: ``input`` (n, 3, 224, 224). Out: ``features`` (1280), ``logits`` (1000).
    """
    builder = _Builder(tensors)
    x = builder.conv("input", "_conv_stem", "_bn0", stride=2)
    width, stage, index = tensors["_conv_stem.weight"].shape[0], -1, 0
    while f"_blocks.{index}._project_conv.weight" in tensors:
        out = tensors[f"_blocks.{index}._project_conv.weight"].shape[0]
        first = out != width
        stage += first
        x, width = builder.block(x, index, STRIDES[stage] if first else 1, width)
        index += 1
    x = builder.conv(x, "_conv_head", "_bn1")
    x = builder.node("GlobalAveragePool", [x])
    features = builder.node("Flatten", [x], "features", axis=1)
    weight, bias = tensors["_fc.weight"], tensors["_fc.bias"]
    builder.node(
        "Gemm",
        [features, builder.constant(weight), builder.constant(bias)],
        "logits",
        transB=1,
    )
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])
    graph = helper.make_graph(
        builder.nodes,
        "efficientnet_lite0",
        [picture],
        [_output("features", weight.shape[1]), _output("logits", weight.shape[0])],
        builder.constants,
    )
    _save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]), path)


class _Photos(CalibrationDataReader):
    def __init__(self, pixels: npt.NDArray[np.uint8]) -> None:
        self._rest: Iterator[Array] = iter(np.array_split(pixels, max(1, len(pixels) // 4)))

    def get_next(self) -> Any:
        photos = next(self._rest, None)
        if photos is None:
            return None
        scaled = (photos.astype(np.float32) - 127) / 128
        return {"input": scaled.transpose(0, 3, 1, 2)}


def quantize(source: Path, target: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """int8 with ranges seen on ``pixels`` (n, 224, 224, 3): weights by channel, activations by
    tensor."""
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(target),
        _Photos(pixels),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=QUANTIZED,
    )


def finish(source: Path, target: Path, label_text: npt.NDArray[np.float32]) -> None:
    """Give the quantized graph its input and heads.

    In: ``pixels`` uint8 (n, 224, 224, 3). Out: ``visual`` (1280) and ``semantic`` (384), both of
    length 1, and ``probs`` (1000). ``semantic`` is the probabilities times ``label_text``
    (1000, 384), the labels' places in the text space.
    """
    model = onnx.load(str(source))
    graph = model.graph
    _take_bytes(graph)
    graph.initializer.append(numpy_helper.from_array(label_text, "label_text"))
    graph.node.extend(
        [
            helper.make_node("Softmax", ["logits"], ["probs"], axis=1),
            helper.make_node("MatMul", ["probs", "label_text"], ["meaning"]),
            helper.make_node("LpNormalization", ["meaning"], ["semantic"], axis=1, p=2),
            helper.make_node("LpNormalization", ["features"], ["visual"], axis=1, p=2),
        ]
    )
    del graph.output[:]
    labels, dimension = label_text.shape
    graph.output.extend(
        [_output("visual", 1280), _output("semantic", dimension), _output("probs", labels)]
    )
    _save(model, target)


def _take_bytes(graph: Any) -> None:
    """Replace the input's quantization by the picture's bytes, channels last."""
    (quantizer,) = [n for n in graph.node if list(n.input[:1]) == ["input"]]
    (reader,) = [n for n in graph.node if list(n.input[:1]) == [quantizer.output[0]]]
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 / 128, np.float32), "pixel_scale"),
            numpy_helper.from_array(np.array(127, np.uint8), "pixel_zero"),
        ]
    )
    channels_first = helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2])
    meaning = helper.make_node(
        "DequantizeLinear", ["planes", "pixel_scale", "pixel_zero"], [reader.output[0]]
    )
    graph.node.remove(quantizer)
    graph.node.remove(reader)
    graph.node.insert(0, meaning)
    graph.node.insert(0, channels_first)
    del graph.input[:]
    graph.input.append(
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])
    )


def _save(model: Any, path: Path) -> None:
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
