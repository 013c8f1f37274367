"""Checking the trees of an ONNX graph before they predict: not every runtime looks at all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from jupyter_mlops.formats import widths
from jupyter_mlops.formats.trees import forged, within

_KINDS: Final = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
_MOST: Final = 1 << 31
"""What trees and nodes are numbered below, so that two numbers are one name."""

Array = np.ndarray[Any, Any]


def check_ensembles(model: Any) -> None:
    """Raise unless every operator of trees holds trees that look at what their input has.

    Raises:
        Unsafe: a child is not there, a node lies below itself, a threshold is not a number, an output
            does not exist, or a feature is none of the input, or how wide that is nobody can say.
    """
    nodes = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    if not nodes:
        return
    wide = widths.known(model)
    for node in nodes:
        said = {attribute.name: attribute for attribute in node.attribute}
        width = wide.get(node.input[0], 0)
        if node.op_type not in _KINDS or not _are_trees(said, width) or not _are_outputs(said):
            raise forged()


def _are_trees(said: Mapping[str, Any], width: int) -> bool:
    trees, own, features, true, false = (
        _ints(said, f"nodes_{name}")
        for name in ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids")
    )
    modes = said["nodes_modes"].strings[:] if "nodes_modes" in said else []
    values = _floats(said, "nodes_values")
    if {len(part) for part in (own, features, true, false, modes, values)} != {len(trees)}:
        return False
    inner = np.array([mode != b"LEAF" for mode in modes], dtype=bool)
    if not within(features[inner], width) or np.isnan(values[inner]).any():
        return False
    named = [(trees, own), (trees[inner], true[inner]), (trees[inner], false[inner])]
    if not all(within(number, _MOST) for pair in named for number in pair):
        return False
    names, *below = (tree * _MOST + node for tree, node in named)
    children = [_places(names, side) for side in below]
    are_there = all((names[at] == side).all() for at, side in zip(children, below, strict=True))
    return are_there and len(np.unique(names)) == len(names) > 0 and _ends(inner, children)


def _places(names: Array, wanted: Array) -> Array:
    """Return where names are, or would be."""
    order = np.argsort(names, kind="stable")
    at = np.searchsorted(names[order], wanted)
    return np.asarray(order[np.minimum(at, len(names) - 1)])


def _ends(inner: Array, children: list[Any]) -> bool:
    """Say whether every way down comes to an end; a node may be below several others."""
    below = np.full((2, len(inner)), -1)
    below[:, inner] = children
    above = np.bincount(np.concatenate(children), minlength=len(inner))
    frontier, seen = np.flatnonzero(above == 0), 0
    while len(frontier):
        seen += len(frontier)
        reached = below[:, frontier].ravel()
        reached = reached[reached >= 0]
        np.subtract.at(above, reached, 1)
        reached = np.unique(reached)
        frontier = reached[above[reached] == 0]
    return seen == len(inner)


def _are_outputs(said: Mapping[str, Any]) -> bool:
    """Say whether leaves add to what there is."""
    labels = [said[name] for name in ("classlabels_int64s", "classlabels_strings") if name in said]
    what = "class" if labels else "target"
    count = sum(len(label.ints) + len(label.strings) for label in labels)
    if not labels:
        count = said["n_targets"].i if "n_targets" in said else 1
    return within(_ints(said, f"{what}_ids"), count)


def _ints(said: Mapping[str, Any], name: str) -> Array:
    told = said[name].ints if name in said else ()
    return np.fromiter(told, np.int64, len(told))


def _floats(said: Mapping[str, Any], name: str) -> Array:
    if f"{name}_as_tensor" in said:
        import onnx

        return np.asarray(onnx.numpy_helper.to_array(said[f"{name}_as_tensor"].t)).ravel()
    told = said[name].floats if name in said else ()
    return np.fromiter(told, np.float64, len(told))
