"""The same model is the same bytes; what is not a model is refused before it can run."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from jupyter_mlops import formats
from jupyter_mlops.errors import Invalid, Unsafe
from jupyter_mlops.formats import frames, process, skops_format

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RANDOM.normal(40, 10, 300),
        "income": RANDOM.lognormal(10, 1, 300),
        "region": RANDOM.choice(["north", "south"], 300),
    }
)
TRUTH = ((FRAME["age"] > 40) ^ (FRAME["region"] == "north")).astype(int)
NUMBERS = FRAME[["age", "income"]]


def pipeline(last):
    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["region"]),
    )
    return make_pipeline(columns, last)


MODELS = {
    "logistic": LogisticRegression,
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "network": lambda: MLPClassifier((4,), max_iter=20, random_state=0),
    "calibrated": lambda: CalibratedClassifierCV(SVC(random_state=0), cv=2),
    "ridge": Ridge,
    "histograms of numbers": lambda: HistGradientBoostingRegressor(max_iter=5, random_state=0),
    "forest of numbers": lambda: RandomForestRegressor(5, random_state=0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_answers_after_its_journey_as_before(name):
    model = pipeline(MODELS[name]()).fit(FRAME, TRUTH)
    packed = formats.pack(model)
    scorer = formats.load(packed.format, packed.data)
    found = scorer.score(frames.columns(FRAME))
    before = model.predict(FRAME) if packed.task == "regression" else model.predict_proba(FRAME)
    assert np.array_equal(found, before)
    assert packed.feature_names == ["age", "income", "region"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_the_same_training_gives_the_same_bytes(name):
    first, second = (
        formats.pack(pipeline(MODELS[name]()).fit(FRAME.copy(), TRUTH.copy())).data
        for _ in range(2)
    )
    assert first == second


def test_another_process_with_another_hash_seed_packs_the_same_bytes():
    code = (
        "import hashlib, sys; sys.path[:0] = ['tests', 'tests/formats'];"
        "import test_pack as t; from jupyter_mlops import formats;"
        "m = t.pipeline(t.MODELS['forest']()).fit(t.FRAME, t.TRUTH);"
        "print(hashlib.sha256(formats.pack(m).data).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_model_is_other_bytes():
    models = [LogisticRegression(C=c).fit(NUMBERS, TRUTH) for c in (1.0, 2.0)]
    assert len({formats.pack(model).data for model in models}) == 2


class Evil:
    """Would write a file if it were ever unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return (open, (str(self.place), "w"))


@pytest.mark.parametrize("written", ["pickle", "joblib"])
def test_a_file_that_runs_code_is_refused_and_never_read(tmp_path, written):
    mark = tmp_path / "pwned"
    file = tmp_path / "model.bin"
    if written == "pickle":
        file.write_bytes(pickle.dumps(Evil(mark)))
    else:
        joblib.dump(Evil(mark), file)
    mark.unlink(missing_ok=True)
    for thing in (file, str(file), file.read_bytes()):
        with pytest.raises(Unsafe) as error:
            formats.pack(thing)
        assert error.value.code == "unsafe_format"
    for format in ("skops", "onnx"):
        with pytest.raises(Unsafe):
            formats.load(format, file.read_bytes())
    assert not mark.exists()


def test_code_of_ones_own_does_not_travel():
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression())
    model.fit(NUMBERS, TRUTH)
    with pytest.raises((Unsafe, Invalid)):
        formats.pack(make_pipeline(FunctionTransformer(lambda x: x), Ridge()).fit(NUMBERS, TRUTH))


def rewritten(data, change):
    """Return an archive whose schema was changed by somebody."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema, members)
    members["schema.json"] = json.dumps(schema).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_an_archive_that_names_another_type_is_refused():
    packed = formats.pack(LogisticRegression().fit(NUMBERS, TRUTH))

    def change(schema, _members):
        schema["__module__"], schema["__class__"] = "subprocess", "Popen"

    with pytest.raises(Unsafe) as error:
        formats.load("skops", rewritten(packed.data, change))
    assert error.value.code == "unsafe_types"


def test_a_tree_whose_nodes_point_outside_is_refused():
    model = RandomForestClassifier(1, max_depth=3, random_state=0).fit(NUMBERS, TRUTH)
    tree = model.estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    tree.__setstate__(state)
    data = skops_format.canonical(__import__("skops.io", fromlist=["dumps"]).dumps(model))
    with pytest.raises(Unsafe) as error:
        formats.load("skops", data)
    assert error.value.code in ("structure_invalid", "archive_invalid")


def test_a_histogram_tree_that_bites_its_tail_is_refused():
    model = HistGradientBoostingClassifier(max_iter=1, random_state=0).fit(NUMBERS, TRUTH)
    nodes = model._predictors[0][0].nodes
    nodes["left"][0] = 0
    data = skops_format.canonical(__import__("skops.io", fromlist=["dumps"]).dumps(model))
    with pytest.raises(Unsafe) as error:
        formats.load("skops", data)
    assert error.value.code == "structure_invalid"


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"PK\x03\x04" + b"\x00" * 100, b"\x08\x07", os.urandom(200), b"\x80\x04."],
    ids=["empty", "zip head", "zip of zeros", "onnx head", "noise", "pickle head"],
)
def test_bytes_that_are_no_model_are_refused(data):
    for format in ("skops", "onnx"):
        with pytest.raises(Unsafe):
            formats.load(format, data)


def test_a_skops_file_is_the_model_that_was_saved_whatever_its_name(tmp_path):
    model = pipeline(LogisticRegression()).fit(FRAME, TRUTH)
    file = tmp_path / "model.pkl"
    skops.io.dump(model, file)
    for thing in (file, str(file), file.read_bytes()):
        assert formats.pack(thing) == formats.pack(model)


def test_one_format_is_not_read_as_another():
    packed = formats.pack(LogisticRegression().fit(NUMBERS, TRUTH))
    with pytest.raises(Unsafe, match="skops, not onnx"):
        formats.load("onnx", packed.data)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (LogisticRegression(), "model_not_fitted"),
        (make_pipeline(StandardScaler(), Ridge()), "model_not_fitted"),
        (StandardScaler().fit(NUMBERS), "model_not_supported"),
        (print, "model_not_supported"),
        (None, "model_not_supported"),
        ("nowhere.pkl", "file_not_found"),
    ],
)
def test_what_cannot_be_served_is_told_why(model, code):
    with pytest.raises(Invalid) as error:
        formats.pack(model)
    assert error.value.code == code


def test_a_fresh_process_answers_the_same():
    model = pipeline(LogisticRegression()).fit(FRAME, TRUTH)
    packed = formats.pack(model)
    rows = frames.columns(FRAME.head(20))
    found = process.loads_in_fresh_process("skops", packed.data, rows)
    assert np.array_equal(found, model.predict_proba(FRAME.head(20)))


def test_a_process_that_fails_is_a_sentence():
    with pytest.raises(Invalid, match="does not load in a fresh process"):
        process.loads_in_fresh_process("skops", b"PK\x03\x04", frames.columns(NUMBERS.head(2)))
