"""A model that says what is no answer, once it is live: its failure is told, and never an answer made of it."""

import json
import math
import os
import time

import numpy as np
import pytest
from onnx import helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from jupyter_mlops import formats, open_workspace
from jupyter_mlops.formats import frames
from jupyter_mlops.formats.onnx_format import NUMBERS
from jupyter_mlops.services.loading import Loaded
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.places import Place
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.questions import ARROW, JSON, Question, by_types
from stories import caller, tumours

CODES = {"model_failed", "model_output_invalid"}
FEATURES = [{"name": "x", "type": "number", "low": 0.0, "high": 99.0, "missing": 0.0}]
SWITCHED = """
import os, sys
if any("formats.worker" in word for word in sys.orig_argv):
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    honest = RandomForestClassifier.predict_proba
    says = {
        "too few": lambda told: told[:-1],
        "too many": lambda told: np.concatenate([told, told]),
        "one class": lambda told: told[:, :1],
        "three classes": lambda told: np.hstack([told, told[:, :1]]),
        "nothing": lambda told: None,
        "nothing of each": lambda told: [[None, None] for _ in told],
        "words": lambda told: [["high", "low"] for _ in told],
        "NaN": lambda told: told * np.nan,
        "infinity": lambda told: told + np.inf,
        "a number": lambda told: 1.0,
    }

    def predict_proba(self, rows):
        with open(os.environ["SWITCH"]) as file:
            how = file.read()
        told = honest(self, rows)
        return says[how](told) if how else told

    RandomForestClassifier.predict_proba = predict_proba
"""
HOW = [line.split('"')[1] for line in SWITCHED.splitlines() if ": lambda" in line]


@pytest.fixture(scope="module")
def switched(tmp_path_factory):
    """A live deployment whose model does what a file says, and that file."""
    place = tmp_path_factory.mktemp("nonsense")
    switch = place / "switch"
    switch.write_text("")
    (place / "sitecustomize.py").write_text(SWITCHED)
    _, train, holdout = tumours()
    model = make_pipeline(KBinsDiscretizer(), RandomForestClassifier(3))
    model.fit(train.drop(columns="target"), train["target"])
    with pytest.MonkeyPatch.context() as patch, open_workspace(place / "workspace") as session:
        patch.setenv("SWITCH", str(switch))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]))
        version = session.register(
            model, name="tumour", train=train, target="target", holdout=holdout
        )
        session.approve(session.request(version, for_deployment="clinic").id)
        session.deploy(version, to="clinic")
        yield place / "workspace", switch
        session.stop()


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("how", HOW)
def test_what_is_no_answer_is_the_models_failure(switched, rows, how, count):
    place, switch = switched
    with caller(place) as client:
        switch.write_text(how)
        failed = client.post("/deployments/clinic/predictions", json={"rows": rows[:count]})
        switch.write_text("")
        fine = client.post("/deployments/clinic/predictions", json={"rows": rows[:count]})
    assert (failed.status_code, failed.json()["code"] in CODES) == (500, True), failed.text
    assert fine.status_code == 200, fine.text


