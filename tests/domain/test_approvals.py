"""What it takes to approve."""

from dataclasses import replace

import pytest

from jupyter_mlops.domain.access import Actor, reaches
from jupyter_mlops.domain.approvals import (
    DEFAULTS,
    Case,
    check_may_approve,
    check_may_decide,
    is_bound,
    is_complete,
    read_policy,
    statement,
)
from jupyter_mlops.errors import Conflict, Refused

LOW, MODERATE, HIGH, CRITICAL = DEFAULTS
NOW = "2026-11-24T00:00:00.000000Z"
ALICE, BOB = Actor("alice"), Actor("bob")
CASE = Case(
    request=1,
    ref="churn:1",
    state="open",
    expires_at="2026-12-01T00:00:00.000000Z",
    author="alice",
    requester="alice",
    checks_passed=True,
    one_person=False,
    decided_by=(),
)
BOUND = {
    "request": 1,
    "manifest_digest": "sha256:m",
    "deployment": "p",
    "role": "champion",
    "policy_digest": "sha256:p",
    "evidence_digest": "sha256:e",
    "nonce": "n",
}


def test_a_low_risk_may_be_approved_by_its_author():
    check_may_approve(ALICE, CASE, LOW, now=NOW)


def test_nobody_approves_their_own_moderate_work():
    with pytest.raises(Refused) as refused:
        check_may_approve(ALICE, CASE, MODERATE, now=NOW)
    assert refused.value.code == "self_approval"


def test_the_requester_counts_as_one_who_made_it():
    with pytest.raises(Refused, match="Nobody approves their own work"):
        check_may_approve(BOB, replace(CASE, requester="bob"), MODERATE, now=NOW)


def test_somebody_else_may_approve_moderate_work():
    check_may_approve(BOB, CASE, MODERATE, now=NOW)


def test_the_only_person_of_a_workspace_may_approve_moderate_work():
    check_may_approve(ALICE, replace(CASE, one_person=True), MODERATE, now=NOW)


@pytest.mark.parametrize("policy", [HIGH, CRITICAL])
def test_high_risk_waits_for_more_than_a_cell_can_give(policy):
    with pytest.raises(Refused) as refused:
        check_may_approve(ALICE, replace(CASE, one_person=True), policy, now=NOW)
    assert refused.value.code == "assurance_too_low"
    assert "Nothing was decided" in refused.value.message


def test_a_failed_check_stops_an_approval_but_not_a_rejection():
    case = replace(CASE, checks_passed=False)
    with pytest.raises(Refused, match="release check failed"):
        check_may_approve(BOB, case, LOW, now=NOW)
    check_may_decide(BOB, case, now=NOW)


@pytest.mark.parametrize("state", ["approved", "rejected", "carried out", "void"])
def test_a_closed_request_is_not_decided_again(state):
    with pytest.raises(Conflict, match="nothing left to decide"):
        check_may_decide(BOB, replace(CASE, state=state), now=NOW)


def test_an_expired_request_is_not_decided():
    with pytest.raises(Refused, match="expired"):
        check_may_decide(BOB, replace(CASE, expires_at=NOW), now=NOW)


def test_a_service_never_decides():
    with pytest.raises(Refused, match="waits for a person"):
        check_may_decide(Actor("ci", kind="service"), CASE, now=NOW)


def test_nobody_decides_twice():
    with pytest.raises(Conflict, match="already decided"):
        check_may_decide(BOB, replace(CASE, decided_by=("bob",)), now=NOW)


def test_assurances_are_ordered():
    assert reaches("signed", "authenticated")
    assert not reaches("recorded", "authenticated")


def test_two_approvals_by_one_person_are_one():
    given = {"person": "bob", "outcome": "approved", "assurance": "authenticated"}
    assert not is_complete(HIGH, [given, given])
    assert is_complete(HIGH, [given, {**given, "person": "carol"}])


def test_weaker_approvals_do_not_count():
    given = [{"person": p, "outcome": "approved", "assurance": "recorded"} for p in "ab"]
    assert not is_complete(HIGH, given)


def test_a_policy_reads_back_as_it_was_written():
    assert [read_policy(policy.canonical()) for policy in DEFAULTS] == list(DEFAULTS)


@pytest.mark.parametrize("changed", sorted(BOUND))
def test_a_decision_about_something_else_does_not_count(changed):
    told = statement(
        verdict="approved",
        ref="churn:1",
        decider="bob",
        decided_at=NOW,
        expires_at=NOW,
        comment="",
        **BOUND,
    )
    assert is_bound(told, **BOUND)
    other = 2 if changed == "request" else "other"
    assert not is_bound(told, **{**BOUND, changed: other})
