"""Checking tree structures before they predict: a forged node makes native code read anywhere.

scikit-learn looks at how wide rows are where they come in, and at nothing in its loops. So a tree may
look at no more than what the estimator that holds it says it reads, which that estimator compares with
every row.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Unsafe

LEAF: Final = -1
_DEEPEST: Final = 200
_WORDS: Final = 8
"""Numbers of 32 bits that hold a bit for each of 256 categories."""
_TABLE: Final = 2


def check_trees(model: Any) -> None:
    """Raise unless every tree inside a model is one, and reads what its estimator reads.

    Raises:
        Unsafe: a child lies outside its tree, a node is reached twice, a feature or a set of categories
            does not exist, or a threshold is not a number.
    """
    parts = [*_parts(model, set(), 0)]
    for check in (_check_own, _check_held):
        for part in parts:
            check(part)


def ask_what_is_missing(model: Any) -> bool:
    """Say whether a tree splits by whether a number is missing alone: infinity is the threshold then."""
    parts = _parts(model, set(), 0)
    trees = (part for part in parts if "Tree" in _kinds(part))
    return any(bool(np.isinf(np.asarray(tree.threshold)).any()) for tree in trees)


def forged() -> Unsafe:
    """Return the error of a tree that is none."""
    return Unsafe(
        "The model holds a tree that is not one: its nodes do not fit together.",
        "register the model from the process that trained it.",
        code="structure_invalid",
    )


def within(values: Any, end: int) -> bool:
    """Say whether all values are places in something of a length."""
    return not len(values) or bool(((values >= 0) & (values < end)).all())


def _parts(thing: Any, seen: set[int], depth: int) -> Iterator[Any]:
    """Walk everything a model is made of, once.

    Raises:
        Unsafe: it lies deeper than any model is.
    """
    if id(thing) in seen or isinstance(thing, str | bytes | int | float | None):
        return
    if depth > _DEEPEST:
        raise forged()
    seen.add(id(thing))
    yield thing
    for part in _inner(thing):
        yield from _parts(part, seen, depth + 1)


def _inner(thing: Any) -> list[Any]:
    own = [*vars(thing).values()] if hasattr(thing, "__dict__") else []
    if isinstance(thing, functools.partial):
        return [*own, thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, dict):
        return [*own, *thing.values()]
    if isinstance(thing, list | tuple | set):
        return [*own, *thing]
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        return [*thing.ravel()]
    return own


def _kinds(thing: Any) -> set[str]:
    """Return the classes of scikit-learn that a thing is one of."""
    return {kind.__name__ for kind in type(thing).__mro__ if kind.__module__.startswith("sklearn.")}


def _check_own(part: Any) -> None:
    """Check what a tree says of itself."""
    kinds = _kinds(part)
    if "Tree" in kinds:
        _check_tree(part)
    elif "TreePredictor" in kinds:
        _check_predictor(part)


def _check_held(part: Any) -> None:
    """Check that the trees an estimator holds read what it reads."""
    kinds = _kinds(part)
    if "BaseDecisionTree" in kinds:
        _check(not hasattr(part, "tree_") or part.tree_.n_features == _width(part))
    elif kinds & {"BaseForest", "BaseGradientBoosting", "IsolationForest"}:
        _check_forest(part, kinds)
    elif "BaseHistGradientBoosting" in kinds and hasattr(part, "_predictors"):
        _check_histograms(part)


def _check(fits: Any) -> None:
    if not fits:
        raise forged()


def _width(estimator: Any) -> int:
    """Return how many features an estimator insists on."""
    said = getattr(estimator, "n_features_in_", None)
    if not isinstance(said, int | np.integer) or said < 1:
        raise forged()
    return int(said)


def _check_forest(forest: Any, kinds: set[str]) -> None:
    """Check trees that are asked past their own door."""
    if not hasattr(forest, "estimators_"):
        return  # it was never fitted, and answers nothing
    held = np.array(forest.estimators_, dtype=object)
    _check(all("BaseDecisionTree" in _kinds(tree) for tree in held.ravel()))
    own = [tree.tree_.n_features for tree in held.ravel()]
    if "IsolationForest" in kinds:
        _check(own == [len(of) for of in forest.estimators_features_])
        _check(set(own) <= {vars(forest)["_max_features"]})
        return
    _check(set(own) <= {_width(forest)})
    if "BaseGradientBoosting" in kinds:
        one = np.zeros((1, _width(forest)), dtype=np.float32)
        start = forest._raw_predict_init(one)  # noqa: SLF001  (its loop adds to this, column by column)
        _check(held.ndim == _TABLE and start.shape == (1, held.shape[1]))


def _check_histograms(model: Any) -> None:
    """Check trees that look features and categories up in the bins of their model."""
    held = vars(model)
    known = held["_bin_mapper"].is_categorical_
    _check(isinstance(known, np.ndarray) and known.dtype in (bool, np.uint8) and known.ndim == 1)
    _check(len(known) == _prepared_width(model))
    for predictor in (one for few in held["_predictors"] for one in few):
        _check("TreePredictor" in _kinds(predictor))
        nodes = predictor.nodes
        inner = nodes["is_leaf"] == 0
        _check(within(nodes["feature_idx"][inner], len(known)))
        _check(known[nodes["feature_idx"][inner & (nodes["is_categorical"] != 0)]].all())


def _prepared_width(model: Any) -> int:
    """Return how wide rows are once a model has put its categories first."""
    width, prepare = _width(model), vars(model).get("_preprocessor")
    if prepare is None:
        return width
    row: Any = np.full((1, width), None, dtype=object)
    if hasattr(prepare, "feature_names_in_"):
        import pandas as pd

        row = pd.DataFrame(row, columns=prepare.feature_names_in_)
    return int(prepare.transform(row).shape[1])


def _check_tree(tree: Any) -> None:
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    inner = left != LEAF
    _check(
        len(left) == len(right) == tree.node_count > 0
        and bool(((right != LEAF) == inner).all())
        and _reached_once(left, right, inner)
        and within(np.asarray(tree.feature)[inner], tree.n_features)
        and not np.isnan(np.asarray(tree.threshold)[inner]).any()
    )


def _check_predictor(predictor: Any) -> None:
    nodes = predictor.nodes
    _check(isinstance(nodes, np.ndarray) and nodes.dtype.names is not None and len(nodes))
    inner = nodes["is_leaf"] == 0
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    picks = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    for sets in (predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets):
        _check(isinstance(sets, np.ndarray) and sets.ndim == _TABLE and sets.shape[1] == _WORDS)
        _check(within(picks, len(sets)))
    _check(_reached_once(left, right, inner))
    _check((nodes["feature_idx"][inner] >= 0).all())
    _check(not np.isnan(nodes["num_threshold"][inner]).any())


def _reached_once(left: Any, right: Any, inner: Any) -> bool:
    """Say whether every node but the root is the child of exactly one node, below it."""
    count = len(left)
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    parents = np.concatenate([np.flatnonzero(inner)] * 2)
    if not within(children, count) or (children <= parents).any():
        return False
    reached = np.bincount(children, minlength=count)
    return bool(reached[0] == 0 and (reached[1:] == 1).all())
