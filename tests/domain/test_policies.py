"""Which policies apply to a change, and what they ask together."""

import pytest

from jupyter_mlops.domain.policies import CAME, Change, is_looser, together
from jupyter_mlops.domain.policy_reading import kept, read
from jupyter_mlops.errors import Invalid

CHANGE = Change("replacement", "moderate", deployment="churn-prod", model="churn", tags=("eu",))


def test_what_a_workspace_comes_with_asks_by_risk():
    asked = {
        risk: together(CAME, Change("deployment", risk)) for risk in ("low", "high", "critical")
    }
    assert (asked["low"].approvers, asked["low"].other_than_author) == (1, False)
    assert (asked["high"].approvers, asked["high"].assurance) == (2, "authenticated")
    assert (asked["critical"].distinct_roles, asked["critical"].assurance) == (2, "signed")


def test_of_all_that_speak_of_a_change_the_strictest_counts():
    more = read("eu", {"for": {"tags": ["eu"]}, "asks": {"approvers": 2, "roles": ["risk"]}})
    asked = together([*CAME, more], CHANGE)
    assert (asked.approvers, asked.roles, asked.assurance) == (2, ("risk",), "recorded")
    assert together([*CAME, more], Change("replacement", "moderate")).approvers == 1


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        ({"deployment": "churn-*"}, True),
        ({"deployment": "fraud-*"}, False),
        ({"subject": "rules"}, False),
        ({"risk": ["high", "moderate"]}, True),
        ({"model": ["churn"], "role": "challenger"}, False),
    ],
)
def test_a_policy_speaks_of_what_its_scope_says(scope, holds):
    assert read("p", {"for": scope}).scope.holds(CHANGE) is holds


def test_a_policy_reads_back_as_it_was_written():
    written = read(
        "p", {"for": {"risk": "high"}, "asks": {"valid": "7d", "roles": ["risk", "ops"]}}
    )
    assert kept("p", written.canonical()) == written


def test_asking_for_less_in_any_respect_is_looser():
    two = together([read("p", {"asks": {"approvers": 2}})], CHANGE)
    one = together([read("p", {"asks": {"roles": ["risk"]}})], CHANGE)
    assert is_looser(one, two)
    assert not is_looser(two, two)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"ask": {}}, "ask is nothing that a policy knows"),
        ({"asks": {"approver": 1}}, "approver is nothing that `asks` knows"),
        ({"asks": {"approvers": True}}, "approvers has to be a whole number"),
        ({"asks": {"approvers": 0}}, "approvers has to be a whole number"),
        ({"asks": {"assurance": "sure"}}, "sure is nothing that `assurance` knows"),
        ({"asks": {"valid": "²"}}, "valid has to be a number of days"),
        ({"asks": {"roles": [1]}}, "roles has to be a word or a list"),
        ({"for": []}, "`for` has to be a mapping"),
        ({"for": {"risk": "higher"}}, "higher is nothing that `risk` knows"),
    ],
)
def test_what_is_no_policy_is_named(told, says):
    with pytest.raises(Invalid, match=says):
        read("p", told)
