"""Policies and what is live: governed rules, who would decide, what is asked of evidence, re-review."""

import pytest

import traffic
from fakes import Clock
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.services import approvals, deployments, retirement, upheld
from jupyter_mlops.services.alerts import alerts
from jupyter_mlops.services.evaluation import evaluate
from jupyter_mlops.services.overview import overview
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.rules import rules
from jupyter_mlops.store import tables

RULES = "objectives: {latency_p95_ms: 200}\n"


@pytest.fixture(scope="module")
def made(shared_where):
    ws = traffic.live(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(made):
    """The deployment with the policies it came with: what a test wrote is withdrawn by whom it takes."""
    yield made
    sure = made.as_actor(Actor("zoe", assurance="present"))
    for row in policy(made)["items"]:
        if row["number"]:
            with made.act("policy:change", subject="policy:" + row["name"]) as act:
                act.after = {row["name"]: {"digest": EMPTY}}
                act.session.add(
                    tables.PolicyVersion(
                        name=row["name"], number=row["number"] + 1, digest=EMPTY, text="",
                        body="{}", actor=sure.actor.to_dict(), at=made.now(),
                    )
                )  # fmt: skip


EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def decide(ws, name, number):
    return approvals.approve(ws.as_actor(Actor(name, assurance="signed")), number)


def newest(ws):
    return approvals.requests(ws)["items"][0]


def test_rules_are_asked_for_where_a_policy_says_so(ws):
    policy(ws, "rules", "for: {subject: rules, deployment: shop}\nasks: {approvers: 2}\n")
    with pytest.raises(Invalid, match="humilty"):  # what cannot be is not asked for
        rules(ws, "shop", "humilty: []")
    before = rules(ws, "shop")["number"]
    with pytest.raises(Refused, match="rules:shop was not changed") as refused:
        rules(ws, "shop", RULES, reason="slow")
    assert "2 people" in refused.value.message
    asked = newest(ws)
    assert (asked["ref"], asked["deployment"], asked["state"]) == ("rules:shop", "shop", "open")
    decide(ws, "ada", asked["id"])
    assert rules(ws, "shop")["number"] == before
    assert decide(ws, "bob", asked["id"])["state"] == "carried out"
    assert rules(ws, "shop")["objectives"]["latency_p95_ms"] == 200


def test_a_rejected_change_is_asked_for_anew(ws):
    policy(ws, "end", "for: {subject: retirement}\nasks: {approvers: 2}\n")
    with pytest.raises(Refused, match="retirement:shop was not changed"):
        retirement.retire(ws, "shop")
    asked = newest(ws)
    approvals.reject(ws, asked["id"])
    with pytest.raises(Refused):
        retirement.retire(ws, "shop")
    assert newest(ws)["id"] == asked["id"] + 1


def test_who_would_have_to_approve_is_said_with_what_is_missing(ws):
    policy(ws, "firm", "for: {risk: low}\nasks: {approvers: 2, roles: [risk], checks: [latency]}\n")
    told = policy(ws, who="churn:1", for_deployment="shop")["deciders"]
    assert (told["subject"], told["policies"]) == ("replacement", ["low", "firm"])
    assert [row["counts"] for row in told["people"]] == [False]
    assert told["missing"][0].startswith("2 approvals are needed; 0 of the people")
    assert any("Not passed: latency" in one for one in told["missing"])
    with pytest.raises(NotFound):
        policy(ws, who="churn:9")


def test_a_dry_run_says_what_past_changes_would_have_needed(ws):
    text = "for: {deployment: shop}\nasks: {approvers: 2, assurance: signed}\n"
    told = policy(ws, "strict", text, dry_run="9999d")["past"]
    assert (told["changes"], told["short"]) == (1, 1)
    assert told["items"][0]["needed"] == "2 people at assurance 'signed'."
    assert policy(ws, dry_run="9999d")["past"]["short"] == 0
    with pytest.raises(NotFound):
        policy(ws, "strict")
    with pytest.raises(Invalid):
        policy(ws, dry_run="soon")


def test_what_was_asked_under_less_is_not_carried_out_and_what_is_live_stays(ws):
    asked = approvals.request(ws, "churn:1", for_deployment="other")
    approvals.approve(ws, asked["id"])
    policy(ws, "later", "for: {deployment: other}\nasks: {approvers: 2}\n")
    with pytest.raises(Refused) as refused:
        deployments.deploy(ws, "churn:1", to="other", gate="swap")
    assert refused.value.code == "policy_changed"
    assert "request churn:1 --for other" in refused.value.hint
    with ws.look() as session:
        place = session.get_one(tables.Deployment, 1)
        assert place.state == "live"


def test_what_policies_ask_of_a_version_is_a_check_of_its_request(ws):
    policy(
        ws,
        "shown",
        "for: {deployment: [third, shop]}\nasks: {checks: [row_by_row, fairness], documents: [model-risk],"
        " protected: [plan], fairness: {proportional_parity: 0.8}}\n",
    )
    asked = approvals.request(ws, "churn:1", for_deployment="third")
    found = {one["check"]: one for one in asked["checks"] if one["check"].startswith("policy_")}
    assert {name: one["outcome"] for name, one in found.items()} == dict.fromkeys(
        ["policy_checks", "policy_documents", "policy_protected", "policy_fairness"], "failed"
    )
    assert found["policy_checks"]["because"] == "Not passed: fairness."
    assert "Not measured: plan" in found["policy_protected"]["because"]
    with pytest.raises(Refused, match="a release check failed"):
        approvals.approve(ws, asked["id"])
    subjects = {one.subject for one in upheld.broken(ws, "shop", now=ws.clock())}
    assert subjects == {"checks", "documents", "protected", "fairness"}


def test_what_is_overdue_is_found_and_a_fresh_approval_renews_it(ws):
    policy(ws, "again", "for: {deployment: shop}\nasks: {review_every: 365d}\n")
    assert upheld.broken(ws, "shop", now=ws.clock()) == []
    ws.clock.turn(days=400)
    ws.clock.now = ws.clock.now.replace(minute=0, second=0, microsecond=0)
    needs = [row for row in overview(ws)["attention"] if "approved again" in row["because"]]
    assert needs[0]["next"] == "%mlops request churn:1 --for shop"
    evaluate(ws, "shop")
    alert = alerts(ws, "shop")["items"][0]
    assert (alert["part"], alert["next"]) == ("policy", "%mlops request churn:1 --for shop")
    fresh = approvals.request(ws, "churn:1", for_deployment="shop")
    approvals.approve(ws, fresh["id"])
    assert upheld.broken(ws, "shop", now=ws.clock()) == []
