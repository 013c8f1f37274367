"""Which gate a version goes through, and when it is raised or taken back."""

import doctest

import pytest

from jupyter_mlops.domain import gates
from jupyter_mlops.domain.gates import Facts, Pace, Seen, Side, choose, judge
from jupyter_mlops.errors import Invalid

WELL = Side(answered=400, p95=2.0)


def test_its_examples_are_true():
    assert doctest.testmod(gates).failed == 0


@pytest.mark.parametrize(
    ("facts", "gate"),
    [
        (Facts(False, "critical", 0, "weak"), "swap"),
        (Facts(True, "moderate", 5, "weak"), "swap"),
        (Facts(True, "moderate", 5000, "strong"), "canary"),
        (Facts(True, "moderate", 5000, "weak"), "shadow"),
        (Facts(True, "low", 5000, "strong"), "swap"),
        (Facts(True, "low", 5000, "weak"), "canary"),
        (Facts(True, "high", 5, "strong"), "shadow"),
    ],
)
def test_the_gate_follows_from_risk_traffic_and_evidence(facts, gate):
    assert choose(facts).gate == gate


def test_a_step_is_held_until_it_has_rows_and_minutes():
    pace = Pace(rows=200, minutes=10)
    assert judge(Seen(WELL, WELL, minutes=9, rows=400), pace).do == "wait"
    assert judge(Seen(WELL, WELL, minutes=99, rows=199), pace).do == "wait"
    assert judge(Seen(WELL, WELL, minutes=10, rows=200), pace).do == "raise"


def test_a_step_is_held_while_more_fails_than_was_agreed():
    unsure = Side(answered=290, failed=10)
    seen = Seen(unsure, WELL, minutes=60, rows=300, more_errors=2.0)
    assert judge(seen, Pace(), agreed_errors=0.01).do == "wait"
    assert judge(seen, Pace(), agreed_errors=0.05).do == "raise"


def test_two_failures_or_one_in_a_thousand_take_nothing_back():
    two = Side(answered=10, failed=2)
    few = Side(answered=9990, failed=10)
    for mine in (two, few):
        assert judge(Seen(mine, WELL, minutes=1, rows=10, more_errors=1e6), Pace()).do == "wait"


def test_what_the_champion_does_not_hold_either_is_not_the_canary_s_fault():
    ill = Side(answered=90, failed=10)
    seen = Seen(ill, ill, minutes=1, rows=100, above_objective=1e6)
    assert judge(seen, Pace(), agreed_errors=0.01).do == "wait"
    seen = Seen(ill, WELL, minutes=1, rows=100, above_objective=1e6)
    assert judge(seen, Pace(), agreed_errors=0.01).fault == "objective_errors"


@pytest.mark.parametrize(
    "told",
    [
        {"step": [0.1]},
        {"steps": [0.5, 0.1]},
        {"steps": [0.1, 0.1]},
        {"steps": [0, 0.5]},
        {"steps": [1.0]},
        {"steps": "all"},
        {"rows": -1},
        {"minutes": "ten"},
        {"agreement": 2},
        [0.1],
    ],
)
def test_a_pace_that_is_none_is_refused(told):
    with pytest.raises(Invalid) as error:
        gates.read_pace(told)
    assert error.value.code == "rules_invalid"
