"""The Open Inference Protocol v2: tensors in, tensors out, JSON or with binary tensors behind it.

One input for each feature, or one of shape [rows, features] for a model that reads numbers only.
Source: the KServe "Open Inference Protocol" and its binary tensor data extension.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np

from jupyter_mlops.serving import bodies
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.questions import Question, Told

Features = Sequence[Mapping[str, Any]]

LENGTH: Final = b"inference-header-content-length"
WIDTHS: Final = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}

_encode: Final = msgspec.json.Encoder().encode


class Tensor(msgspec.Struct):
    """One input."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class Wanted(msgspec.Struct):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct):
    """The body of an inference request."""

    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[Wanted] | None = None


_DECODER: Final = msgspec.json.Decoder(Inference)


def read(body: bytes, features: Features, *, header: int | None) -> Question:
    """Read an inference request; ``header`` is the length of its JSON where tensors follow.

    Raises:
        Problem: 400 for what is not JSON, 422 for tensors that are not what the model reads.
    """
    if header is not None and not 0 < header <= len(body):
        raise _wrong("The length of the JSON header is not that of this body.")
    asked = _asked(body if header is None else body[:header])
    rest = memoryview(body)[header:] if header is not None else memoryview(b"")
    columns = _columns(asked.inputs, rest, features)
    rows = bodies.by_row(columns)
    if not 0 < len(rows) <= bodies.MOST_ROWS:
        raise Problem(422, "invalid_rows", f"A request has 1 to {bodies.MOST_ROWS} rows.")
    tell = partial(_told, asked)
    return Question(rows, None, _encode({"rows": rows}), tell)


def _asked(head: bytes) -> Inference:
    """Decode the JSON of a request; strictly where it has more keys or brackets than were understood."""
    asked: Inference = bodies.decoded(_DECODER, head)
    keys, lists = 1 + bool(asked.id), 1 + (asked.outputs is not None)
    for parameters in (asked.parameters, *(wanted.parameters for wanted in asked.outputs or ())):
        keys += bool(parameters) + len(parameters)
    keys += (asked.outputs is not None) + len(asked.outputs or ())
    for tensor in asked.inputs:
        keys += 3 + bool(tensor.parameters) + len(tensor.parameters) + (tensor.data is not None)
        lists += 1 + (tensor.data is not None)
        lists += sum(isinstance(part, list) for part in tensor.data or ())
    if head.count(b":") != keys or head.count(b"[") != lists:
        bodies.check_slowly(head)
    return asked


def _columns(
    inputs: Sequence[Tensor], rest: memoryview, features: Features
) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    place = 0
    bodies.check_values(sum(_cells(tensor) for tensor in inputs))
    for tensor in inputs:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            values = _flat(tensor.data if tensor.data is not None else [])
        elif isinstance(size, int) and 0 <= size <= len(rest) - place:
            values = _unpacked(tensor, rest[place : place + size])
            place += size
        else:
            raise _wrong("A binary tensor is longer than the body.")
        if len(values) != math.prod(tensor.shape):
            raise _wrong("A tensor does not hold what its shape says.")
        told |= _named(tensor, values, features, alone=len(inputs) == 1)
    return told


def _cells(tensor: Tensor) -> int:
    """Return how many values a tensor says it has, after checking that it may say so."""
    if tensor.datatype not in WIDTHS and tensor.datatype != "BYTES":
        raise _wrong("A datatype is none of the protocol's.")
    if not 1 <= len(tensor.shape) <= 2 or any(side < 0 for side in tensor.shape):  # noqa: PLR2004
        raise _wrong("A tensor has one or two dimensions.")
    if math.prod(tensor.shape) > bodies.MOST_VALUES:
        raise _wrong("A tensor is too large.")
    return math.prod(tensor.shape)


def _named(
    tensor: Tensor, values: list[Any], features: Features, *, alone: bool
) -> dict[str, list[Any]]:
    """Return a tensor as columns: its own, or all of them when it holds every feature."""
    wide = tensor.shape[1] if len(tensor.shape) > 1 else 1
    values = [_read(value, tensor.datatype) for value in values]
    if wide == 1:
        return {tensor.name: values}
    if not alone or wide != len(features):
        raise _wrong(
            "A tensor of two dimensions has to hold every feature, and to be the only one."
        )
    return {feature["name"]: values[at::wide] for at, feature in enumerate(features)}


def _read(value: Any, datatype: str) -> Any:
    """Return a value as a row holds it: NaN of a binary tensor is a missing value."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int) and datatype.startswith("FP") and not isinstance(value, bool):
        return float(value)
    return value


def _flat(data: list[Any]) -> list[Any]:
    if data and all(isinstance(part, list) for part in data):
        return [value for part in data for value in part]
    return data


def _unpacked(tensor: Tensor, data: memoryview) -> list[Any]:
    if tensor.datatype != "BYTES":
        width = np.dtype(WIDTHS[tensor.datatype])
        if len(data) % width.itemsize:
            raise _wrong("A binary tensor does not hold what its shape says.")
        found: list[Any] = np.frombuffer(data, dtype=width).tolist()
        return found
    told, place = [], 0
    try:
        while place < len(data):
            size = struct.unpack_from("<I", data, place)[0]
            told.append(bytes(data[place + 4 : place + 4 + size]).decode("utf-8"))
            place += 4 + size
    except (struct.error, UnicodeDecodeError):
        raise _wrong("A binary tensor of text is not what the protocol says.") from None
    if any("\x00" in text for text in told):
        raise bodies.with_nul()
    return told


def _told(asked: Inference, about: Mapping[str, Any], predictions: list[Told]) -> bytes:
    if any(row.prediction is None for row in predictions):
        raise Problem(
            500,
            "model_failed",
            "The model failed to answer some of these rows.",
            "ask at /deployments/{deployment}/predictions, which answers the others.",
        )
    outputs = _outputs(predictions)
    names = {wanted.name for wanted in asked.outputs} if asked.outputs else set(outputs)
    return _encode(
        {
            "model_name": about["deployment"],
            "model_version": about["version"],
            **({"id": asked.id} if asked.id else {}),
            "parameters": {"digest": about["digest"]},
            "outputs": [
                {"name": name, **tensor} for name, tensor in outputs.items() if name in names
            ],
        }
    )


def _outputs(predictions: list[Told]) -> dict[str, dict[str, Any]]:
    said = [row.prediction for row in predictions]
    told = {
        "prediction": _tensor(said),
        "prediction_id": _tensor([row.prediction_id for row in predictions]),
        "warnings": _tensor([" ".join(row.warnings) for row in predictions]),
    }
    chances = [row.probabilities for row in predictions if row.probabilities]
    if chances:
        flat = [value for row in chances for value in row.values()]
        told["probabilities"] = {
            "datatype": "FP64",
            "shape": [len(chances), len(chances[0])],
            "parameters": {"classes": list(chances[0])},
            "data": flat,
        }
    return told


def _tensor(values: list[Any]) -> dict[str, Any]:
    kinds = {bool: "BOOL", int: "INT64", float: "FP64"}
    datatype = kinds.get(type(values[0]), "BYTES") if len({*map(type, values)}) == 1 else "BYTES"
    data = [str(value) for value in values] if datatype == "BYTES" else values
    return {"datatype": datatype, "shape": [len(values)], "data": data}


def _wrong(what: str) -> Problem:
    return Problem(
        422,
        "invalid_tensors",
        what,
        "GET /v2/models/{deployment} of this server shows its inputs.",
    )
