"""One row through tables of bits is answered as onnxruntime answers it, or not that way at all."""

import itertools
import random

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.formats import forged

from jupyter_mlops import formats
from jupyter_mlops.formats import frames, onnx_format, signature, treetables
from jupyter_mlops.formats.onnx_format import NUMBERS, TEXTS
from jupyter_mlops.formats.skops_format import SklearnScorer

RANDOM = np.random.default_rng(6)
FRAME = pd.DataFrame(
    {
        "income": RANDOM.lognormal(10, 1, 500),
        "plan": RANDOM.choice(["basic", "family", "business"], 500),
        "visits": RANDOM.integers(0, 9, 500),
        "region": RANDOM.choice(["north", "south"], 500),
    }
)
VALUE = np.log(FRAME["income"]) + FRAME["visits"] / 4 + (FRAME["plan"] == "basic")
TRUTHS = {
    "value": VALUE.to_numpy(),
    "yes": np.where(VALUE.median() < VALUE, "yes", "no"),
    "kind": np.digitize(VALUE, np.quantile(VALUE, [0.2, 0.5, 0.8])),
}
UNKNOWN = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
FEW = {"random_state": 0, "max_iter": 12}


def pipeline(last, words=None, numbers="passthrough"):
    return make_pipeline(
        make_column_transformer(
            (words or OrdinalEncoder(**UNKNOWN), ["plan", "region"]),
            (numbers, ["income", "visits"]),
        ),
        last,
    )


HIST = HistGradientBoostingClassifier(**FEW)
NAN = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
MODELS = {
    "boosted, two": (HIST, "yes", {}),
    "boosted, four": (HIST, "kind", {}),
    "boosted, values": (HistGradientBoostingRegressor(**FEW), "value", {}),
    "unknown is missing": (HIST, "yes", {"words": NAN}),
    "one-hot": (HIST, "yes", {"words": OneHotEncoder(handle_unknown="ignore")}),
    "imputed": (HIST, "yes", {"numbers": SimpleImputer()}),
    "scaled": (
        GradientBoostingRegressor(n_estimators=9),
        "value",
        {"numbers": StandardScaler()},
    ),
    "gradient, two": (GradientBoostingClassifier(n_estimators=9), "yes", {}),
    "gradient, four": (GradientBoostingClassifier(n_estimators=9), "kind", {}),
    "gradient, values": (GradientBoostingRegressor(n_estimators=9), "value", {}),
    "forest, two": (RandomForestClassifier(9, max_depth=5), "yes", {}),
    "forest, four": (RandomForestClassifier(9, max_depth=6), "kind", {}),
    "forest, values": (RandomForestRegressor(9, max_depth=4), "value", {}),
    "one tree": (DecisionTreeClassifier(max_leaf_nodes=64), "yes", {}),
    "one stump": (DecisionTreeRegressor(max_depth=1), "value", {}),
}


def loaded(last, truth, **parts):
    columns = frames.columns(FRAME)
    features = signature.infer(columns, names=list(columns))
    model = pipeline(last, **parts).fit(FRAME, TRUTHS[truth])
    original = SklearnScorer(model)
    data, record = onnx_format.compiled(model, features, original, columns, frozenset())
    assert record.kept
    manifest = {"task": original.task, "classes": original.classes or [], "features": features}
    return formats.load("onnx", data, like=manifest), original, data


