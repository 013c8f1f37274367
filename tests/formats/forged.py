"""Ensembles of trees written by hand, as ONNX graphs, and answered by walking from node to node.

A tree is a weight, or ``(feature, threshold, missing_is_true, true, false)``. Features 0 and 1 are the
numbers of a row, 2 is what its text is looked up as.
"""

import itertools
import math

import numpy as np
from onnx import helper

from jupyter_mlops.formats.onnx_format import NUMBERS, TEXTS

LEVELS = {"low": 0, "middle": 1, "high": 2}
OTHER = -1


def attributes(trees, **changes):
    """Return what the operator is told of trees; ``changes`` make it lie, or say nothing (None)."""
    told = {
        "nodes_": {
            name: []
            for name in [
                "treeids",
                "nodeids",
                "modes",
                "featureids",
                "values",
                "truenodeids",
                "falsenodeids",
                "missing_value_tracks_true",
            ]
        },
        "target_": {name: [] for name in ("treeids", "nodeids", "ids", "weights")},
    }
    for at, tree in enumerate(trees):
        _write(told, at, tree, itertools.count())
    flat = {of + name: values for of, parts in told.items() for name, values in parts.items()}
    whole = flat | {"n_targets": 1, "post_transform": "NONE"} | changes
    return {name: value for name, value in whole.items() if value is not None}


def _write(told, tree, node, numbers):
    """Write a node and what is below it; return its number in its tree."""
    nodes = told["nodes_"]
    own, place = next(numbers), len(nodes["treeids"])
    is_leaf = not isinstance(node, tuple)
    feature, threshold, missing, true, false = (0, 0.0, False, 0, 0) if is_leaf else node
    values = [
        tree,
        own,
        "LEAF" if is_leaf else "BRANCH_LEQ",
        feature,
        threshold,
        0,
        0,
        int(missing),
    ]
    for name, value in zip(nodes, values, strict=True):
        nodes[name].append(value)
    if is_leaf:
        for name, value in zip(told["target_"], (tree, own, 0, node), strict=True):
            told["target_"][name].append(value)
    else:
        nodes["truenodeids"][place] = _write(told, tree, true, numbers)
        nodes["falsenodeids"][place] = _write(told, tree, false, numbers)
    return own


def model(said, *, kind=1, classes=0, before=(), into="row", constants=()):
    """Return a graph that asks trees about two numbers and a text; ``before`` are steps of its own."""
    operator = "TreeEnsembleClassifier" if classes else "TreeEnsembleRegressor"
    keys = {"keys_strings": [*LEVELS], "values_int64s": [*LEVELS.values()]}
    nodes = [
        helper.make_node(
            "LabelEncoder", [TEXTS], ["code"], domain="ai.onnx.ml", default_int64=OTHER, **keys
        ),
        helper.make_node("Cast", ["code"], ["coded"], to=kind),
        helper.make_node("Concat", [NUMBERS, "coded"], ["row"], axis=1),
        *before,
        helper.make_node(
            operator, [into], ["label", "y"] if classes else ["y"], domain="ai.onnx.ml", **said
        ),
    ]
    outputs = [helper.make_tensor_value_info("y", 1, None)]
    if classes:
        outputs.insert(0, helper.make_tensor_value_info("label", 7, None))
    graph = helper.make_graph(
        nodes,
        "forged",
        [
            helper.make_tensor_value_info(NUMBERS, kind, [None, 2]),
            helper.make_tensor_value_info(TEXTS, 8, [None, 1]),
        ],
        outputs,
        constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def walked(trees, numbers, text, *, narrow=True):
    """Return the sum of the leaves that a row reaches, in the width of the operator."""
    values = [*numbers, LEVELS.get(text, OTHER)]
    width = np.float32 if narrow else np.float64
    with np.errstate(over="ignore"):
        row = [width(value) for value in values]
    found = width(0)
    for tree in trees:
        node = tree
        while isinstance(node, tuple):
            feature, threshold, missing, true, false = node
            goes = row[feature] <= np.float32(threshold) or (missing and math.isnan(row[feature]))
            node = true if goes else false
        found += width(np.float32(node))
    return float(np.float32(found))
