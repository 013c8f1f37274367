"""A compiled model is kept only where it answers as the original, refusals included."""

import os

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from jupyter_mlops import formats
from jupyter_mlops.errors import Invalid, Unsafe
from jupyter_mlops.formats import frames, signature
from jupyter_mlops.formats.compiling import compile_model
from jupyter_mlops.formats.parity import agreement
from jupyter_mlops.formats.skops_format import SklearnScorer

RANDOM = np.random.default_rng(1)
FRAME = pd.DataFrame(
    {
        "age": np.where(RANDOM.random(500) < 0.1, np.nan, RANDOM.normal(40, 10, 500)),
        "income": RANDOM.lognormal(10, 1, 500),
        "region": RANDOM.choice(["north", "south", "west"], 500),
    }
)
TRUTH = (FRAME["income"] > FRAME["income"].median()).astype(int)


def mixed(last, *, unknown="ignore", impute=True):
    numbers = make_pipeline(SimpleImputer(), StandardScaler()) if impute else StandardScaler()
    return make_pipeline(
        make_column_transformer(
            (numbers, ["age", "income"]), (OneHotEncoder(handle_unknown=unknown), ["region"])
        ),
        last,
    )


def compiled(model, frame=FRAME, truth=TRUTH):
    model.fit(frame, truth)
    columns = frames.columns(frame)
    features = signature.infer(columns, names=list(columns))
    data, record = compile_model(model, features, columns)
    manifest = {"task": SklearnScorer(model).task, "features": features}
    manifest["classes"] = SklearnScorer(model).classes or []
    return data, record, manifest


@pytest.mark.parametrize("last", [LogisticRegression(), Ridge()], ids=["classes", "numbers"])
def test_a_compiled_model_agrees_on_rows_it_was_not_compared_on(last):
    model = mixed(last)
    data, record, manifest = compiled(model)
    assert record["kept"]
    assert record["flips"] == 0
    rows = frames.columns(FRAME.sample(100, random_state=9))
    rows = {name: column.copy() for name, column in rows.items()}
    rows["region"][0], rows["region"][1], rows["age"][2] = None, "never seen", np.nan
    ours = formats.load(formats.sniff(data), data, like=manifest).score(rows)
    assert np.allclose(ours, SklearnScorer(model).score(rows), atol=1e-5)


def test_a_level_called_nan_is_not_taken_for_a_missing_value():
    frame = FRAME.assign(region=RANDOM.choice(["north", "nan"], len(FRAME)))
    model = mixed(LogisticRegression())
    data, record, manifest = compiled(model, frame)
    rows = frames.columns(frame.head(50))
    rows["region"][:10] = None
    original = SklearnScorer(model)
    scorer = formats.load(formats.sniff(data), data, like=manifest) if record["kept"] else original
    assert np.allclose(scorer.score(rows), original.score(rows), atol=1e-5)


def test_histogram_gradient_boosting_compiles():
    frame = FRAME[["age", "income"]]
    _, record, _ = compiled(HistGradientBoostingClassifier(max_iter=30), frame)
    assert record["kept"]
    assert record["agree"] >= 0.999


def test_a_forest_of_numbers_compiles():
    frame = FRAME[["income"]]
    truth = frame["income"] ** 0.5
    _, record, _ = compiled(RandomForestRegressor(10, random_state=0), frame, truth)
    assert record["kept"]


def test_what_the_original_refuses_the_compiled_form_refuses():
    model = mixed(LogisticRegression(), unknown="error", impute=False)
    frame = FRAME.dropna()
    data, record, manifest = compiled(model, frame, TRUTH[frame.index])
    assert record["kept"]
    scorer = formats.load(formats.sniff(data), data, like=manifest)
    rows = frames.columns(frame.head(3))
    for name, value in (("age", np.nan), ("region", "never seen")):
        odd = {**rows, name: rows[name].copy()}
        odd[name][1] = value
        with pytest.raises(Invalid, match=name):
            scorer.score(odd)


def test_a_model_that_cannot_be_compiled_is_a_reason_not_an_error():
    from sklearn.gaussian_process import GaussianProcessClassifier

    data, record, _ = compiled(GaussianProcessClassifier(), FRAME[["income"]].head(50), TRUTH[:50])
    assert (data is None) == (not record["kept"])
    assert record["kept"] or record["reason"]