def runtime(data):
    """Return what asks onnxruntime about rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    wide = session.get_inputs()[0].type == "tensor(double)"
    last = session.get_outputs()[-1].name

    def ask(numbers, texts):
        with np.errstate(over="ignore"):
            told = np.array(numbers, np.float64 if wide else np.float32)
        return session.run([last], {NUMBERS: told, TEXTS: np.array(texts, object)})[0]

    return ask


def alone(scorer, numbers, texts):
    return np.array([scorer.score_one(*row) for row in zip(numbers, texts, strict=True)])


@pytest.mark.parametrize("name", MODELS)
def test_a_row_is_answered_alone_as_it_is_among_others_and_as_the_original_does(name):
    last, truth, parts = MODELS[name]
    scorer, original, data = loaded(last, truth, **parts)
    assert scorer.tables is not None
    rows = FRAME.sample(100, random_state=3)
    numbers = rows[["income", "visits"]].astype(float).to_numpy().tolist()
    ours = alone(scorer, numbers, rows[["plan", "region"]].to_numpy().tolist())
    for each, within in ((scorer, 3e-7), (original, 1e-5)):
        theirs = each.score(frames.columns(rows))
        assert np.allclose(ours.reshape(theirs.shape), theirs, rtol=within, atol=within)
    numbers, texts = scorer.tables.rows(random.Random(8), 2000)
    assert any(text.endswith("?") for row in texts for text in row)
    theirs, ours = runtime(data)(numbers, texts), alone(scorer, numbers, texts)
    assert np.allclose(ours, theirs, rtol=1e-6, atol=0)
    assert (ours == theirs).mean() > 0.99  # nearly always to the last bit


def test_a_model_that_knows_no_table_is_answered_by_the_runtime():
    many = DecisionTreeRegressor()  # which has a leaf for nearly every row
    shared = GradientBoostingRegressor(n_estimators=3)
    for last, truth, parts in (
        (many, "value", {}),
        (shared, "value", {"numbers": PolynomialFeatures()}),
    ):
        scorer, _, data = loaded(last, truth, **parts)
        assert scorer.tables is None
        assert scorer.is_quick
        assert alone(scorer, [[1e4, 3.0]], [["basic", "north"]]).tolist() == [
            runtime(data)([[1e4, 3.0]], [["basic", "north"]])[0].tolist()
        ]


def stump(threshold, feature=0, *, missing=False):
    return (feature, threshold, missing, 1.0, 2.0)


def tables(trees, *, steps=None, **changes):
    made = forged.model(forged.attributes(trees, **changes), **(steps or {}))
    return treetables.of(made.graph, NUMBERS, TEXTS)


EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-45,
    -1e-45,
    3.4028235e38,
    -3.4028235e38,
    0.1,
    -2.5,
    65536.0,
    np.inf,
]


@pytest.mark.parametrize("kind", [1, 11], ids=["float32", "float64"])
def test_a_value_is_rounded_as_the_runtime_rounds_it(kind):
    trees = [stump(edge, at % 2) for at, edge in enumerate(EDGES)]
    made = forged.model(forged.attributes(trees), kind=kind)
    found = treetables.of(made.graph, NUMBERS, TEXTS)
    with np.errstate(over="ignore"):
        above = np.nextafter(np.array(EDGES[:-1], np.float32), np.float32(np.inf))
    middles = (np.array(EDGES[:-1]) + above) / 2
    near = np.array([*EDGES, *middles, 1e39, -1e39])
    values = np.unique([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)]).tolist()
    numbers = [[value, other] for value in values for other in (value, 0.05)]
    texts = [["low"]] * len(numbers)
    theirs = runtime(made.SerializeToString())(numbers, texts)
    assert alone(found, numbers, texts).tolist() == theirs.tolist()


def test_what_a_text_is_looked_up_as_may_be_missing():
    words = {"keys_strings": ["low", "high"], "values_floats": [0.0, float("nan")]}
    encoder = helper.make_node(
        "LabelEncoder", [TEXTS], ["own"], domain="ai.onnx.ml", default_float=float("nan"), **words
    )
    row = helper.make_node("Concat", [NUMBERS, "own"], ["mine"], axis=1)
    trees = [stump(edge, 2, missing=missing) for edge in (-1.0, 0.0) for missing in (True, False)]
    trees = [(*tree[:3], 10.0**at, 0.0) for at, tree in enumerate(trees)]
    made = forged.model(forged.attributes(trees), before=[encoder, row], into="mine")
    found = treetables.of(made.graph, NUMBERS, TEXTS)
    texts = [["low"], ["high"], ["nobody's"]]
    theirs = runtime(made.SerializeToString())([[0.0, 0.0]] * 3, texts)
    assert alone(found, [[0.0, 0.0]] * 3, texts).tolist() == theirs.tolist()
    assert alone(found, [[0.0, 0.0]], [["high"]]).tolist() == [[101.0]]


NODES = st.recursive(
    st.floats(-100, 100, width=32),
    lambda below: st.tuples(
        st.integers(0, 2),
        st.sampled_from(EDGES) | st.floats(-3, 3, width=32),
        st.booleans(),
        below,
        below,
    ),
    max_leaves=12,
)
VALUES = st.sampled_from(EDGES[:-1]) | st.floats(-1e39, 1e39) | st.floats(-3, 3)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(NODES, min_size=1, max_size=6),
    st.lists(st.tuples(VALUES, VALUES, st.sampled_from(["low", "high", "?"])), min_size=1),
    st.sampled_from([1, 11]),
)
def test_any_trees_are_answered_as_somebody_walks_through_them(trees, rows, kind):
    found = tables(trees, steps={"kind": kind})
    for first, second, text in rows:
        ours = found.score_one([first, second], [text])
        assert ours == [forged.walked(trees, [first, second], text, narrow=kind == 1)]


def scaling(scales, kind):
    """Return steps that scale the first number, the constants they need, and a row as float32."""
    nodes, constants, name = [], [], NUMBERS
    for at, (steps, offset, factor) in enumerate(scales):
        for step in steps:
            into, name = name, f"{step}{at}"
            if step == "Scaler":
                said = {"offset": [offset, 0.0], "scale": [factor, 1.0]}
                nodes.append(helper.make_node(step, [into], [name], domain="ai.onnx.ml", **said))
                kind = 1
                continue
            told = [offset, 0.0] if step in ("Sub", "Add") else [factor, 1.0]
            constants.append(helper.make_tensor(f"{name}.by", kind, [1, 2], told))
            nodes.append(helper.make_node(step, [into, f"{name}.by"], [name]))
    nodes += [helper.make_node("Cast", [each], [f"{each}.narrow"], to=1) for each in (name, "code")]
    row = helper.make_node("Concat", [f"{name}.narrow", "code.narrow"], ["mine"], axis=1)
    return [*nodes, row], constants


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-3, 3, width=32) | st.sampled_from(EDGES), min_size=1, max_size=9),
    st.lists(
        st.tuples(
            st.sampled_from([("Scaler",), ("Sub", "Div"), ("Mul", "Add")]),
            st.floats(-1e6, 1e6, width=32),
            st.floats(2**-20, 2**20, width=32),
        ),
        min_size=1,
        max_size=2,
    ),
    st.sampled_from([1, 11]),
)
def test_a_scaled_number_is_rounded_as_the_runtime_rounds_it(thresholds, scales, kind):
    before, constants = scaling(scales, kind)
    said = forged.attributes([stump(threshold) for threshold in thresholds])
    steps = {"before": before, "constants": constants, "into": "mine"}
    made = forged.model(said, kind=kind, **steps)
    found = treetables.of(made.graph, NUMBERS, TEXTS)
    numbers, texts = found.rows(random.Random(2), 100)
    theirs = runtime(made.SerializeToString())(numbers, texts)
    assert alone(found, numbers, texts).tolist() == theirs.tolist()


def grown(leaves):
    """Return a tree that has a leaf on the true side of every node, one below the other."""
    tree = 0.0
    for at in range(1, leaves):
        tree = (0, float(leaves - at), False, float(at), tree)
    return tree


def test_trees_have_up_to_64_leaves_however_deep():
    for leaves in (2, 8, 9, 32, 33, 64):
        tree = grown(leaves)
        found = tables([tree, stump(0.5)])
        for value in (-1.0, 0.5, leaves / 2, leaves - 1.0, leaves + 1.0):
            ours = found.score_one([value, 0.0], ["low"])
            assert ours == [forged.walked([tree, stump(0.5)], [value, 0.0], "low")]
    assert tables([grown(65)]) is None


def test_tables_that_would_take_too_much_memory_are_not_made():
    def full(depth, start):
        if not depth:
            return start
        below = full(depth - 1, start * 2), full(depth - 1, start * 2 + 1)
        return (0, start, False, *below)

    assert tables([full(6, 64.0 * at + 1) for at in range(20)]) is not None
    assert tables([full(6, 64.0 * at + 1) for at in range(300)]) is None


LIES = {
    "a circle": {"nodes_truenodeids": [1, 0, 0, 0, 0]},
    "a node below itself": {"nodes_truenodeids": [0, 2, 0, 0, 0]},
    "a child out of range": {"nodes_falsenodeids": [5, 3, 0, 0, 0]},
    "a child before all": {"nodes_falsenodeids": [-1, 3, 0, 0, 0]},
    "a node reached twice": {"nodes_falsenodeids": [2, 3, 0, 0, 0]},
    "a feature out of range": {"nodes_featureids": [3, 0, 0, 0, 0]},
    "a feature before all": {"nodes_featureids": [-1, 0, 0, 0, 0]},
    "a huge feature": {"nodes_featureids": [2**62, 0, 0, 0, 0]},
    "a threshold that is no number": {"nodes_values": [float("nan"), 0.0, 0.0, 0.0, 0.0]},
    "a threshold below all": {"nodes_values": [float("-inf"), 0.0, 0.0, 0.0, 0.0]},
    "too few thresholds": {"nodes_values": [1.0]},
    "another question": {"nodes_modes": ["BRANCH_LT", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"]},
    "no nodes": {"nodes_modes": None, "nodes_nodeids": None, "nodes_treeids": None},
    "numbers out of order": {"nodes_nodeids": [1, 0, 2, 3, 4]},
    "a huge tree": {"nodes_treeids": [0, 0, 0, 0, 2**62]},
    "trees out of order": {"nodes_treeids": [1, 1, 0, 0, 0]},
    "a weight on a node": {"target_nodeids": [0, 3, 4]},
    "a weight nowhere": {"target_nodeids": [9, 3, 4]},
    "a weight in no tree": {"target_treeids": [0, 0, 7]},
    "a weight twice": {"target_nodeids": [2, 2, 4]},
    "a leaf without weight": {
        "target_nodeids": [2, 3],
        "target_treeids": [0, 0],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
    },
    "an infinite weight": {"target_weights": [1.0, float("inf"), 2.0]},
    "an infinite base": {"base_values": [float("inf")]},
    "two bases": {"base_values": [1.0, 2.0]},
    "a target before all": {"target_ids": [0, -1, 0]},
    "huge counts": {"n_targets": 2**40},
    "two targets": {"n_targets": 2},
    "another end": {"post_transform": "PROBIT"},
    "another sum": {"aggregate_function": "MAX"},
    "a word of its own": {"nodes_values_as_tensor": helper.make_tensor("t", 1, [1], [1.0])},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_forest_has_no_tables(lie):
    tree = [(0, 1.0, False, (1, 2.0, False, 1.0, 2.0), 3.0)]
    assert tables(tree) is not None
    assert tables(tree, **LIES[lie]) is None


def doubled(times):
    names = ["row", *(f"row{at}" for at in range(times))]
    return [
        helper.make_node("Concat", [before, before], [after], axis=1)
        for before, after in itertools.pairwise(names)
    ]


STEPS = {
    "a step that counts": [helper.make_node("Neg", ["row"], ["mine"])],
    "a scale that turns": [
        helper.make_node(
            "Scaler", ["row"], ["mine"], domain="ai.onnx.ml", offset=[0.0] * 3, scale=[-1.0] * 3
        )
    ],
    "a turn": [helper.make_node("Reshape", ["row", "nowhere"], ["mine"])],
    "rows below each other": [helper.make_node("Concat", ["row", "row"], ["mine"], axis=0)],
    "cut to whole numbers": [helper.make_node("Cast", ["row"], ["mine"], to=7)],
    "a tensor that doubles": [*doubled(60), helper.make_node("Identity", ["row59"], ["mine"])],
    "words side by side": [
        helper.make_node(
            "LabelEncoder",
            [TEXTS],
            ["own"],
            domain="ai.onnx.ml",
            keys_strings=["a", "a"],
            values_floats=[1.0, 2.0],
        ),
        helper.make_node("Concat", [NUMBERS, "own"], ["mine"], axis=1),
    ],
}


@pytest.mark.parametrize("step", STEPS)
def test_steps_that_are_not_read_have_no_tables(step):
    assert tables([stump(1.0)], steps={"before": STEPS[step], "into": "mine"}) is None


def test_tables_that_answer_otherwise_than_the_runtime_are_found_out():
    _, _, data = loaded(HIST, "yes")
    found = treetables.of(onnx.load_model_from_string(data).graph, NUMBERS, TEXTS)
    ask = runtime(data)
    assert treetables.agrees(found, ask)
    assert not treetables.agrees(found, lambda *rows: ask(*rows) * (1 + 1e-5))
    assert not treetables.agrees(found, lambda *rows: ask(*rows)[:, ::-1])
