"""Parity is what fairlearn and a calculation by hand say, and a group too small to tell is unknown."""

import numpy as np
import pytest

from jupyter_mlops.domain.release import MEASURES
from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats.fairness import parity


def people(n=4_000, seed=1):
    """Return truths, answers, scores and groups in which group c is favoured less often."""
    random = np.random.default_rng(seed)
    group = random.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    truth = (random.random(n) < 0.4).astype(int)
    score = np.clip(0.3 + 0.3 * truth - 0.1 * (group == "c") + random.normal(0, 0.2, n), 0, 1)
    return truth, (score > 0.5).astype(int), score, group


def of(rows, measure, key="ratio"):
    return {row["group"]: row[key] for row in rows if row["measure"] == measure}


def test_every_measure_is_told_of_every_group():
    truth, said, _, group = people()
    rows = parity(truth, said, sensitive=group)
    assert {row["measure"] for row in rows} == set(MEASURES)
    assert len(rows) == 3 * len(MEASURES)


def test_it_agrees_with_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics")
    truth, said, _, group = people()
    rows = parity(truth, said, sensitive=group)
    for measure, name in (
        ("demographic_parity", "demographic_parity"),
        ("equalised_odds", "equalized_odds"),
        ("true_favourable_rate", "equal_opportunity"),
    ):
        least = getattr(metrics, f"{name}_ratio")(truth, said, sensitive_features=group)
        most = getattr(metrics, f"{name}_difference")(truth, said, sensitive_features=group)
        assert min(of(rows, measure).values()) == pytest.approx(least)
        assert max(of(rows, measure, "difference").values()) == pytest.approx(most)
    framed = metrics.MetricFrame(
        metrics={"rate": metrics.selection_rate, "tnr": metrics.true_negative_rate},
        y_true=truth,
        y_pred=said,
        sensitive_features=group,
    ).by_group
    assert of(rows, "proportional_parity", "value") == pytest.approx(framed["rate"].to_dict())
    assert of(rows, "true_unfavourable_rate", "value") == pytest.approx(framed["tnr"].to_dict())


def test_a_case_worked_by_hand():
    #          a: 4 true yes, 1 no; 1 false yes, 4 no      b: 2 true yes, 2 no; 2 false yes, 4 no
    truth = [1] * 5 + [0] * 5 + [1] * 4 + [0] * 6
    said = [1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0]
    score = [0.9] * 5 + [0.2] * 5 + [0.6] * 4 + [0.3] * 6
    rows = parity(truth, said, sensitive=["a"] * 10 + ["b"] * 10, score=score)
    told = {measure: of(rows, measure, "value")["b"] for measure in MEASURES}
    assert told["proportional_parity"] == pytest.approx(4 / 10)
    assert told["equal_parity"] == pytest.approx(4)
    assert told["favourable_balance"] == pytest.approx(0.6)
    assert told["unfavourable_balance"] == pytest.approx(0.3)
    assert told["true_favourable_rate"] == pytest.approx(2 / 4)
    assert told["true_unfavourable_rate"] == pytest.approx(4 / 6)
    assert told["favourable_predictive_value"] == pytest.approx(2 / 4)
    assert told["unfavourable_predictive_value"] == pytest.approx(4 / 6)
    assert of(rows, "demographic_parity")["b"] == pytest.approx(4 / 5)
    assert of(rows, "favourable_balance")["b"] == pytest.approx(0.6 / 0.9)
    assert of(rows, "equalised_odds")["b"] == pytest.approx((2 / 4) / (4 / 5))
    assert of(rows, "equalised_odds", "difference")["b"] == pytest.approx(4 / 5 - 2 / 4)
    assert {row["status"] for row in rows} == {"unknown"}  # ten rows tell nothing


def test_what_is_surely_unfair_fails_and_what_is_surely_fair_passes():
    random = np.random.default_rng(2)
    group = np.repeat(["a", "b", "c"], 3_000)
    chance = np.repeat([0.5, 0.5, 0.2], 3_000)
    said = (random.random(9_000) < chance).astype(int)
    rows = parity(random.integers(0, 2, 9_000), said, sensitive=group)
    told = of(rows, "proportional_parity", "status")
    assert told == {"a": "passing", "b": "passing", "c": "failing"}


def test_an_interval_holds_the_true_ratio_about_as_often_as_it_says():
    random, held, rounds = np.random.default_rng(3), 0, 200
    group = np.repeat(["a", "b"], 400)
    for _ in range(rounds):
        said = (random.random(800) < np.repeat([0.6, 0.45], 400)).astype(int)
        rows = parity(said, said, sensitive=group)
        row = next(r for r in rows if (r["measure"], r["group"]) == ("proportional_parity", "b"))
        held += row["low"] <= 0.75 <= row["high"]
    assert 0.91 <= held / rounds <= 0.99


def test_classes_of_any_name_attributes_and_pairs_of_them():
    truth, said, _, group = people()
    names = np.array(["no", "yes", "later"], dtype=object)
    other = np.where(np.arange(len(truth)) % 2, "x", None)
    rows = parity(
        names[truth], names[said], sensitive={"sex": group, "age": other}, favourable="yes"
    )
    assert {row["attribute"] for row in rows} == {"sex", "age", "sex & age"}
    assert "a & missing" in {row["group"] for row in rows}
    plain = parity(truth, said, sensitive=group)
    named = [row for row in rows if row["attribute"] == "sex"]
    assert of(named, "equalised_odds") == pytest.approx(of(plain, "equalised_odds"))


def test_none_of_a_few_is_not_taken_for_never():
    said = [0] * 40 + [1] * 20 + [0] * 380
    rows = parity(said, said, sensitive=["few"] * 40 + ["many"] * 400)
    told = next(r for r in rows if (r["measure"], r["group"]) == ("proportional_parity", "few"))
    assert (told["ratio"], told["low"]) == (0, 0)
    assert told["high"] > 0.8  # one in twenty may well be none of forty
    assert told["status"] == "unknown"


def test_nobody_favoured_is_equal_and_nothing_at_all_is_no_row():
    rows = parity([1, 0] * 50, [0] * 100, sensitive=["a", "b"] * 50)
    assert set(of(rows, "proportional_parity").values()) == {1.0}
    assert parity([], [], sensitive=[]) == []
    assert parity([None], [1], sensitive=["a"]) == []


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(Invalid, match="one length"):
        parity([1, 0], [1], sensitive=["a", "b"])
    with pytest.raises(Invalid, match="one length"):
        parity([1, 0], [1, 0], sensitive=["a"])
