"""Requests that wait: expiry said once, reminders, and those that are carried out by themselves."""

import json

import pytest

from asked import ANN, BOB, CARL, asks, carries_out, events, state
from jupyter_mlops.domain.approvals import DEFAULTS, REMIND_DAYS
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import approvals, deployments, evidence, waiting, watching
from jupyter_mlops.services.commenting import comment
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables


@pytest.fixture
def ws(where, clock):
    """A workspace with a clock, and no server."""
    ws = open_local(where, clock=clock)
    yield ws
    ws.engine.dispose()


def hears(ws):
    """Let a webhook hear of warnings."""
    with ws.act("webhook:change", subject="webhook") as act:
        act.session.add(
            tables.Webhook(
                name="webhook", url="https://example.org/hook", secret="whsec_eA==",
                severities=["warning"], at=ws.now(),
            )
        )  # fmt: skip


def messages(ws):
    """Return what waits to be sent."""
    with ws.look() as session:
        return [json.loads(row.body) for row in session.query(tables.Delivery).all()]


def test_that_a_request_expired_is_said_once_by_the_watcher(ws, clock):
    hears(ws)
    waits, done = asks(ws), asks(ws, 2)
    approvals.reject(ws.as_actor(BOB), done)
    clock.turn(days=13)
    comment(ws.as_actor(BOB), waits, "I am on it")
    clock.turn(days=2)
    assert state(ws, waits) == "expired"  # also before anybody says so
    assert watching.watched(ws).opened == 0
    watching.watched(ws)
    (event,) = events(ws, "request:expiry")
    assert (event["subject"], event["before"]) == (f"request:{waits}", {"state": "open"})
    assert (event["actor"]["id"], event["actor"]["kind"]) == ("watcher", "service")
    assert [(one["type"], one["data"]["id"]) for one in messages(ws)] == [
        ("request.expired", waits)
    ]
    assert state(ws, done) == "rejected"


def test_what_is_carried_out_in_time_does_not_expire_on_the_way(ws, clock):
    request = asks(ws)
    approvals.approve(ws.as_actor(BOB), request)
    number = carries_out(ws, request)
    with ws.act("test:rollout", subject="test") as act:
        act.session.get_one(tables.Rollout, number).state = "loading"
        act.session.get_one(tables.Request, request).state = "approved"
    clock.turn(days=15)
    assert waiting.look_after(ws) == (0, 0)
    carries_out(ws, request)
    assert state(ws, request) == "carried out"


def test_a_request_that_waits_long_is_brought_to_mind_every_few_days(ws, clock):
    hears(ws)
    request = asks(ws)
    clock.turn(days=REMIND_DAYS - 1)
    assert waiting.look_after(ws) == (0, 0)
    clock.turn(days=1)
    assert [waiting.look_after(ws) for _ in range(2)] == [(0, 1), (0, 0)]
    clock.turn(days=REMIND_DAYS)
    assert waiting.look_after(ws) == (0, 1)
    assert len(events(ws, "request:reminder:sent")) == 2
    (first, _) = messages(ws)
    assert (first["type"], first["data"]["ref"]) == ("request.waiting", "churn:1")
    assert first["data"]["requested_at"] < first["timestamp"]
    (one,) = approvals.requests(ws, str(request))["items"]
    assert one["comments"] == []  # they are nobody's words


@pytest.mark.parametrize("policy", DEFAULTS, ids=lambda one: one.risk)
def test_every_policy_reminds_before_a_request_expires(policy):
    assert 0 < policy.remind_days < 14


def test_nobody_is_reminded_of_what_waits_for_whoever_asked(ws, clock):
    comment(ws.as_actor(BOB), asks(ws), "why?", changes=True)
    clock.turn(days=REMIND_DAYS)
    assert waiting.look_after(ws) == (0, 0)
    assert messages(ws) == []


