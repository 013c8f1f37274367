"""An ONNX operator of trees, taken apart and checked: nodes, the leaves below them, and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

MOST_LEAVES: Final = 64
PAIR: Final = 2
"""As many classes as one score is enough for."""
_MOST_WEIGHTS: Final = 1 << 23
_NODES: Final = {
    f"nodes_{what}"
    for what in [
        "falsenodeids",
        "featureids",
        "hitrates",
        "missing_value_tracks_true",
        "modes",
        "nodeids",
        "treeids",
        "truenodeids",
        "values",
    ]
}
_LEAVES: Final = {
    f"{what}_{of}"
    for what in ("class", "target")
    for of in ("ids", "nodeids", "treeids", "weights")
}
_KNOWN: Final = (
    _NODES
    | _LEAVES
    | {
        "aggregate_function",
        "base_values",
        "classlabels_int64s",
        "classlabels_strings",
        "n_targets",
        "post_transform",
    }
)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ensemble:
    """Trees of at most 64 leaves; leaves are counted from the true side of their tree to the false.

    One entry per inner node: ``tree``, ``feature``, ``threshold``, ``missing_is_true``, and ``keep``,
    the bits of the leaves that are left once the node is false. One entry per leaf: ``leaf_tree``,
    ``leaf_place``, and ``weights`` of ``(leaves, outputs)``.
    """

    trees: int
    tree: Array
    feature: Array
    threshold: Array
    missing_is_true: Array
    keep: Array
    leaf_tree: Array
    leaf_place: Array
    weights: Array
    has_weight: Array
    base: Array
    classes: int
    post: str


def read(node: Any) -> Ensemble | None:
    """Return the trees of a ``TreeEnsembleClassifier`` or ``TreeEnsembleRegressor``.

    None where they have more leaves, ask otherwise than "less or equal", or are no trees at all.
    """
    said = {attribute.name: attribute for attribute in node.attribute}
    if not said.keys() <= _KNOWN or _text(said, "aggregate_function", "SUM") != "SUM":
        return None
    try:
        return _read(said)
    except _NotTreesError:
        return None


class _NotTreesError(Exception):
    """The nodes do not fit together."""


def _check(fits: Any) -> None:
    if not fits:
        raise _NotTreesError


def _read(said: Mapping[str, Any]) -> Ensemble:
    nodes = _nodes(said)
    below, first = _leaves(nodes)
    inner = ~nodes.is_leaf
    cleared = below[nodes.true[inner]].astype(np.uint64)
    one = np.uint64(1)
    threshold = _floats(said, "nodes_values")
    _check(len(threshold) == len(inner))
    _check((threshold[inner] > -np.inf).all())  # which is false of NaN
    features = _ints(said, "nodes_featureids")
    tracks = _ints(said, "nodes_missing_value_tracks_true")
    _check(len(features) == len(inner) and len(tracks) in (0, len(inner)))
    weights, has_weight, classes = _weights(said, nodes)
    return Ensemble(
        trees=len(nodes.starts),
        tree=nodes.tree[inner],
        feature=features[inner],
        threshold=threshold[inner],
        missing_is_true=tracks[inner] == 1 if len(tracks) else np.zeros(inner.sum(), bool),
        keep=~(((one << cleared) - one) << first[inner].astype(np.uint64)),
        leaf_tree=nodes.tree[nodes.is_leaf],
        leaf_place=first[nodes.is_leaf],
        weights=weights,
        has_weight=has_weight,
        base=_floats(said, "base_values"),
        classes=classes,
        post=_text(said, "post_transform", "NONE"),
    )


@dataclass(frozen=True)
class _Nodes:
    """Every node by its place in the whole; ``tree`` is the place of its tree, ``starts`` the roots."""

    ids: Array
    starts: Array
    sizes: Array
    tree: Array
    is_leaf: Array
    true: Array
    false: Array

    def at(self, trees: Array, nodes: Array) -> Array:
        """Return the places of nodes that are named by the ids of their trees and their own."""
        tree = np.searchsorted(self.ids, trees)
        _check((tree < len(self.ids)).all() and (self.ids[tree] == trees).all())
        _check(((nodes >= 0) & (nodes < self.sizes[tree])).all())
        return np.asarray(self.starts[tree] + nodes)


def _nodes(said: Mapping[str, Any]) -> _Nodes:
    trees, own = _ints(said, "nodes_treeids"), _ints(said, "nodes_nodeids")
    modes = said["nodes_modes"].strings[:] if "nodes_modes" in said else ()
    _check(len(trees) and len(trees) == len(own) == len(modes))
    _check({*modes} <= {b"LEAF", b"BRANCH_LEQ"})
    _check((trees[1:] >= trees[:-1]).all())
    starts = np.flatnonzero(np.concatenate([[True], trees[1:] != trees[:-1]]))
    ids, sizes = trees[starts], np.diff(starts, append=len(trees))
    tree = np.repeat(np.arange(len(starts)), sizes)
    _check((own == np.arange(len(own)) - starts[tree]).all())
    is_leaf = np.array([mode == b"LEAF" for mode in modes])
    children = [_ints(said, f"nodes_{side}nodeids") for side in ("true", "false")]
    for side in children:
        _check(len(side) == len(own))
        _check((((side >= 0) & (side < sizes[tree])) | is_leaf).all())
    true, false = (np.where(is_leaf, 0, side + starts[tree]) for side in children)
    return _Nodes(ids, starts, sizes, tree, is_leaf, true, false)


def _leaves(nodes: _Nodes) -> tuple[Array, Array]:
    """Return how many leaves are below each node, and the place of the first of them in its tree."""
    levels = []
    frontier, reached = nodes.starts, 0
    for _ in range(MOST_LEAVES):
        reached += len(frontier)
        _check(reached <= len(nodes.tree))
        inner = frontier[~nodes.is_leaf[frontier]]
        levels.append(inner)
        frontier = np.concatenate([nodes.true[inner], nodes.false[inner]])
    _check(not len(frontier))
    seen = np.concatenate([nodes.starts, *(nodes.true[inner] for inner in levels)])
    seen = np.concatenate([seen, *(nodes.false[inner] for inner in levels)])
    _check((np.bincount(seen, minlength=len(nodes.tree)) == 1).all())
    below = nodes.is_leaf.astype(np.int64)
    for inner in reversed(levels):
        below[inner] = below[nodes.true[inner]] + below[nodes.false[inner]]
    _check(below[nodes.starts].max() <= MOST_LEAVES)
    first = np.zeros_like(below)
    for inner in levels:
        first[nodes.true[inner]] = first[inner]
        first[nodes.false[inner]] = first[inner] + below[nodes.true[inner]]
    return below, first


def _weights(said: Mapping[str, Any], nodes: _Nodes) -> tuple[Array, Array, int]:
    """Return the weights of the leaves, where they have one, and of how many classes (0: values)."""
    labels = [said[name] for name in ("classlabels_int64s", "classlabels_strings") if name in said]
    what = "class" if labels else "target"
    classes = sum(len(label.ints) + len(label.strings) for label in labels)
    wide = classes if labels else _ints(said, "n_targets", single=True)[0]
    ids, values = _ints(said, f"{what}_ids"), _floats(said, f"{what}_weights")
    trees, own = _ints(said, f"{what}_treeids"), _ints(said, f"{what}_nodeids")
    _check(len(ids) == len(values) == len(trees) == len(own))
    _check(0 < wide <= len(ids) and ((ids >= 0) & (ids < wide)).all())
    _check(np.isfinite(values).all())
    leaves = int(nodes.is_leaf.sum())
    _check(leaves * int(wide) <= _MOST_WEIGHTS)
    places = nodes.at(trees, own)
    _check(nodes.is_leaf[places].all())
    at = np.cumsum(nodes.is_leaf)[places] - 1
    _check(np.bincount(at * wide + ids).max() == 1)
    weights, has_weight = np.zeros((leaves, wide), values.dtype), np.zeros((leaves, wide), bool)
    weights[at, ids], has_weight[at, ids] = values, True
    _check(has_weight.any(axis=1).all())
    return weights, has_weight, classes


def _ints(said: Mapping[str, Any], name: str, *, single: bool = False) -> Array:
    if name not in said:
        return np.ones(1, np.int64) if single else np.zeros(0, np.int64)
    told = [said[name].i] if single else said[name].ints
    return np.fromiter(told, np.int64, len(told))


def _floats(said: Mapping[str, Any], name: str) -> Array:
    told = said[name].floats if name in said else ()
    return np.fromiter(told, np.float32, len(told))


def _text(said: Mapping[str, Any], name: str, usual: str) -> str:
    return said[name].s.decode(errors="replace") if name in said else usual
