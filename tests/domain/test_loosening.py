"""What a changed policy would no longer ask: no way around it is free."""

import pytest

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.governing import Proposed, as_typed, may_at_once, read_proposed
from jupyter_mlops.domain.loosening import loosened
from jupyter_mlops.domain.policies import CAME, Change, together
from jupyter_mlops.domain.policy_reading import as_plain, kept, read

FULL = {
    "for": {"subject": ["deployment", "replacement"], "risk": ["low"], "deployment": "churn-*"},
    "asks": {
        "approvers": 3,
        "assurance": "authenticated",
        "roles": ["risk", "ops"],
        "checks": ["latency"],
        "documents": ["model-risk"],
        "protected": ["sex"],
        "fairness": {"proportional_parity": 0.8},
        "review_every": "365d",
        "valid": "7d",
        "on_timeout": "reject",
        "tell": ["ops"],
    },
}
WRITTEN = read("p", FULL)
KNOWN = [*CAME, WRITTEN]


def changed(**parts):
    asks = {name: told for name, told in {**FULL["asks"], **parts}.items() if told is not None}
    return read("p", {"for": FULL["for"], "asks": asks})


def scoped(**parts):
    scope = {name: told for name, told in {**FULL["for"], **parts}.items() if told is not None}
    return read("p", {"for": scope, "asks": FULL["asks"]})


@pytest.mark.parametrize(
    "after",
    [
        changed(approvers=2),
        changed(assurance="recorded"),
        changed(other_than_author=False),
        changed(roles=["risk"]),
        changed(checks=None),
        changed(documents=["annex-iv"]),
        changed(protected=None),
        changed(fairness={"proportional_parity": 0.7}),
        changed(fairness={"equal_parity": 0.9}),
        changed(review_every="400d"),
        changed(review_every=None),
        changed(valid="8d"),
        changed(on_timeout="expire"),
        changed(tell=None),
        scoped(subject="deployment"),
        scoped(risk="critical"),
        scoped(tags="eu"),
        scoped(role="champion"),
        scoped(model="churn"),
        scoped(deployment="churn-p*"),
        scoped(deployment=["churn-", "churn-prod", "churn-x"]),
        scoped(deployment="churn-?"),
        None,
    ],
)
def test_every_way_to_ask_for_less_takes_what_is_asked_now(after):
    taken = loosened(KNOWN, "p", after, deployments=["churn-prod"])
    assert taken is not None
    assert (taken.approvers, taken.assurance, taken.roles) == (
        3,
        "authenticated",
        ("ops", "risk"),
    )


@pytest.mark.parametrize(
    "after",
    [
        WRITTEN,
        changed(approvers=4, roles=["risk", "ops", "legal"], valid="6d"),
        changed(fairness={"proportional_parity": 0.9, "equal_parity": 0.8}),
        changed(review_every="30d", remind="1d"),
        scoped(risk=None),
        scoped(deployment="*"),
        scoped(deployment=["churn-*", "fraud"]),
        scoped(deployment="chu*"),
        scoped(subject=None, deployment=None),
    ],
)
def test_what_asks_for_more_is_free(after):
    assert loosened(KNOWN, "p", after, deployments=["churn-prod"]) is None


def test_loosening_takes_what_others_ask_of_the_same_change():
    """A weak policy of strict changes may not be lost by what a weak change takes."""
    weak = read("weak", {"for": {"risk": "critical"}, "asks": {"checks": ["latency"]}})
    taken = loosened([*CAME, weak], "weak", None)
    assert (taken.approvers, taken.assurance, taken.risk) == (2, "signed", "critical")


def test_a_new_policy_loosens_nothing():
    assert loosened(CAME, "new", read("new", {})) is None


def test_a_policy_is_written_back_as_a_person_would_write_it():
    assert read("p", as_plain(WRITTEN)) == WRITTEN
    assert kept("p", WRITTEN.canonical()) == WRITTEN
    assert as_plain(read("q", {})) == {"asks": {"approvers": 1, "assurance": "recorded"}}


def test_roles_of_several_policies_need_a_person_each():
    one = read("one", {"asks": {"roles": ["risk"]}})
    two = read("two", {"asks": {"roles": ["ops"]}})
    assert together([one, two], Change("rules", "low")).approvers == 2


@pytest.mark.parametrize(
    ("asks", "actor", "one_person", "may"),
    [
        ({}, Actor("owner"), True, True),
        ({}, Actor("ada"), False, False),
        ({"other_than_author": False}, Actor("ada"), False, True),
        ({}, Actor("server", kind="service"), True, False),
        ({"approvers": 2}, Actor("owner"), True, False),
        ({"assurance": "signed"}, Actor("owner"), True, False),
        ({"assurance": "signed"}, Actor("owner", assurance="signed"), True, True),
        ({"roles": ["risk"]}, Actor("owner"), True, False),
    ],
)
def test_doing_it_is_the_decision_only_where_one_person_may_decide(asks, actor, one_person, may):
    asked = together([read("p", {"asks": asks})], Change("rules", "low"))
    assert may_at_once(actor, asked, one_person=one_person) is may


@pytest.mark.parametrize(
    ("verb", "told", "typed"),
    [
        ("policy", {"name": "bank", "from_code": "bank"}, "%mlops policy bank --from bank"),
        ("policy", {"name": "firm", "withdraw": True}, "%mlops policy firm --withdraw"),
        ("rules", {"deployment": "shop", "text": "{}\n"}, "%%mlops rules shop\n{}"),
        ("retire", {"deployment": "shop", "anyway": False}, "%mlops retire shop"),
    ],
)
def test_a_frozen_change_is_told_in_the_words_that_make_it(verb, told, typed):
    assert as_typed(Proposed("policy", "x", verb, told)) == typed


def test_a_frozen_change_reads_back_as_it_was():
    change = Proposed("rules", "shop", "rules", {"text": "日本 </script>"}, before="sha256:a")
    assert read_proposed(change.canonical()) == change
    assert change.ref == "rules:shop"
