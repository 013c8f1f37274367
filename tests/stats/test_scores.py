"""Profiles of scores and errors tell what the rows tell, add up, and take corrections back."""

import json
import math

import numpy as np
import pytest
from sklearn import metrics

from jupyter_mlops.stats import curves
from jupyter_mlops.stats.accuracy import binary, multiclass, regression
from jupyter_mlops.stats.classes import ClassScores, class_scores
from jupyter_mlops.stats.residuals import Residuals, residual_cuts, residuals
from jupyter_mlops.stats.scores import Scores, scores


def scored(n=5_000, seed=0, *, odds=-1.0, spread=1.0):
    random = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-random.normal(odds, spread, n)))
    return random.random(n) < score, score


def three(n=3_000, seed=1):
    random = np.random.default_rng(seed)
    score = random.dirichlet([2, 1, 0.5], n)
    picked = (score.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return np.array(["a", "b", "c"])[picked], score


def numbers(n=3_000, seed=2):
    random = np.random.default_rng(seed)
    truth = random.gamma(2, 3, n) + 0.1
    return truth, truth * random.lognormal(0, 0.3, n)


def same(ours, theirs, *, to):
    for name, value in theirs.items():
        if not math.isnan(value):
            # a lift is a ratio, and the edge of its share falls into a cell of tied rows
            rel = 5e-3 if name.startswith("lift") else None
            assert ours[name].value == pytest.approx(value, abs=to, rel=rel), name


@pytest.mark.parametrize(("odds", "spread"), [(-1, 1), (0, 3), (-4, 2)])
def test_cells_tell_of_two_classes_what_the_rows_tell(odds, spread):
    truth, score = scored(20_000, odds=odds, spread=spread)
    same(scores(truth, score).measures(), binary(truth, score), to=1e-3)


def test_a_class_of_one_in_a_thousand_is_ranked_within_the_lowest_cell():
    truth, score = scored(200_000, odds=-8, spread=1.5)
    found = scores(truth, score).measures()
    assert found["roc_auc"].value == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-3)
    precision = metrics.average_precision_score(truth, score)
    assert found["pr_auc"].value == pytest.approx(precision, abs=1e-3)


def test_intervals_from_cells_are_those_from_rows():
    truth, score = scored()
    rows = binary(truth, score, interval=0.95)
    for name, found in scores(truth, score).measures().items():
        assert found.low == pytest.approx(rows[name].low, abs=5e-3, rel=1e-2), name
        assert found.high == pytest.approx(rows[name].high, abs=5e-3, rel=1e-2), name


@pytest.mark.parametrize("threshold", [0.1, 0.29, 0.501, 0.999])
def test_a_threshold_of_three_decimals_is_a_cut(threshold):
    truth, score = scored(odds=0, spread=3)
    theirs = metrics.confusion_matrix(truth, score.round(3) >= threshold)
    tp, fn, fp, tn = scores(truth, score.round(3)).confusion(threshold).tolist()
    assert [[tn, fp], [fn, tp]] == theirs.tolist()


def test_batches_add_up_and_a_corrected_label_takes_back_what_it_had_added():
    truth, score = scored()
    whole = scores(truth[:9], score[:9]) + scores(truth[9:], score[9:])
    corrected = whole - scores(truth[:1], score[:1]) + scores(~truth[:1], score[:1])
    real = truth.copy()
    real[0] = not real[0]
    assert (corrected.counts == scores(real, score).counts).all()
    same(corrected.measures(), binary(real, score), to=1e-3)


def test_scores_are_written_and_read_back_in_little_room():
    kept = scores(*scored(100_000))
    text = json.dumps(kept.to_dict())
    again = Scores.from_dict(json.loads(text))
    assert (again.counts == kept.counts).all()
    assert (again.log_loss, again.squared) == (kept.log_loss, kept.squared)
    assert len(text) < 15_000


@pytest.mark.parametrize(
    ("truth", "score"),
    [([], []), ([None], [None]), ([1, 1], [0.5, 0.5]), ([0], [0.3]), ([0, 1], [float("nan"), 2.0])],
)
def test_what_two_classes_do_not_define_is_nan_and_nothing_raises(truth, score):
    kept = scores(truth, score)
    assert math.isnan(kept.measures()["roc_auc"].value)
    for curve in (curves.roc, curves.precision_recall, curves.lift, curves.gain):
        assert len(curve(kept).x) == len(curve(kept).threshold)
    assert sum(cell.rows for cell in curves.calibration(kept)) == kept.n


def test_curves_go_through_the_points_of_the_rows():
    truth, score = scored(50_000)
    kept = scores(truth, score)
    ours = curves.roc(kept)
    assert ours.y[::50] == pytest.approx([(score[truth] >= t).mean() for t in ours.threshold[::50]])
    assert metrics.auc(ours.x, ours.y) == pytest.approx(
        metrics.roc_auc_score(truth, score), abs=1e-3
    )
    found = curves.precision_recall(kept)
    area = -np.trapezoid(found.y[::-1], found.x[::-1])
    assert area == pytest.approx(metrics.average_precision_score(truth, score), abs=2e-3)
    assert curves.lift(kept).y[-1] == 1.0
    assert curves.gain(kept).y[-1] == 1.0