def test_a_forest_that_only_asks_whether_a_number_is_missing_stays_as_it_is():
    """The converter would look for a number next to its threshold, infinity, for ever."""
    frame = FRAME[["age", "income"]]
    truth = frame["age"].isna() * frame["income"] * (frame["income"] > frame["income"].median())
    data, record, _ = compiled(RandomForestRegressor(5), frame, truth)
    assert data is None
    assert (record["kept"], record["reason"]) == (False, "This kind of model cannot be compiled.")


def test_answers_that_differ_are_not_kept():
    scores = RANDOM.random((1000, 1))
    original = np.hstack([scores, 1 - scores])
    assert agreement(original, original).kept
    assert not agreement(original, original[:, ::-1]).kept
    assert not agreement(original, original + 1e-3).kept
    assert not agreement(original, np.full_like(original, np.nan)).kept


def outside(name):
    """Return a tensor whose numbers are in a file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", name
    return tensor


def graph_of(nodes, constants=()):
    kind = [TensorProto.FLOAT, [None]]
    ends = [[helper.make_tensor_value_info(name, *kind)] for name in "xy"]
    return helper.make_graph(nodes, "g", *ends, constants)


def reaching(how, file="numbers.bin"):
    """Return a model that reaches outside itself."""
    add = helper.make_node("Add", ["x", "w"], ["y"])
    one = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    constant = helper.make_node("Constant", [], ["w"], value=outside(file))
    hidden = helper.make_graph(
        [constant], "inner", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [1])]
    )
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    branch = helper.make_node("If", ["true"], ["w"], then_branch=hidden, else_branch=hidden)
    sparse = onnx.SparseTensorProto(values=outside(file), dims=[1])
    sparse.indices.CopyFrom(helper.make_tensor("i", TensorProto.INT64, [1], [0]))
    foreign = helper.make_node("Add", ["x", "w"], ["y"], domain="com.evil")
    several = helper.make_node("Constant", [], ["w"])
    several.attribute.append(helper.make_attribute("values", [outside(file)]))
    graphs = {
        "its weights": graph_of([add], [outside(file)]),
        "a constant": graph_of([constant, add]),
        "constants": graph_of([several, add]),
        "a sparse constant": graph_of(
            [helper.make_node("Constant", [], ["w"], sparse_value=sparse), add]
        ),
        "a branch": graph_of([branch, add], [true]),
        "an operator of somebody else": graph_of([foreign], [one]),
    }
    made = helper.make_model(
        graphs.get(how, graph_of([add], [one])), opset_imports=[helper.make_opsetid("", 17)]
    )
    made.ir_version = 8
    if how == "operators of somebody else":
        made.opset_import.append(helper.make_opsetid("com.evil", 1))
    if how == "a function":
        made.functions.append(
            helper.make_function("here", "F", ["x"], ["y"], [add], made.opset_import)
        )
    if how == "training":
        made.training_info.add().algorithm.CopyFrom(graphs["its weights"])
    return made.SerializeToString()


@pytest.mark.parametrize(
    "how",
    [
        "its weights",
        "a constant",
        "constants",
        "a sparse constant",
        "a branch",
        "an operator of somebody else",
        "operators of somebody else",
        "a function",
        "training",
    ],
)
def test_an_onnx_model_that_reaches_outside_itself_is_refused(how):
    assert onnx.load_model_from_string(reaching(how))
    for read in (formats.check, lambda data: formats.load("onnx", data)):
        with pytest.raises(Unsafe) as error:
            read(reaching(how))
        assert error.value.code == "unsafe_format"


@pytest.mark.parametrize("how", ["its weights", "a constant", "a branch"])
def test_a_file_that_an_onnx_model_names_is_not_opened(how, tmp_path, monkeypatch):
    """A pipe in its place, which would wait for whoever opens it."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "numbers.bin")
    with pytest.raises(Unsafe, match="outside itself"):
        formats.load("onnx", reaching(how))


def test_the_runtime_reads_that_file_where_it_finds_it(tmp_path):
    """So that the test above tells something."""
    (tmp_path / "numbers.bin").write_bytes(np.float32(7).tobytes())
    (tmp_path / "model.onnx").write_bytes(reaching("its weights"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.run(None, {"x": np.zeros(1, np.float32)})[0] == [7]


def test_an_onnx_model_that_the_runtime_does_not_take_is_refused():
    node = helper.make_node("NoSuchOperator", ["x"], ["y"])
    made = helper.make_model(graph_of([node]), opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(Unsafe, match="cannot be read"):
        formats.load("onnx", made.SerializeToString(), like={"task": "regression", "classes": []})
