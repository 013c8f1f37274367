"""Policies written by people: what is in force, what loosening takes, and what is asked for instead."""

import pytest

from fakes import Clock
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import Corrupt, Invalid, NotFound, Refused, UsageError
from jupyter_mlops.services import approvals, audit, governed, laid_down
from jupyter_mlops.services.overview import overview
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables

TWO = "for: {risk: moderate}\nasks: {approvers: 2}\n"
SURE = "for: {risk: moderate}\nasks: {approvers: 2, assurance: signed}\n"


@pytest.fixture(scope="module")
def still(shared_where):
    """A workspace in which nothing is put in force."""
    ws = open_local(shared_where, clock=Clock())
    yield ws
    assert numbers(ws) == {}
    ws.engine.dispose()


@pytest.fixture
def ws(where):
    ws = open_local(where, clock=Clock())
    yield ws
    ws.engine.dispose()


def as_person(ws, name, assurance="signed"):
    return ws.as_actor(Actor(name, assurance=assurance))


def actions(ws):
    return [row["action"] for row in audit.audit(ws, limit=20)["items"]]


def numbers(ws):
    with ws.look() as session:
        return {name: row.number for name, row in laid_down.newest(session).items()}


def test_a_workspace_comes_with_a_policy_for_each_risk(still):
    rows = policy(still)["items"]
    assert [row["name"] for row in rows] == ["low", "moderate", "high", "critical"]
    assert rows[2]["number"] == 0
    assert "assurance: authenticated" in rows[2]["text"]
    assert rows[2]["speaks_of"] == "first release, replacement · risk: high"


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        ("moderat", "", NotFound, "did you mean moderate"),
        ("new", "asks: [1]", Invalid, "`asks` has to be a mapping"),
        ("new", "asks: {checks: [rowbyrow]}", Invalid, "did you mean row_by_row"),
        ("new", "asks: {documents: [model-risks]}", Invalid, "did you mean model-risk"),
        ("new", "a: &x 1\nb: *x", Invalid, "an alias"),
        ("people", "asks: {}", Invalid, "asks is nothing that the list of people knows"),
        ("../etc", "asks: {}", Invalid, "etc"),
        ("", "asks: {}", UsageError, "needs a name"),
        ("new", "for: {deployment: 'a[b]'}", Invalid, "deployment has to be a name"),
        ("new", "asks: {approvers: 1, roles: [a, b]}", Invalid, "2 roles cannot be had of 1"),
        ("new", r'asks: {tell: ["\e[31m"]}', Invalid, "without control characters"),
        ("new", "asks: {fairness: {parity: 0.8}}", Invalid, "did you mean"),
        ("new", "asks: {review_every: 0d}", Invalid, "a number of days"),
        ("new", "asks: {approvers: 99999999999999999999}", Invalid, "too large"),
    ],
)
def test_what_cannot_be_a_policy_is_said(still, name, text, error, says):
    with pytest.raises(error, match=says):
        policy(still, name, text)


def test_what_asks_for_more_is_in_force_at_once_and_every_version_is_kept(ws):
    told = policy(ws, "eu", "for: {tags: [eu]}\nasks: {approvers: 2}\n", reason="new rule")
    assert (told["changed"], told["items"][0]["number"]) == (True, 1)
    assert policy(ws, "eu", "for: {tags: [eu]}\nasks: {approvers: 2}\n")["changed"] is False
    policy(ws, "eu", "for: {tags: [eu]}\nasks: {approvers: 3}\n")
    assert numbers(ws) == {"eu": 2}
    assert actions(ws).count("policy:change:done") == 2


def test_loosening_takes_what_it_loosens_and_waits_as_a_request(ws):
    policy(ws, "firm", SURE)
    with pytest.raises(Refused, match="request 1 asks for it") as refused:
        policy(ws, "firm", "for: {risk: moderate}\nasks: {approvers: 1}\n", reason="too slow")
    assert refused.value.code == "change_requested"
    assert numbers(ws) == {"firm": 1}
    assert {"request:opening:done", "policy:change:refused"} <= set(actions(ws))
    asked = approvals.requests(ws)["items"][0]
    assert (asked["kind"], asked["ref"], asked["role"]) == ("policy", "policy:firm", "")
    assert asked["proposal"].startswith("%%mlops policy firm\nfor: {risk: moderate}")
    assert any("policy:firm" in row["because"] for row in overview(ws)["attention"])
    with pytest.raises(Refused):  # the same again opens no second request
        policy(ws, "firm", "for: {risk: moderate}\nasks: {approvers: 1}\n", reason="too slow")
    assert len(approvals.requests(ws)["items"]) == 1
    with pytest.raises(Refused, match="assurance"):
        approvals.approve(ws, 1)


def test_an_approved_change_is_carried_out_once(ws):
    policy(ws, "firm", TWO)
    with pytest.raises(Refused):
        policy(ws, "firm", withdraw=True, reason="over")
    assert approvals.approve(as_person(ws, "ada"), 1)["state"] == "open"
    done = approvals.approve(as_person(ws, "bob"), 1)
    assert (done["state"], done["because"]) == ("carried out", "✓ policy:firm is carried out")
    assert "firm" not in [row["name"] for row in policy(ws)["items"]]
    policy(ws, "firm", TWO)
    with pytest.raises(Refused, match="request 2"):  # it carried that change out once
        policy(ws, "firm", withdraw=True)


