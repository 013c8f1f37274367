"""Rules are read strictly, and what comes of them is decided from values alone."""

import pytest

from jupyter_mlops.domain.health import of_coverage
from jupyter_mlops.domain.humility import ACTIONS, TRIGGERS, Rule, Subject, read_rules
from jupyter_mlops.domain.limits import NONE, Limits, read
from jupyter_mlops.domain.verdicts import overridden, trial, verdict
from jupyter_mlops.errors import Invalid

FEATURES = [{"name": "age", "type": "number"}, {"name": "plan", "type": "category"}]
BINARY = Subject("binary", [0, 1], FEATURES)
VALUES = Subject("regression", [], FEATURES)


def rule(subject=BINARY, **told):
    (found,) = read_rules([told], subject)
    return found


def test_a_rule_remembers_what_was_written_and_nothing_else():
    found = rule(when="uncertain", between=[0.4, 0.6])
    assert (found.name, found.then, found.low, found.high) == ("uncertain", "note", 0.4, 0.6)
    assert Rule(**{**found.to_dict(), "features": ()}) == found


def test_rules_of_before_are_still_read():
    old = {"name": "a", "when": "missing", "then": "note", "low": 0.0, "high": 0.0}
    assert Rule(**old, features=(), more_than=0.5, value=None).refs == ()


def test_a_word_that_a_trigger_has_no_use_for_is_refused():
    for when in TRIGGERS:
        with pytest.raises(Invalid, match=r"no use for to_ref|needs|not said|does not know"):
            rule(when=when, to_ref="churn:1")


def test_what_a_version_does_not_know_cannot_be_asked_of_it():
    with pytest.raises(Invalid, match="does not know what is usual"):
        rule(when="unusual")
    with pytest.raises(Invalid, match="has no intervals"):
        rule(when="uncertain", wider_than=1)
    with pytest.raises(Invalid, match="mean of its target"):
        rule(VALUES, when="missing", then="override", to="mean")


def test_a_rule_says_what_it_needs_to_be_judged_by():
    assert not Rule("a", "unusual", "note").can_be_judged(NONE)
    assert not Rule("a", "uncertain", "note", wider_than=1.0).can_be_judged(NONE)
    assert Rule("a", "uncertain", "note", wider_than=1.0).can_be_judged(Limits(least={"0.9": 0.1}))
    assert Rule("a", "uncertain", "note", low=0.1, high=0.2).can_be_judged(NONE)


def test_rare_levels_count_as_unseen_when_that_is_asked_for():
    limits = Limits(rare={"plan": {"gold": 0.004, "plus": 0.03}})
    subject = Subject("binary", [0, 1], FEATURES, limits)
    test = trial(rule(subject, when="unseen", rarer_than=0.01), subject)
    assert test({"plan": "gold"}, 0.5, [])
    assert not test({"plan": "plus"}, 0.5, [])
    assert test({"plan": "x"}, 0.5, ["new_level:plan"])
    assert not trial(rule(subject, when="unseen"), subject)({"plan": "gold"}, 0.5, [])


def test_refusing_wins_over_all_and_the_first_change_over_the_others():
    fired = [
        Rule("a", "missing", "review"),
        Rule("b", "missing", "fallback", to_ref="m:1"),
        Rule("c", "missing", "override", value=1),
    ]
    found = verdict(fired)
    assert found.signs == ["humility:a", "humility:b", "humility:c", "review:a"]
    assert found.changed_by == fired[1]
    assert verdict([*fired, Rule("d", "missing", "refuse")]).refused_by == "d"


@pytest.mark.parametrize(("value", "told"), [(-5.0, 0.0), (5.0, 5.0), (50.0, 10.0)])
def test_a_bound_is_the_nearest_one(value, told):
    assert overridden(Rule("a", "outlying", "override", 0.0, 10.0, to="bound"), value) == told


def test_every_action_is_understood():
    words = {"override": {"with": 1}, "fallback": {"to_ref": "m:1"}}
    found = [rule(when="missing", then=then, **words.get(then, {})).then for then in ACTIONS]
    assert found == list(ACTIONS)


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"rows": "x"},
        {"intervals": {"edges": [1], "half": {"0.9": [1]}}},
        {"intervals": {"edges": [], "half": {"0.5": [1]}}},
        {"intervals": {"edges": [], "half": {"0.9": [float("inf")]}}},
        {"cloud": {"features": ["a"], "center": [0], "scale": [0], "root": [[1]]}},
        {"cloud": {"features": ["a"], "center": [], "scale": [1], "root": [[1]], "distances": [1]}},
        {"rare": {"plan": 3}},
        {"rare": 3},
        {"sure": [[1, 2]]},
        {"target": {"mean": "<img>"}},
        {"least": {"0.9": None}},
        "x",
    ],
)
def test_figures_that_are_none_are_refused(told):
    if not told:
        assert read(told) is NONE
        return
    with pytest.raises(Invalid):
        read(told)


def test_an_interval_is_judged_by_what_chance_does_not_explain():
    share = {"value": 0.8, "low": 0.7, "high": 0.88}
    assert of_coverage(0.9, 10, share) == "unknown"
    assert of_coverage(0.85, 100, share) == "passing"
    assert of_coverage(0.9, 100, share) == "warning"
    assert of_coverage(0.95, 100, share) == "failing"
