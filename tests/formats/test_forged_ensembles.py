"""C04: trees of an ONNX model that are none, or look at features no row has, are refused unasked."""

import numpy as np
import pytest
from onnx import helper

from formats.forged import attributes, model
from jupyter_mlops.errors import Unsafe
from jupyter_mlops.formats import onnx_format

TREE = [(0, 1.0, False, (1, 2.0, False, 1.0, 2.0), 3.0)]
MANIFEST = {
    "task": "regression",
    "classes": [],
    "features": [
        {"name": "a", "type": "number"},
        {"name": "b", "type": "number"},
        {"name": "c", "type": "category", "levels": ["low", "middle", "high"]},
    ],
}


def loaded(**lies):
    data = model(attributes(TREE, **lies)).SerializeToString()
    return onnx_format.load(data, MANIFEST)


def refused(forged):
    with pytest.raises(Unsafe) as error:
        onnx_format.load(forged.SerializeToString(), MANIFEST)
    assert error.value.code == "structure_invalid"


def test_an_honest_ensemble_is_read():
    assert loaded().score_one([0.0, 1.0], ["low"]) == [1.0]


@pytest.mark.parametrize("feature", [3, 1000, -1, 2**40])
def test_a_feature_that_no_row_has_is_refused(feature):
    refused(model(attributes(TREE, nodes_featureids=[feature, 0, 0, 0, 0])))


def test_what_a_leaf_says_of_features_is_nothing():
    assert loaded(nodes_featureids=[0, 1, 77, 77, 77]).score_one([0.0, 1.0], ["low"]) == [1.0]


LIES = {
    "a cycle": {"nodes_truenodeids": [0, 2, 0, 0, 0]},
    "a longer cycle": {"nodes_truenodeids": [1, 0, 0, 0, 0]},
    "a child that is not there": {"nodes_truenodeids": [1, 99, 0, 0, 0]},
    "a child before the first": {"nodes_falsenodeids": [-1, 3, 0, 0, 0]},
    "a child of another tree": {"nodes_treeids": [0, 0, 0, 0, 1]},
    "a node twice": {"nodes_nodeids": [0, 1, 2, 3, 3]},
    "no nodes": {name: None for name in attributes([]) if name.startswith("nodes_")},
    "fewer features": {"nodes_featureids": [0]},
    "fewer modes": {"nodes_modes": ["LEAF"]},
    "no modes": {"nodes_modes": None},
    "a threshold that is no number": {"nodes_values": [np.nan, 2.0, 0.0, 0.0, 0.0]},
    "an output that is not there": {"target_ids": [0, 5, 0]},
    "an output before the first": {"target_ids": [0, -1, 0]},
}


@pytest.mark.parametrize("how", LIES)
def test_an_operator_whose_trees_are_none_is_refused(how):
    refused(model(attributes(TREE, **LIES[how])))


def rare(feature):
    """Return a tree that looks at a feature only where the first is larger than any row's is."""
    return [(0, 1e30, False, 1.0, (feature, 1.0, False, 2.0, 3.0))]


def test_a_width_that_nobody_can_say_is_not_any_width():
    forged = model(attributes(rare(10**6)))
    for told in forged.graph.input:
        told.type.tensor_type.shape.dim[1].Clear()
    refused(forged)


def test_a_width_that_depends_on_the_rows_is_none():
    """Behind a step whose columns are as many as a row has numbers that are not zero."""
    steps = [
        helper.make_node("NonZero", ["row"], ["places"]),
        helper.make_node("Cast", ["places"], ["odd"], to=1),
    ]
    refused(model(attributes(TREE), before=steps, into="odd"))


def test_what_a_graph_says_of_its_own_tensors_is_not_believed():
    step = helper.make_node("NonZero", ["row"], ["places"])
    forged = model(
        attributes(rare(10**6)),
        before=[step, helper.make_node("Cast", ["places"], ["odd"], to=1)],
        into="odd",
    )
    forged.graph.value_info.append(helper.make_tensor_value_info("odd", 1, [None, 10**7]))
    forged.graph.output.append(helper.make_tensor_value_info("odd", 1, [None, 10**7]))
    refused(forged)


def test_trees_in_an_operator_that_is_not_known_are_refused():
    forged = model(attributes(TREE))
    forged.graph.node[-1].op_type = "TreeEnsemble"
    refused(forged)