def test_a_change_of_something_else_is_not_carried_out(ws):
    """What was agreed to was to replace what held then."""
    policy(ws, "firm", TWO)
    with pytest.raises(Refused):
        policy(ws, "firm", withdraw=True)
    approvals.approve(as_person(ws, "ada"), 1)
    policy(ws, "firm", TWO.replace("approvers: 2", "approvers: 3"))
    done = approvals.approve(as_person(ws, "bob"), 1)
    assert done["state"] == "approved"
    assert "not carried out" in done["because"]
    assert numbers(ws) == {"firm": 2}


def test_a_change_that_somebody_edited_is_found(ws):
    policy(ws, "firm", TWO)
    with pytest.raises(Refused):
        policy(ws, "firm", withdraw=True)
    with ws.act("test:edit", subject="request:1") as act:
        row = act.session.get_one(tables.Request, 1)
        row.change = row.change.replace("firm", "high")
        act.session.add(row)
    assert "nobody can decide it" in approvals.requests(ws)["items"][0]["proposal"]
    with pytest.raises(Corrupt, match="changed after it was asked"):
        approvals.approve(as_person(ws, "ada"), 1)
    assert numbers(ws) == {"firm": 1}


def test_a_policy_that_was_put_into_the_store_is_not_believed(ws):
    """What the audit log does not tell of was not written by this word."""
    policy(ws, "firm", TWO)
    with ws.act("test:forging", subject="test") as act:
        act.session.add(
            tables.PolicyVersion(
                name="firm", number=2, digest=chain.digest("{}"), text="", body="{}",
                actor={}, at=ws.now(),
            )
        )  # fmt: skip
    with pytest.raises(Corrupt, match="policy firm was changed"):
        policy(ws)


@pytest.mark.parametrize(
    "text",
    [
        "for: {risk: moderate}\nasks: {approvers: 2}\n",
        "for: {risk: moderate, deployment: x}\nasks: {approvers: 2, assurance: signed}\n",
        "for: {risk: low}\nasks: {approvers: 2, assurance: signed}\n",
        "for: {risk: moderate}\nasks: {approvers: 2, assurance: signed, valid: 30d}\n",
    ],
)
def test_no_way_to_ask_for_less_is_free(ws, text):
    policy(ws, "firm", SURE)
    with pytest.raises(Refused) as refused:
        policy(ws, "firm", text)
    assert refused.value.code == "change_requested"


def test_a_person_alone_may_loosen_what_one_person_gives(ws):
    policy(
        ws, "moderate", "for: {risk: moderate}\nasks: {approvers: 1, other_than_author: false}\n"
    )
    assert numbers(ws) == {"moderate": 1}
    with pytest.raises(Refused):
        policy(ws, "high", "for: {risk: high}\nasks: {approvers: 1}\n")


def test_any_deed_can_be_governed_by_two_calls(ws):
    """What belongs to no deployment is asked for alike, and said again once it is approved."""
    policy(ws, "privacy", "for: {subject: erasure}\nasks: {approvers: 2}\n")
    asking = governed.asking("erasure", "ann", "erase", {"name": "ann"})
    with pytest.raises(Refused, match="request 1 asks for it"):
        governed.check(ws, asking, "subject:erasure", subject="subject:ann")
    with pytest.raises(Refused, match="has changed meanwhile"), ws.act("x:y", subject="s") as act:
        governed.spend(ws, act, asking)
    approvals.approve(as_person(ws, "bob"), 1)
    done = approvals.approve(as_person(ws, "ada"), 1)
    assert (done["state"], done["because"]) == (
        "approved",
        "Approved; now say `%mlops erase ann` again.",
    )
    governed.check(ws, asking, "subject:erasure", subject="subject:ann")
    with ws.act("subject:erasure", subject="subject:ann") as act:
        governed.spend(ws, act, asking)
        assert act.after["request"] == 1
    assert approvals.requests(ws)["items"][0]["state"] == "carried out"
    with pytest.raises(Refused, match="request 2 asks for it"):
        governed.check(ws, asking, "subject:erasure", subject="subject:ann")


def test_ready_made_policies_are_shown_and_then_put_in_force(ws):
    shown = policy(ws, from_code="bank")
    assert (shown["code"], numbers(ws)) == ("bank", {})
    assert "# SR 26-2" in shown["items"][0]["text"]
    policy(ws, "bank", from_code="bank")
    assert set(numbers(ws)) == {"bank-material", "bank-credit", "bank-rules"}
    with pytest.raises(NotFound, match="did you mean bank"):
        policy(ws, from_code="banks")


def test_words_that_do_not_go_together_are_said(still):
    with pytest.raises(UsageError, match="--who, --from"):
        policy(still, who="a:1", from_code="bank")
    with pytest.raises(UsageError, match="--for says where"):
        policy(still, for_deployment="shop")
    with pytest.raises(Refused, match="nothing to withdraw"):
        policy(still, "low", withdraw=True)
    with pytest.raises(UsageError, match="a cell"):
        policy(still, "x", "asks: {}", withdraw=True)
