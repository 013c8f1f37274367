"""A model that adds up is kept as its coefficients, exactly; one that does not is left alone."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from jupyter_mlops import formats
from jupyter_mlops.errors import Invalid, Unsafe
from jupyter_mlops.formats import frames, signature
from jupyter_mlops.formats.compiling import compile_model
from jupyter_mlops.formats.skops_format import SklearnScorer

RANDOM = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "age": np.where(RANDOM.random(600) < 0.1, np.nan, RANDOM.normal(40, 10, 600)),
        "income": RANDOM.lognormal(10, 1, 600),
        "visits": RANDOM.integers(0, 9, 600),
        "region": RANDOM.choice(["north", "south", 'we"st'], 600),
    }
)
YES = (FRAME["income"] / 5e4 + FRAME["visits"] / 9 + RANDOM.random(600) > 1.2).astype(int)


def pipeline(last, numbers=None):
    numbers = numbers or make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (numbers, ["age", "income", "visits"]),
            (OneHotEncoder(handle_unknown="ignore", drop="first"), ["region"]),
        ),
        last,
    )


def lowered(model, frame=FRAME, truth=YES):
    model.fit(frame, truth)
    columns = frames.columns(frame)
    features = signature.infer(columns, names=list(columns))
    data, record = compile_model(model, features, columns)
    original = SklearnScorer(model)
    manifest = {"task": original.task, "classes": original.classes or [], "features": features}
    return data, record, manifest, original


LINEAR = {
    "logistic": pipeline(LogisticRegression(max_iter=500)),
    "sgd": pipeline(SGDClassifier(loss="log_loss", random_state=0)),
    "ridge": pipeline(Ridge()),
    "poisson": pipeline(PoissonRegressor(max_iter=500)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_coefficients_say_what_the_estimator_says_missing_new_and_far_away_too(name):
    data, record, manifest, original = lowered(LINEAR[name])
    assert record["form"] == "coefficients"
    rows = {n: c.copy() for n, c in frames.columns(FRAME.sample(200, random_state=1)).items()}
    rows["region"][:3], rows["region"][3:6] = None, "never seen"
    rows["age"][:9], rows["income"][9] = np.nan, 1e7
    ours = formats.load("coefficients", data, like=manifest)
    assert np.allclose(ours.score(rows), original.score(rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("last", [LogisticRegression(), OneVsRestClassifier(LogisticRegression())])
def test_more_than_two_classes_keep_their_order(last):
    frame = load_iris(as_frame=True).frame
    model = make_pipeline(StandardScaler(), last)
    data, record, manifest, original = lowered(
        model, frame.drop(columns="target"), frame["target"].map({0: "c", 1: "a", 2: "b"})
    )
    assert record["form"] == "coefficients"
    rows = frames.columns(frame.drop(columns="target"))
    ours = formats.load("coefficients", data, like=manifest)
    assert np.allclose(ours.score(rows), original.score(rows), atol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        pipeline(LogisticRegression(), make_pipeline(SimpleImputer(), PolynomialFeatures(2))),
        pipeline(LogisticRegression(), make_pipeline(SimpleImputer(), MinMaxScaler(clip=True))),
        pipeline(LogisticRegression(), make_pipeline(SimpleImputer(), KBinsDiscretizer(4))),
        pipeline(RandomForestClassifier(5, random_state=0)),
        pipeline(HistGradientBoostingClassifier(max_iter=5)),
    ],
    ids=["products", "clipped", "binned", "forest", "boosted"],
)
def test_what_does_not_add_up_is_never_kept_as_coefficients(model):
    _, record, _, _ = lowered(model)
    assert record["form"] != "coefficients"


def test_a_missing_value_is_refused_where_the_original_refuses_it_and_only_there():
    numbers = make_column_transformer(
        (SimpleImputer(), ["age"]), ("passthrough", ["income", "visits"])
    )
    model = make_pipeline(numbers, LogisticRegression(max_iter=2000))
    frame = FRAME.drop(columns="region")
    data, record, manifest, original = lowered(model, frame)
    assert record["form"] == "coefficients"
    ours = formats.load("coefficients", data, like=manifest)
    rows = frames.columns(frame.head(4))
    without_age = {**rows, "age": np.full(4, np.nan)}
    assert np.allclose(ours.score(without_age), original.score(without_age))
    with pytest.raises(Invalid, match="income"):
        ours.score({**rows, "income": np.full(4, np.nan)})


def test_forged_coefficients_are_refused():
    data, _, manifest, _ = lowered(LINEAR["logistic"])
    told = json.loads(data)
    forged = [
        {**told, "link": "__import__"},
        {**told, "intercept": []},
        {**told, "intercept": ["1"]},
        {**told, "features": told["features"][1:]},
        {**told, "features": [{**told["features"][0], "weights": [1e999]}]},
        {**told, "features": "age"},
    ]
    for wrong in forged:
        text = json.dumps(wrong, separators=(",", ":")).encode()
        with pytest.raises(Unsafe):
            formats.load("coefficients", text, like=manifest)
