"""C04: trees of scikit-learn that somebody changed after they were fitted are refused before they predict."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from jupyter_mlops import formats
from jupyter_mlops.errors import Unsafe
from jupyter_mlops.formats import frames
from jupyter_mlops.formats.trees import check_trees

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RANDOM.normal(40, 10, 300),
        "income": RANDOM.lognormal(10, 1, 300),
        "region": RANDOM.integers(0, 4, 300).astype(float),
    }
)
WORDS = FRAME.assign(region=pd.Categorical(FRAME["region"].map("r{:.0f}".format)))
TRUTH = ((FRAME["age"] > 40) ^ (FRAME["region"] == 1)).astype(int)
THREE = TRUTH + (FRAME["income"] > 30_000)
CATEGORIES = {"max_iter": 5, "categorical_features": [2], "random_state": 0}
TREE = {"max_depth": 3, "random_state": 0}

HONEST = {
    "tree": (DecisionTreeClassifier(**TREE), FRAME, TRUTH),
    "forest": (RandomForestClassifier(3, random_state=0), FRAME, THREE),
    "extra": (ExtraTreesRegressor(3), FRAME, TRUTH),
    "boosting": (GradientBoostingClassifier(n_estimators=3), FRAME, TRUTH),
    "boosting of three": (GradientBoostingClassifier(n_estimators=3, init="zero"), FRAME, THREE),
    "boosting from a model": (
        GradientBoostingClassifier(n_estimators=3, init=DecisionTreeClassifier(max_depth=1)),
        FRAME,
        TRUTH,
    ),
    "histograms": (HistGradientBoostingRegressor(max_iter=3), FRAME, TRUTH),
    "histograms of categories": (HistGradientBoostingClassifier(**CATEGORIES), FRAME, THREE),
    "histograms of words": (HistGradientBoostingClassifier(max_iter=3), WORDS, TRUTH),
    "bags": (BaggingClassifier(n_estimators=3, max_features=2), FRAME, TRUTH),
    "bags of forests": (BaggingClassifier(RandomForestClassifier(2), 2), FRAME, TRUTH),
    "weighted": (AdaBoostClassifier(n_estimators=3), FRAME, TRUTH),
    "one and the rest": (OneVsRestClassifier(DecisionTreeClassifier()), FRAME, THREE),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HONEST)
def test_honest_trees_are_read(name):
    model, frame, truth = HONEST[name]
    packed = formats.pack(model.fit(frame, truth))
    found = formats.load("skops", packed.data).score(frames.columns(frame))
    assert len(found) == len(frame)


def with_nodes(estimator, **changes):
    """Change fields of the root of a fitted tree."""
    state = estimator.tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    for name, value in changes.items():
        state["nodes"][name][0] = value
    estimator.tree_.__setstate__(state)


def refused(model):
    with pytest.raises(Unsafe) as error:
        formats.load("skops", skops.io.dumps(model))
    assert error.value.code == "structure_invalid"


NODES = {
    "a cycle": {"left_child": 0},
    "a child outside": {"right_child": 10**6},
    "a child of two": {"left_child": 2, "right_child": 2},
    "half a leaf": {"left_child": -1},
    "a feature nobody has": {"feature": 3},
    "a feature far away": {"feature": 10**6},
    "a feature before the first": {"feature": -5},
    "a threshold that is no number": {"threshold": np.nan},
}


@pytest.mark.parametrize("how", NODES)
def test_a_tree_that_is_none_is_refused(how):
    model = DecisionTreeClassifier(**TREE).fit(FRAME, TRUTH)
    with_nodes(model, **NODES[how])
    refused(model)


@pytest.mark.parametrize("how", NODES)
def test_a_tree_of_a_forest_that_is_none_is_refused(how):
    model = RandomForestClassifier(3, **TREE).fit(FRAME, TRUTH)
    with_nodes(model.estimators_[2], **NODES[how])
    refused(make_pipeline("passthrough", model))


def wider(width=10**6):
    """Return a tree that says it was fitted on many features, and looks at the last."""
    frame = np.zeros((4, width), np.float32)
    frame[2:, -1] = 1
    return DecisionTreeClassifier().fit(frame, [0, 0, 1, 1])


@pytest.mark.parametrize("says", [3, 10**6, None, "3"])
def test_a_tree_wider_than_its_forest_is_refused(says):
    model = RandomForestClassifier(3, **TREE).fit(FRAME, TRUTH)
    model.estimators_[2] = wider()
    model.estimators_[2].n_features_in_ = says
    refused(model)


@pytest.mark.parametrize("says", [3, None])
def test_a_tree_wider_than_its_estimator_is_refused(says):
    model = DecisionTreeClassifier(**TREE).fit(FRAME, TRUTH)
    model.tree_ = wider().tree_
    if says is None:
        del model.n_features_in_  # then scikit-learn looks at no width at all
    refused(model)


def test_a_forest_of_what_are_no_trees_is_refused():
    model = RandomForestClassifier(3, **TREE).fit(FRAME, TRUTH)
    model.estimators_[1] = LogisticRegression().fit(FRAME, TRUTH)
    refused(model)


def test_boosted_trees_that_are_more_than_their_sums_are_refused():
    model = GradientBoostingClassifier(n_estimators=3).fit(FRAME, TRUTH)
    model.estimators_ = np.repeat(model.estimators_, 50, axis=1)  # each adds to a column of its own
    refused(model)


def test_trees_are_found_however_deep_they_lie():
    model = DecisionTreeClassifier(**TREE).fit(FRAME, TRUTH)
    with_nodes(model, feature=10**6)
    outer = LogisticRegression().fit(FRAME, TRUTH)
    for depth in (3, 300):
        outer.inside_ = model
        for _ in range(depth):
            outer.inside_ = [outer.inside_]
        with pytest.raises(Unsafe):
            check_trees(outer)


def histograms():
    model = HistGradientBoostingClassifier(**CATEGORIES).fit(FRAME, TRUTH)
    predictor = next(p for (p,) in model._predictors if p.nodes["is_categorical"].any())
    return model, predictor, int(np.flatnonzero(predictor.nodes["is_categorical"])[0])


HISTOGRAMS = {
    "a cycle": {"left": 0},
    "a child outside": {"right": 2**31},
    "a feature nobody has": {"feature_idx": 3},
    "a feature far away": {"feature_idx": 10**6},
    "a feature before the first": {"feature_idx": -1},
    "a set nobody has": {"bitset_idx": 10**6},
    "categories of a number": {"feature_idx": 1},
    "a threshold that is no number": {"is_categorical": 0, "num_threshold": np.nan},
}


@pytest.mark.parametrize("how", HISTOGRAMS)
def test_a_histogram_tree_that_is_none_is_refused(how):
    model, predictor, at = histograms()
    for name, value in HISTOGRAMS[how].items():
        predictor.nodes[name][at] = value
    refused(model)


@pytest.mark.parametrize("which", ["raw_left_cat_bitsets", "binned_left_cat_bitsets"])
@pytest.mark.parametrize("width", [0, 1, 7])
def test_sets_that_are_too_narrow_are_refused(which, width):
    model, predictor, _ = histograms()
    setattr(predictor, which, np.ascontiguousarray(getattr(predictor, which)[:, :width]))
    refused(model)


@pytest.mark.parametrize("says", [np.zeros(3, np.uint8), np.array([0, 0, 1] * 99, np.uint8), None])
def test_histogram_trees_whose_bins_are_of_other_features_are_refused(says):
    model, _, _ = histograms()
    model._bin_mapper.is_categorical_ = says
    refused(model)


def test_histogram_trees_behind_a_narrower_preparation_are_refused():
    model = HistGradientBoostingClassifier(max_iter=3).fit(WORDS, TRUTH)
    model._preprocessor.transformers_ = model._preprocessor.transformers_[:1]
    refused(model)


@pytest.mark.parametrize("says", [10**6, None])
def test_histogram_trees_wider_than_their_model_are_refused(says):
    model, predictor, _ = histograms()
    predictor.nodes["feature_idx"][0] = 10**5
    if says is None:
        del model.n_features_in_
    model._bin_mapper.is_categorical_ = np.zeros(10**6, np.uint8)
    refused(model)


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, RandomForestClassifier])
def test_a_tree_that_only_asks_whether_a_number_is_missing_is_none_of_them(kind):
    """scikit-learn writes that as a threshold of infinity."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(400, 3)), columns=["a", "b", "c"])
    labels = random.integers(0, 2, 400)
    rows.loc[labels == 1, "a"] = np.nan
    model = kind(max_depth=3, random_state=0).fit(rows, labels)
    trees = [model] if kind is DecisionTreeClassifier else model.estimators_
    assert any(np.isposinf(tree.tree_.threshold).any() for tree in trees)
    packed = formats.pack(model)
    said = formats.load(packed.format, packed.data).score(
        {name: rows[name].to_numpy() for name in rows}
    )
    assert np.allclose(said, model.predict_proba(rows))
