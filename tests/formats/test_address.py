"""What is sent to a model at an address, and what of its answers is believed."""

import json

import numpy as np
import pytest

from foreign import Foreign
from jupyter_mlops import formats
from jupyter_mlops.domain.elsewhere import Elsewhere, read
from jupyter_mlops.domain.kinds import told
from jupyter_mlops.errors import Invalid, Unavailable, Unsafe

FEATURES = [
    {"name": "age", "type": "integer"},
    {"name": "income", "type": "number"},
    {"name": "member", "type": "boolean"},
    {"name": "plan", "type": "category"},
]
COLUMNS = {
    "plan": np.array(["pro", None, "é\u202e"], dtype=object),
    "age": np.array([40.0, 41.0, np.nan]),
    "income": np.array([1.5, np.nan, 2.0]),
    "member": np.array([1.0, 0.0, np.nan]),
    "unread": np.array([1.0, 2.0, 3.0]),
}


class Echo(Foreign):
    """Answers whatever it is told to answer."""

    def told(self, body):
        """Return what it is told."""
        return json.dumps(self.answer).encode()


def asking(server, task="binary", classes=("no", "yes"), protocol="rows"):
    """Return what asks a server, by way of the bytes that are kept."""
    found = Elsewhere(task, list(classes), FEATURES, server.url, protocol)
    allowed = [f"127.0.0.1:{server.port}"]
    return formats.load("address", found.written(), allowed=allowed)


def scored(answer, **more):
    """Return what is made of an answer to three rows, and what was asked."""
    with Echo(answer) as server:
        scores = asking(server, **more).score(COLUMNS)
    return scores.tolist(), server.asked[-1][2]


def test_rows_hold_every_feature_as_what_it_is():
    rows = [{"prediction": 1.5}, {"prediction": 2}, {"prediction": -3.25}]
    scores, asked = scored({"predictions": rows}, task="regression", classes=())
    assert scores == [1.5, 2.0, -3.25]
    assert asked["rows"][0] == {"age": 40, "income": 1.5, "member": True, "plan": "pro"}
    assert asked["rows"][1] == {"age": 41, "income": None, "member": False, "plan": None}
    assert asked["rows"][2] == {"age": None, "income": 2.0, "member": None, "plan": "é\u202e"}
    assert list(asked["rows"][0]) == ["age", "income", "member", "plan"]


def test_probabilities_are_put_into_the_order_of_the_classes():
    one = {"prediction": "yes", "probabilities": {"yes": 0.75, "no": 0.25}}
    assert scored({"predictions": [one] * 3})[0] == [[0.25, 0.75]] * 3


def test_a_class_without_probabilities_is_certain():
    rows = [{"prediction": 1.0}, {"prediction": 0}, {"prediction": "1"}]
    assert scored({"predictions": rows}, classes=(0, 1))[0] == [[0, 1], [1, 0], [0, 1]]


def test_tensors_are_read_with_their_names_and_without():
    flat = [0.25, 0.75] * 3
    named = {"name": "probabilities", "datatype": "FP64", "shape": [3, 2], "data": flat,
             "parameters": {"classes": ["yes", "no"]}}  # fmt: skip
    said = {"name": "prediction", "datatype": "BYTES", "shape": [3], "data": ["no"] * 3}
    scores, asked = scored({"outputs": [said, named]}, protocol="tensors")
    assert scores == [[0.75, 0.25]] * 3
    kinds = {one["name"]: one["datatype"] for one in asked["inputs"]}
    assert kinds == {"age": "FP64", "income": "FP64", "member": "BOOL", "plan": "BYTES"}
    assert {tuple(one["shape"]) for one in asked["inputs"]} == {(3, 1)}
    nested = {"name": "out", "datatype": "FP64", "shape": [3, 1], "data": [[1.0], [2.0], [3.0]]}
    more = {"task": "regression", "classes": (), "protocol": "tensors"}
    assert scored({"outputs": [nested]}, **more)[0] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": [{"prediction": "maybe"}] * 3},
        {"predictions": [{"prediction": "yes", "probabilities": {"yes": 1.0}}] * 3},
        {"predictions": [{"prediction": "yes", "probabilities": {"yes": 2.0, "no": -1.0}}] * 3},
        {"predictions": [{"prediction": "yes", "probabilities": {"yes": "x", "no": 0}}] * 3},
        {"predictions": [{"prediction": "yes", "probabilities": {"yes": 1e999, "no": 0}}] * 3},
        {"predictions": {"prediction": "yes"}},
        {"predictions": []},
        {"predictions": "yes"},
        [],
        None,
        3,
    ],
)
def test_what_is_no_prediction_is_none(answer):
    with pytest.raises(Unavailable) as error:
        scored(answer)
    assert error.value.code == "elsewhere_output_invalid"


def test_bytes_that_somebody_changed_are_refused():
    good = Elsewhere("binary", ["no", "yes"], FEATURES, "https://example.com/x", "rows")
    assert read(good.written()) == good
    assert formats.sniff(good.written()) == "address"
    for before, after in [
        ("https://example.com/x", "file:///etc/passwd"),
        ("https://example.com/x", "https://example.com/x?key=1"),
        ('"protocol":"rows"', '"protocol":"shell"'),
        ('["no","yes"]', '["no","no"]'),
        ('["no","yes"]', '[["no"],"yes"]'),
        ('"token_from":""', '"token_from":3'),
        ('"task":"binary"', '"task":"binary","more":1'),
        ('"age"', '{"a":1}'),
    ]:
        changed = good.written().decode().replace(before, after).encode()
        assert changed != good.written()
        assert formats.sniff(changed) == "unknown"
        with pytest.raises(Unsafe):
            read(changed)


@pytest.mark.parametrize(
    ("said", "known", "predictions", "named", "meant"),
    [
        ({}, [0, 1], [1], ["1", "0"], ("binary", [0, 1])),
        ({}, ["b", "a"], None, None, ("binary", ["a", "b"])),
        ({}, None, [1.5], None, ("regression", [])),
        ({}, [], [3], None, ("regression", [])),
        ({}, None, ["x"], ["c", "a", "b"], ("multiclass", ["a", "b", "c"])),
        ({"classes": ["yes", "no"]}, None, None, None, ("binary", ["yes", "no"])),
        ({"task": "multiclass"}, [1, 2, 10], [1], None, ("multiclass", [1, 2, 10])),
        ({}, None, None, None, "classes_unknown"),
        ({}, [0, 2], [1], ["0", "1"], "classes_differ"),
        ({"task": "binary"}, [1, 2, 3], None, None, "classes_invalid"),
        ({"task": "regression", "classes": ["a"]}, None, None, None, "classes_invalid"),
    ],
)
def test_task_and_classes_are_as_said_or_shown(said, known, predictions, named, meant):
    if isinstance(meant, tuple):
        assert told(said, known, predictions, named) == meant
        return
    with pytest.raises(Invalid) as error:
        told(said, known, predictions, named)
    assert error.value.code == meant