def test_calibration_is_drawn_as_scikit_learn_draws_it():
    from sklearn.calibration import calibration_curve

    truth, score = scored(20_000)
    came, said = calibration_curve(truth, score, n_bins=10)
    ours = curves.calibration(scores(truth, score))
    assert [cell.came.value for cell in ours] == pytest.approx(came.tolist())
    assert [cell.said for cell in ours] == pytest.approx(said.tolist(), abs=1e-3)


def test_cells_tell_of_several_classes_what_the_rows_tell():
    truth, score = three()
    found = class_scores(truth, score, labels=["a", "b", "c"]).measures()
    same(found, multiclass(truth, score, labels=["a", "b", "c"]), to=1e-12)
    theirs = metrics.roc_auc_score(truth, score, multi_class="ovr")
    assert found["roc_auc"].value == pytest.approx(theirs, abs=1e-3)
    assert found["roc_auc:b"].low < found["roc_auc:b"].value < found["roc_auc:b"].high


def test_several_classes_add_up_subtract_and_come_back_from_text():
    truth, score = three()
    parts = [class_scores(truth[i::2], score[i::2], labels="abc") for i in (0, 1)]
    whole = parts[0] + parts[1]
    again = ClassScores.from_dict(json.loads(json.dumps(whole.to_dict()))) - parts[1]
    assert (again.table == parts[0].table).all()
    assert (again.counts == parts[0].counts).all()
    assert again.log_loss.total == pytest.approx(parts[0].log_loss.total)


def test_many_classes_keep_the_table_alone():
    labels = [f"c{i}" for i in range(80)]
    score = np.random.default_rng(3).dirichlet([1] * 80, 200)
    kept = class_scores(np.array(labels)[score.argmax(axis=1)], score, labels=labels)
    found = kept.measures()
    assert found["accuracy"].value == 1.0
    assert math.isnan(found["roc_auc"].value)


@pytest.mark.parametrize("truth", [[], [None, "z"], ["a"]])
def test_classes_without_rows_are_nan_and_nothing_raises(truth):
    found = class_scores(truth, np.full((len(truth), 2), 0.5), labels=["a", "b"]).measures()
    assert math.isnan(found["roc_auc"].value)
    assert math.isnan(found["accuracy"].value) or truth == ["a"]


def test_sums_tell_of_numbers_what_the_rows_tell():
    truth, said = numbers()
    kept = residuals(truth, said, residual_cuts(*numbers(seed=5)))
    rows = regression(truth, said, interval=0.95)
    for name, found in kept.measures().items():
        assert found.value == pytest.approx(rows[name].value, rel=1e-9), name
        assert found.low == pytest.approx(rows[name].low, rel=1e-6), name
        assert found.high == pytest.approx(rows[name].high, rel=1e-6), name


def test_numbers_far_from_zero_lose_nothing_to_rounding():
    random = np.random.default_rng(6)
    truth = 1e9 + random.normal(size=2_000)
    said = truth + random.normal(0, 0.5, 2_000)
    found = residuals(truth, said, residual_cuts(truth, said)).measures()
    assert found["r2"].value == pytest.approx(metrics.r2_score(truth, said), abs=1e-6)


def test_residuals_add_up_subtract_and_come_back_from_text():
    truth, said = numbers()
    cuts = residual_cuts(truth, said)
    part, rest = (residuals(truth[i::2], said[i::2], cuts) for i in (0, 1))
    whole = Residuals.from_dict(json.loads(json.dumps((part + rest).to_dict())), cuts)
    assert (whole.joint == residuals(truth, said, cuts).joint).all()
    back = (whole - rest).measures()
    for name, found in part.measures().items():
        assert back[name].value == pytest.approx(found.value), name


def test_one_absurd_prediction_leaves_sums_that_still_add_and_are_json():
    kept = residuals([1.0, 2.0], [1e308, 2.0], residual_cuts([1.0, 2.0], [1.0, 2.0]))
    assert kept.n == 1
    json.dumps(kept.to_dict(), allow_nan=False)
    json.dumps(scores([1, 0], [1e308, -5.0]).to_dict(), allow_nan=False)


def test_histograms_of_residuals_hold_every_row():
    truth, said = numbers()
    kept = residuals(truth, said, residual_cuts(*numbers(seed=7)))
    shown = curves.residual_histogram(kept)
    assert len(shown.edges) == len(shown.counts) + 1
    assert shown.counts.sum() + shown.below + shown.above == kept.n
    edges, joint = curves.predicted_against_actual(kept)
    assert joint.shape == (len(edges) + 1, len(edges) + 1)
    assert joint.sum() == kept.n


@pytest.mark.parametrize(
    ("truth", "said"),
    [([], []), ([None], [1.0]), ([1.0], [1.0]), ([2.0, 2.0], [1.0, 3.0]), ([1e308], [-1e308])],
)
def test_numbers_without_spread_are_nan_and_nothing_raises(truth, said):
    for cuts in (residual_cuts([], []), residual_cuts(truth, said)):
        kept = residuals(truth, said, cuts)
        assert math.isnan(kept.measures()["r2"].value)
        assert curves.residual_histogram(kept).counts.sum() <= kept.n
