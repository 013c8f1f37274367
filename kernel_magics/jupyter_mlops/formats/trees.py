"""Checking tree structures before they predict: a forged node makes native code read anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Unsafe

LEAF: Final = -1
_DEEPEST: Final = 200


def check_trees(model: Any) -> None:
    """Raise unless every tree inside a model is one.

    Raises:
        Unsafe: a child lies outside its tree, a node is reached twice, a feature does not exist,
            or a threshold is not a number.
    """
    for part in _parts(model, set(), 0):
        kind = type(part).__name__
        if kind == "Tree" and type(part).__module__ == "sklearn.tree._tree":
            _check_tree(part)
        elif kind == "TreePredictor":
            _check_predictor(part)


def check_ensembles(model: Any) -> None:
    """Raise where trees of an ONNX model look at a feature that their input, as far as known, has not.

    Raises:
        Unsafe: one does; the runtime would read whatever lies beside the row.
    """
    import onnx

    operators = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    if not operators:
        return
    graph = onnx.shape_inference.infer_shapes(model).graph
    widths = {
        told.name: told.type.tensor_type.shape.dim[-1].dim_value
        for told in (*graph.input, *graph.value_info)
        if told.type.tensor_type.shape.dim
    }
    for node in operators:
        width = widths.get(node.input[0], 0)
        if not _within(_features(node), width or np.iinfo(np.int64).max):
            raise _forged()


def _features(node: Any) -> Any:
    """Return the features that the inner nodes of an operator look at."""
    said = {attribute.name: attribute for attribute in node.attribute}
    told = said.get("nodes_featureids")
    features = np.array(told.ints if told else [], dtype=np.int64)
    modes = said.get("nodes_modes")
    if modes is None or len(modes.strings) != len(features):
        return features
    return features[[mode != b"LEAF" for mode in modes.strings]]


def _parts(thing: Any, seen: set[int], depth: int) -> Iterator[Any]:
    """Walk everything a model is made of, once."""
    if id(thing) in seen or depth > _DEEPEST or isinstance(thing, str | bytes | int | float | None):
        return
    seen.add(id(thing))
    yield thing
    inner: Any = ()
    if isinstance(thing, dict):
        inner = [*thing.values()]
    elif isinstance(thing, list | tuple | set):
        inner = thing
    elif isinstance(thing, np.ndarray):
        inner = thing.ravel().tolist() if thing.dtype == object else ()
    elif hasattr(thing, "__dict__"):
        inner = [*vars(thing).values()]
    for part in inner:
        yield from _parts(part, seen, depth + 1)


def _check_tree(tree: Any) -> None:
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    inner = left != LEAF
    fits = (
        len(left) == len(right) == tree.node_count > 0
        and bool(((right != LEAF) == inner).all())
        and _reached_once(left, right, inner)
        and _within(np.asarray(tree.feature)[inner], tree.n_features)
        and bool(np.isfinite(np.asarray(tree.threshold)[inner]).all())
    )
    if not fits:
        raise _forged()


def _check_predictor(predictor: Any) -> None:
    nodes = predictor.nodes
    if not isinstance(nodes, np.ndarray) or nodes.dtype.names is None or not len(nodes):
        raise _forged()
    inner = nodes["is_leaf"] == 0
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    sets = [len(predictor.binned_left_cat_bitsets), len(predictor.raw_left_cat_bitsets)]
    picks = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    fits = (
        _reached_once(left, right, inner)
        and bool((nodes["feature_idx"][inner] >= 0).all())
        and not bool(np.isnan(nodes["num_threshold"][inner]).any())
        and _within(picks, min(sets))
    )
    if not fits:
        raise _forged()


def _reached_once(left: Any, right: Any, inner: Any) -> bool:
    """Say whether every node but the root is the child of exactly one node, below it."""
    count = len(left)
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    parents = np.concatenate([np.flatnonzero(inner)] * 2)
    if not _within(children, count) or (children <= parents).any():
        return False
    reached = np.bincount(children, minlength=count)
    return bool(reached[0] == 0 and (reached[1:] == 1).all())


def _within(values: Any, end: int) -> bool:
    return not len(values) or bool(((values >= 0) & (values < end)).all())


def _forged() -> Unsafe:
    return Unsafe(
        "The model holds a tree that is not one: its nodes do not fit together.",
        "register the model from the process that trained it.",
        code="structure_invalid",
    )