def test_a_request_with_that_wish_is_carried_out_by_the_last_approval(ws, monkeypatch):
    asked = []

    def deploy(_, ref, **more):
        asked.append((ref, more))
        return {"share": 1.0}

    monkeypatch.setattr(deployments, "deploy", deploy)
    policy(ws, "firm", "asks: {approvers: 2}")
    request = asks(ws, apply=True)
    assert approvals.approve(ws.as_actor(BOB), request)["state"] == "open"
    assert asked == []
    told = approvals.approve(ws.as_actor(CARL), request)
    ((ref, more),) = asked
    assert (ref, more["to"], more["role"]) == ("churn:1", "shop", "champion")
    assert str(request) in more["reason"]
    assert told["because"] == "churn:1 was carried out to shop at once, as was wished."


def test_without_that_wish_an_approval_carries_nothing_out(ws, monkeypatch):
    monkeypatch.delattr(deployments, "deploy")
    told = approvals.approve(ws.as_actor(BOB), asks(ws))
    assert (told["state"], told["apply"], told["because"]) == ("approved", False, "")


def test_a_failing_deploy_leaves_the_approval_and_says_so(ws, monkeypatch):
    def refuses(*_, **__):
        raise Refused("Nothing is live at shop.", code="nothing_live")

    monkeypatch.setattr(deployments, "deploy", refuses)
    request = asks(ws, apply=True)
    told = approvals.approve(ws.as_actor(BOB), request)
    assert (told["state"], state(ws, request)) == ("approved", "approved")
    assert "Nothing is live at shop." in told["because"]
    assert "The approval stands." in told["because"]
    (event,) = events(ws, "request:application:failed")
    assert event["after"]["code"] == "nothing_live"


def test_the_wish_is_part_of_what_was_approved(ws):
    request = asks(ws, apply=True)
    with ws.look() as session:
        frozen = json.loads(session.get_one(tables.Request, request).evidence)
    assert frozen["apply"] is True


def test_evidence_holds_what_documents_were_written_and_where_a_version_comes_from(ws):
    request = asks(ws.as_actor(ANN))
    card, document = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    for template, digest in (("card", card), ("annex-iv", document)):
        with ws.act("document:writing", subject="version:churn:1") as act:
            act.outcome, act.after = "written", {"template": template, "digest": digest}
    found = evidence.gather(ws, "churn:1", "shop", [])
    assert (found["card"], found["document"]) == (card, document)
    assert found["contest"] is None
    assert found["lineage"].startswith("sha256:")
    with ws.act("version:change", subject="version:churn:1") as act:
        act.session.get_one(tables.Version, 1).lineage = {"notebook": "other.ipynb"}
    assert evidence.gather(ws, "churn:1", "shop", [])["lineage"] != found["lineage"]
    assert state(ws, request) == "open"


def test_fairness_is_what_the_release_checks_found():
    check = {"check": "fairness", "detail": {"proportional_parity:sex:a:b": 0.75}}
    assert evidence._fairness([check]) == [
        {"measure": "proportional_parity", "attribute": "sex", "group": "a:b", "ratio": 0.75}
    ]


@pytest.mark.parametrize(
    ("ends", "becomes", "told"),
    [
        ("expire", "expired", "request.expired"),
        ("reject", "rejected", "request.rejected"),
        ("escalate", "expired", "request.escalated"),
    ],
)
def test_a_policy_says_what_comes_of_a_request_that_nobody_decided(ws, clock, ends, becomes, told):
    hears(ws)
    policy(ws, "firm", f"asks: {{valid: 5d, remind: 9d, on_timeout: {ends}}}")
    request = asks(ws)
    clock.turn(days=6)
    assert waiting.look_after(ws) == (1, 0)
    assert state(ws, request) == becomes
    (event,) = events(ws, "request:expiry")
    assert event["after"]["on_timeout"] == ends
    assert [one["type"] for one in messages(ws)] == [told]


@pytest.mark.parametrize(("names", "heard"), [("webhook", 1), ("night-shift", 0)])
def test_a_policy_says_who_hears_of_what_waits(ws, clock, names, heard):
    hears(ws)
    policy(ws, "firm", f"asks: {{remind: 2d, tell: [{names}]}}")
    asks(ws)
    clock.turn(days=2)
    assert waiting.look_after(ws) == (0, 1)
    assert len(messages(ws)) == heard