def graph(steps, output=1):
    """Return a compiled model of one number whose answer is made by steps, once it is above 12."""
    numbers = {"hundred": (1, [100.0]), "most": (1, [12.0]), "nan": (1, [math.nan]),
               "inf": (1, [math.inf]), "one": (7, [1]), "zero": (7, [0])}  # fmt: skip
    nodes = [
        helper.make_node("Div", [NUMBERS, "hundred"], ["fine"]),
        helper.make_node("Greater", [NUMBERS, "most"], ["odd"]),
        *(helper.make_node(name, into, out, **more) for name, into, out, more in steps),
    ]
    made = helper.make_graph(
        nodes,
        "nonsense",
        [helper.make_tensor_value_info(NUMBERS, 1, [None, 1])],
        [helper.make_tensor_value_info("y", output, None)],
        [helper.make_tensor(name, kind, [1], told) for name, (kind, told) in numbers.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


WIDER = [
    ("Cast", ["odd"], ["counts"], {"to": 7}),
    ("ReduceMax", ["counts"], ["any"], {"axes": [0, 1], "keepdims": 0}),
    ("Add", ["any", "one"], ["wide"], {}),
    ("Concat", ["one", "wide"], ["times"], {"axis": 0}),
    ("Tile", ["fine", "times"], ["y"], {}),
]
GRAPHS = {
    "NaN": graph([("Where", ["odd", "nan", "fine"], ["y"], {})]),
    "infinity": graph([("Where", ["odd", "inf", "fine"], ["y"], {})]),
    "too few": graph(
        [
            ("Not", ["odd"], ["kept"], {}),
            ("Squeeze", ["kept", "one"], ["flat"], {}),
            ("Compress", ["fine", "flat"], ["y"], {"axis": 0}),
        ]
    ),
    "too many": graph(WIDER),
}


def place(scorer, *, form="onnx", classes=()):
    task = "binary" if classes else "regression"
    loaded = Loaded("m:1", "sha256:0", task, [*classes], FEATURES, scorer, form)
    return Place(Model("d", loaded))


def ask(served, values, kind=JSON):
    """Ask as the server does: by the types of a model, one ordinary row on the quick way."""
    body = json.dumps({"rows": [{"x": value} for value in values]}).encode()
    if kind == ARROW:
        body = frames.to_arrow({"x": np.array(values)})
    question = by_types(served.champion, kind, body)
    assert isinstance(question, Question)
    return json.loads(served.answer(question, time.perf_counter(), {}).body)["predictions"]


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("how", GRAPHS)
def test_a_compiled_model_that_does_so_at_some_values_is_found_out(how, count):
    manifest = {"task": "regression", "classes": [], "features": FEATURES}
    served = place(formats.load("onnx", GRAPHS[how].SerializeToString(), like=manifest))
    assert [one["prediction"] for one in ask(served, [10.0] * count)] == pytest.approx(
        [0.1] * count
    )
    with pytest.raises(Problem) as error:
        ask(served, [13.0] * count)
    assert (error.value.status, error.value.code in CODES) == (500, True)


class Says:
    """A scorer that says the same whatever it is asked."""

    task, is_quick = "regression", True

    def __init__(self, told):
        self.told = told
        self.classes = None

    def score(self, _columns):
        """Return it for rows."""
        return self.told

    def score_one(self, _numbers, _texts):
        """Return it for one ordinary row."""
        return self.told

    def score_codes(self, _numbers, _codes):
        """Return it for rows of a sheet."""
        return self.told


NONSENSE = {
    "nothing": None,
    "nothing in a list": [None],
    "no list": 0.5,
    "none": [],
    "too many": [0.5] * 7,
    "words": ["0.5"],
    "a list in a list": [[0.5]],
    "NaN": [math.nan],
    "infinity": [-math.inf],
    "a whole number beyond all": [10**400],
    "a truth": [True],
    "a complex number": [1j],
    "an array of things": np.array([None]),
}


@pytest.mark.parametrize("classes", [(), ("no", "yes")])
@pytest.mark.parametrize(("kind", "count"), [(JSON, 1), (JSON, 3), (ARROW, 3)])
@pytest.mark.parametrize("what", NONSENSE)
def test_nothing_that_is_no_number_for_each_row_is_told_as_an_answer(what, kind, count, classes):
    with pytest.raises(Problem) as error:
        ask(place(Says(NONSENSE[what]), classes=classes), [13.0] * count, kind)
    assert (error.value.status, error.value.code in CODES) == (500, True)


@pytest.mark.parametrize("told", [math.nan, None])
def test_rows_far_outside_are_not_to_blame_for_what_fails_at_all_rows(told):
    scorer = Says(None)
    scorer.score = lambda columns: np.full(len(columns["x"]), told)
    with pytest.raises(Problem) as error:
        ask(place(scorer), [13.0, 1e9, 14.0])
    assert (error.value.status, error.value.code) == (500, "model_output_invalid")


def test_rows_far_outside_are_to_blame_where_only_they_fail():
    scorer = Says(None)
    scorer.score = lambda columns: np.full(len(columns["x"]), math.nan)
    with pytest.raises(Problem) as error:
        ask(place(scorer), [1e9, 1e9])
    assert (error.value.status, error.value.code) == (422, "not_answerable")
