"""What is estimated before labels come is what they show, as long as the concept holds."""

import math

import numpy as np
import pytest

from jupyter_mlops.stats.accuracy import binary, multiclass, regression
from jupyter_mlops.stats.calibration import helps, isotonic
from jupyter_mlops.stats.cells import MIDDLES, cell, equal, histogram
from jupyter_mlops.stats.classes import class_scores
from jupyter_mlops.stats.estimation import back_test, cbpe, cbpe_of_counts, dle
from jupyter_mlops.stats.intervals import Estimate
from jupyter_mlops.stats.scores import scores

DRAWN = ["roc_auc", "accuracy", "f1", "log_loss", "brier", "mcc", "pr_auc", "ks"]


def scored(random, n, *, shift=0.0, honest=True):
    odds = random.normal(shift - 0.5, 1.5, n)
    truth = random.random(n) < 1 / (1 + np.exp(-odds))
    return truth, 1 / (1 + np.exp(-(odds if honest else 2.5 * odds + 1)))


@pytest.fixture(scope="module")
def incomes(adult):
    """Truth and score of census incomes that a model has not seen, reference and current."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    train, test = adult
    numbers = train.select_dtypes("number").columns.drop("income", errors="ignore")
    truth = [part["income"].astype(str).str.startswith(">50K") for part in (train, test)]
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0)
    model.fit(train[numbers], truth[0])
    score = model.predict_proba(test[numbers])[:, 1]
    random = np.random.default_rng(1).permutation(len(test))
    parts = np.split(random, [len(test) // 2])
    return [(truth[1].to_numpy()[rows], score[rows]) for rows in parts]


def test_incomes_are_estimated_within_a_hundredth_where_nothing_drifted(incomes):
    (label, reference), (truth, score) = incomes
    found, real = cbpe(reference, label, score), binary(truth, score)
    for name in ("roc_auc", "accuracy", "f1", "brier", "log_loss"):
        assert found[name] == pytest.approx(real[name], abs=0.01 if name != "f1" else 0.02), name


def test_incomes_that_moved_are_estimated_too_as_long_as_the_score_means_the_same(incomes):
    (label, reference), (truth, score) = incomes
    high = np.random.default_rng(2).random(len(score)) < 0.1 + score
    found, real = cbpe(reference, label, score[high]), binary(truth[high], score[high])
    assert abs(real["accuracy"] - binary(truth, score)["accuracy"]) > 0.02
    assert found["accuracy"] == pytest.approx(real["accuracy"], abs=0.01)
    assert found["roc_auc"] == pytest.approx(real["roc_auc"], abs=0.015)


def test_counts_tell_what_arrays_tell():
    random = np.random.default_rng(3)
    (label, reference), (_, score) = scored(random, 10_000), scored(random, 5_000)
    kept, now = scores(label, reference).counts, histogram(score)
    arrays = cbpe(reference, label, score)
    thousand = cbpe_of_counts(equal(kept.T).T, equal(now))
    for name, value in cbpe_of_counts(kept, now).items():
        assert value == pytest.approx(arrays[name], abs=1e-12), name
        assert thousand[name] == pytest.approx(value, abs=1e-3, rel=5e-3), name


def test_a_score_that_exaggerates_is_calibrated_first():
    random = np.random.default_rng(4)
    label, reference = scored(random, 20_000, honest=False)
    truth, score = scored(random, 20_000, shift=1.0, honest=False)
    found, real = cbpe(reference, label, score), binary(truth, score)
    assert found["accuracy"] == pytest.approx(real["accuracy"], abs=0.01)
    assert found["ece"] == pytest.approx(real["ece"], abs=0.015)


def test_scores_are_calibrated_as_scikit_learn_calibrates_them():
    from sklearn.isotonic import IsotonicRegression

    random = np.random.default_rng(13)
    truth, score = scored(random, 3_000, honest=False)
    kept = scores(truth, score)
    rows = cell(score)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(MIDDLES[rows], truth)
    assert isotonic(kept.counts, MIDDLES) == pytest.approx(theirs.predict(MIDDLES))


def test_an_honest_score_is_left_as_it_is_and_another_is_not():
    random = np.random.default_rng(14)
    assert helps(scores(*scored(random, 5_000, honest=False)).counts, MIDDLES)
    left = sum(not helps(scores(*scored(random, 500)).counts, MIDDLES) for _ in range(20))
    assert left >= 5


@pytest.fixture(scope="module")
def coverage():
    """How often the band of a window of 500 rows holds what its labels then show."""
    random, rounds = np.random.default_rng(5), 80
    inside = dict.fromkeys(DRAWN, 0)
    for _ in range(rounds):
        label, reference = scored(random, 3_000)
        truth, score = scored(random, 500)
        found, real = cbpe(reference, label, score, interval=0.9), binary(truth, score)
        for name in DRAWN:
            inside[name] += found[name].low <= real[name] <= found[name].high
    return {name: count / rounds for name, count in inside.items()}


@pytest.mark.parametrize("name", DRAWN)
def test_a_band_holds_what_the_labels_show_about_nine_times_in_ten(coverage, name):
    assert 0.82 <= coverage[name] <= 0.98


def picked(random, n):
    score = random.dirichlet([2, 1, 0.7], n)
    truth = (score.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return score, np.array(list("abc"))[truth]


def test_several_classes_are_estimated_class_by_class():
    random = np.random.default_rng(6)
    (reference, label), (score, truth) = picked(random, 20_000), picked(random, 20_000)
    found, real = cbpe(reference, label, score), multiclass(truth, score, labels=list("abc"))
    for name in ("accuracy", "macro_f1", "weighted_f1", "recall:a", "precision:b"):
        assert found[name] == pytest.approx(real[name], abs=0.015), name
    assert found["roc_auc"] == pytest.approx(class_scores_auc(truth, score), abs=0.01)


def class_scores_auc(truth, score):
    return class_scores(truth, score, labels="abc").measures()["roc_auc"].value


def test_bands_of_several_classes_hold_what_the_labels_show():
    random, rounds, inside = np.random.default_rng(12), 15, 0
    names = ("accuracy", "macro_f1", "weighted_f1", "recall:b")
    for _ in range(rounds):
        (reference, label), (score, truth) = picked(random, 3_000), picked(random, 1_000)
        found = cbpe(reference, label, score, interval=0.9)
        real = multiclass(truth, score, labels=list("abc"))
        inside += sum(found[name].low <= real[name] <= found[name].high for name in names)
    assert inside >= 0.75 * rounds * len(names)


@pytest.mark.parametrize(
    ("reference", "label", "score"),
    [
        ([], [], []),
        ([], [], [0.5]),
        ([0.5, 0.6], [1, 0], []),
        ([None, 0.5], [1, None], [0.2, None]),
        ([0.5] * 9, [1] * 9, [0.5]),
        ([[0.5, 0.5], [0.9, 0.1]], ["a", "b"], [[0.5, 0.5]]),
        ([[0.5, 0.5], [0.9, 0.1]], ["a", "b"], []),
        ([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]], ["a", None, "b"], [[float("nan"), 0.5]]),
        ([0.5] * 9, [0, 1, 0] * 3, [0.5] * 9),
    ],
)
def test_what_cannot_be_estimated_is_nan_and_nothing_raises(reference, label, score):
    found = cbpe(reference, label, score, interval=0.9)
    assert {"roc_auc", "accuracy"} <= set(found)
    for name, e in found.items():
        assert math.isnan(e.value) or math.isfinite(e.value), name
        if not math.isnan(e.low):
            assert e.low <= e.value <= e.high, name


def priced(random, n, *, far=1.0, noise=1.0):
    x, region = random.gamma(2, far, n), random.choice(["east", "west"], n)
    truth = 3 * x + random.normal(size=n) * noise * (0.5 + x) * np.where(region == "west", 2, 1)
    return {"x": x, "region": region}, 3 * x, truth


def test_losses_are_estimated_where_inputs_move_to_where_they_are_larger():
    random = np.random.default_rng(7)
    features, said, truth = priced(random, 8_000)
    now, guess, came = priced(random, 4_000, far=1.3)
    found, real = dle(features, said, truth, now, guess), regression(came, guess)
    stale = regression(truth, said)
    assert found["mae"] == pytest.approx(real["mae"], rel=0.08)
    assert abs(stale["mae"] - real["mae"]) > 2 * abs(found["mae"] - real["mae"])


def test_the_errors_of_a_polluted_winter_are_foreseen(pollution):
    from sklearn.ensemble import HistGradientBoostingRegressor

    rows = pollution.assign(before=pollution["pm2.5"].shift(24)).dropna()
    features = ["month", "hour", "DEWP", "TEMP", "PRES", "Iws", "before", "cbwd"]
    train, kept = rows[rows.year <= 2011], rows[rows.year == 2012]
    now = rows[(rows.year == 2013) & (rows.month == 1)]
    model = HistGradientBoostingRegressor(max_iter=40, random_state=0)
    model.fit(train[features[:-1]], train["pm2.5"])
    said = [model.predict(part[features[:-1]]) for part in (kept, now)]
    columns = [{name: part[name] for name in features} for part in (kept, now)]
    found = dle(columns[0], said[0], kept["pm2.5"], columns[1], said[1])["mae"]
    real, stale = (regression(p["pm2.5"], s)["mae"] for p, s in ((now, said[1]), (kept, said[0])))
    assert real > 1.5 * stale
    assert found == pytest.approx(real, rel=0.15)


def test_a_band_of_losses_holds_what_the_truths_show():
    random, rounds, inside = np.random.default_rng(8), 12, 0
    for _ in range(rounds):
        now, guess, came = priced(random, 400)
        found = dle(*priced(random, 1_000), now, guess, interval=0.95)
        inside += found["mae"].low <= regression(came, guess)["mae"] <= found["mae"].high
    assert inside >= 9


@pytest.mark.parametrize("n", [0, 1, 5])
def test_losses_without_enough_rows_are_nan(n):
    found = dle({"a": [None] * n}, [1.0] * n, [1.0] * n, {"a": ["x"]}, [1.0], interval=0.9)
    assert all(math.isnan(e.value) for e in found.values())
    assert math.isnan(dle(np.ones((200, 1)), [1] * 200, [1] * 200, np.ones((0, 1)), [])["mae"])


def periods(random, count, *, bias=0.0, spread=0.01):
    real = 0.8 + random.normal(0, spread, count)
    return [Estimate(0.8 + bias, 0.78 + bias, 0.82 + bias)] * count, real.tolist()


def test_good_estimates_are_seldom_doubted():
    random = np.random.default_rng(9)
    doubted = sum(
        back_test(*periods(random, 12), tolerance=0.0).trusted is False for _ in range(400)
    )
    assert doubted / 400 <= 0.07


def test_estimates_that_the_labels_contradict_are_not_to_be_trusted():
    random = np.random.default_rng(10)
    found = back_test(*periods(random, 8, bias=0.05))
    assert (found.trusted, found.reason) == (False, "outside_band")
    assert found.bias == pytest.approx(0.05, abs=0.01)
    leaning = back_test(*periods(random, 30, bias=0.018, spread=0.003), tolerance=0.01)
    assert (leaning.trusted, leaning.reason) == (False, "biased")


def test_a_concept_that_moved_is_found_by_the_back_test():
    random = np.random.default_rng(11)
    label, reference = scored(random, 5_000)
    told, came = [], []
    for _ in range(6):
        truth, score = scored(random, 1_000)
        told.append(cbpe(reference, label, score, interval=0.95)["accuracy"])
        came.append(binary(truth ^ (random.random(1_000) < 0.2), score)["accuracy"])
    assert back_test(told, came).trusted is False


def test_labels_that_have_not_come_are_no_evidence():
    assert back_test([], []).trusted is None
    assert back_test([Estimate(0.8, 0.7, 0.9)] * 9, [math.nan] * 9).reason == "too_few_periods"
    assert back_test([Estimate(0.8)] * 9, [0.1] * 9).periods == 0
