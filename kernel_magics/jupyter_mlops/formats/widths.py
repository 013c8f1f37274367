"""How wide the tables inside an ONNX graph are, where that follows from the graph alone.

What depends on the values of a row, or on how many rows there are, has no width here. The operators
of ``ai.onnx.ml`` that come before trees are told here, all others by onnx itself; what a graph says of
its own tensors beyond its inputs is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

_FLOAT: Final = 1
_INT64: Final = 7
_STRING: Final = 8
_TABLE: Final = 2
_MOST_STEPS: Final = 100

Shapes = Mapping[str, Any]


def known(model: Any) -> dict[str, int]:
    """Return the width of each tensor that is a table of one width, whatever the rows."""
    own = [node for node in model.graph.node if node.op_type in _TOLD]
    told: list[Any] = []
    shapes = _inferred(model, told)
    for _ in range(_MOST_STEPS):
        ready = [node for node in own if _is_ready(node, shapes)]
        if not ready:
            break
        own = [node for node in own if not _is_ready(node, shapes)]
        told += [found for node in ready for found in _TOLD[node.op_type](node, shapes)]
        shapes = _inferred(model, told)
    tables = {name: kind.shape.dim for name, kind in shapes.items() if _is_table(kind)}
    return {name: dims[1].dim_value for name, dims in tables.items() if dims[1].dim_value > 0}


def _inferred(model: Any, told: list[Any]) -> dict[str, Any]:
    """Return what onnx knows of each tensor, given what is told of some."""
    import onnx

    graph = model.graph
    others = [node for node in graph.node if node.op_type not in _TOLD]
    inputs = [*graph.input, *told]
    part = onnx.helper.make_graph(others, "part", inputs, [], graph.initializer)
    whole = onnx.helper.make_model(part, opset_imports=model.opset_import)
    whole.ir_version = model.ir_version
    found = onnx.shape_inference.infer_shapes(whole, data_prop=True).graph
    shapes = {one.name: one.type.tensor_type for one in (*inputs, *found.value_info)}
    for tensor in graph.initializer:
        fixed = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        shapes[tensor.name] = fixed.type.tensor_type
    return shapes


def _is_table(kind: Any) -> bool:
    return kind.HasField("shape") and len(kind.shape.dim) == _TABLE


def _is_ready(node: Any, shapes: Shapes) -> bool:
    return all(name in shapes for name in node.input) and _is_table(shapes[node.input[0]])


def _tensor(name: str, kind: int, dims: list[Any]) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, kind, dims)


def _rows(node: Any, shapes: Shapes) -> Any:
    """Return how many rows come in: a number, or the name of one."""
    first = shapes[node.input[0]].shape.dim[0]
    return first.dim_value or first.dim_param or None


def _same(node: Any, shapes: Shapes) -> list[Any]:
    into = shapes[node.input[0]]
    width = into.shape.dim[1].dim_value or None
    kind = _FLOAT if node.op_type in ("Scaler", "Normalizer") else into.elem_type
    return [_tensor(node.output[0], kind, [_rows(node, shapes), width])]


def _looked_up(node: Any, shapes: Shapes) -> list[Any]:
    said = _said(node)
    kinds = {"values_strings": _STRING, "values_int64s": _INT64, "values_floats": _FLOAT}
    kind = next((kind for name, kind in kinds.items() if name in said), 0)
    width = shapes[node.input[0]].shape.dim[1].dim_value or None
    kind = said["values_tensor"].t.data_type if "values_tensor" in said else kind
    return [_tensor(node.output[0], kind, [_rows(node, shapes), width])] if kind else []


def _picked(node: Any, shapes: Shapes) -> list[Any]:
    sizes = [one.dim_value for one in shapes[node.input[1]].shape.dim]
    count = int(np.prod(sizes)) or None
    return [_tensor(node.output[0], shapes[node.input[0]].elem_type, [_rows(node, shapes), count])]


def _one_hot(node: Any, shapes: Shapes) -> list[Any]:
    said = _said(node)
    count = sum(len(said[name].ints) + len(said[name].strings) for name in said if "cats_" in name)
    width = shapes[node.input[0]].shape.dim[1].dim_value or None
    return [_tensor(node.output[0], _FLOAT, [_rows(node, shapes), width, count or None])]


def _side_by_side(node: Any, shapes: Shapes) -> list[Any]:
    width = sum(_said(node)["inputdimensions"].ints) if "inputdimensions" in _said(node) else None
    return [_tensor(node.output[0], _FLOAT, [_rows(node, shapes), width or None])]


def _voted(node: Any, shapes: Shapes) -> list[Any]:
    said, rows = _said(node), _rows(node, shapes)
    if node.op_type == "TreeEnsembleRegressor":
        width = said["n_targets"].i if "n_targets" in said else 1
        return [_tensor(node.output[0], _FLOAT, [rows, width])]
    named = [name for name in said if name.startswith("classlabels_")]
    width = sum(len(said[name].ints) + len(said[name].strings) for name in named)
    kind = _STRING if "classlabels_strings" in said else _INT64
    told = [_tensor(node.output[0], kind, [rows])]
    return [*told, *(_tensor(name, _FLOAT, [rows, width or None]) for name in node.output[1:2])]


def _said(node: Any) -> dict[str, Any]:
    return {attribute.name: attribute for attribute in node.attribute}


_TOLD: Final[Mapping[str, Callable[[Any, Shapes], list[Any]]]] = {
    **dict.fromkeys(("Imputer", "Scaler", "Normalizer", "Binarizer"), _same),
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor"), _voted),
    "ArrayFeatureExtractor": _picked,
    "FeatureVectorizer": _side_by_side,
    "LabelEncoder": _looked_up,
    "OneHotEncoder": _one_hot,
}
