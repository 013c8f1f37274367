"""C04: trees of an ONNX model that look at features no row has are refused before they are asked."""

import pytest

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


def test_an_honest_ensemble_is_read():
    assert loaded().score_one([0.0, 1.0], ["low"]) == [1.0]


@pytest.mark.parametrize("feature", [3, 1000, -1, 2**40])
def test_a_feature_that_no_row_has_is_refused(feature):
    with pytest.raises(Unsafe) as refused:
        loaded(nodes_featureids=[feature, 0, 0, 0, 0])
    assert refused.value.code == "structure_invalid"


def test_what_a_leaf_says_of_features_is_nothing():
    assert loaded(nodes_featureids=[0, 1, 77, 77, 77]).score_one([0.0, 1.0], ["low"]) == [1.0]
