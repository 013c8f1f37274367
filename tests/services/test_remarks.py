"""What people say of a request: comments, changes asked for, and what is new to whom."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from asked import ANN, BOB, CARL, ROBOT, asks, carries_out, events, state, version
from jupyter_mlops.commands.showing import as_html, as_text
from jupyter_mlops.errors import Conflict, Invalid, NotFound, Refused, UsageError
from jupyter_mlops.services import approvals, opening, proof
from jupyter_mlops.services.commenting import comment
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m'; DROP TABLE remark;--"
)


@pytest.fixture
def ws(where, clock):
    """A workspace with a clock."""
    ws = open_local(where, clock=clock)
    yield ws
    ws.engine.dispose()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("", "comment_empty"),
        (" \n\t", "comment_empty"),
        ("x" * 4_001, "comment_too_long"),
        ("a\x00b", "comment_no_text"),
        ("half \ud800", "comment_no_text"),
    ],
)
def test_what_is_no_comment_is_refused_and_nothing_is_kept(ws, said, code):
    number = asks(ws)
    with pytest.raises(Invalid) as error:
        comment(ws, number, said)
    assert error.value.code == code
    assert error.value.hint
    (one,) = approvals.requests(ws)["items"]
    assert one["comments"] == []
    assert events(ws, "request:comment:refused")


def test_an_empty_text_cannot_be_said_with_a_decision_that_holds_no_text(ws):
    number = asks(ws)
    with pytest.raises(Invalid, match="no text"):
        approvals.approve(ws.as_actor(BOB), number, comment="\x00")
    assert state(ws, number) == "open"


def test_a_comment_is_shown_with_who_when_and_how_sure(ws):
    number = asks(ws)
    told = comment(ws.as_actor(BOB), number, "which holdout was it?")
    (said,) = told["comments"]
    assert (said["kind"], said["text"], said["at"]) == (
        "comment",
        "which holdout was it?",
        ws.now(),
    )
    assert (said["by"]["id"], said["by"]["label"]) == ("bob", "Said by bob (signed in)")
    assert told["state"] == "open"
    (event,) = events(ws, "request:comment:done")
    assert (event["subject"], event["reason"]) == (f"request:{number}", "which holdout was it?")
    assert comment(ws.as_actor(ROBOT), number, "built")["comments"][1]["by"]["kind"] == "service"


def test_a_hostile_comment_is_kept_as_it_is_and_runs_nowhere(ws):
    number = asks(ws)
    comment(ws.as_actor(BOB), number, HOSTILE)
    told = approvals.requests(ws, str(number))
    assert told["items"][0]["comments"][0]["text"] == HOSTILE
    html, plain = as_html("requests", told), as_text("requests", told)
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in plain
    assert "\u202e" not in plain
    assert "alert(1)" in plain


def test_nobody_comments_on_what_is_not_there(ws):
    with pytest.raises(NotFound):
        comment(ws, 7, "hello")


def test_comments_are_neither_changed_nor_taken_away(ws):
    comment(ws, asks(ws), "first")
    for statement in ("UPDATE remark SET text = 'x'", "DELETE FROM remark"):
        with pytest.raises(DatabaseError, match="append-only"), ws.engine.begin() as connection:
            connection.execute(text(statement))


def test_while_changes_are_asked_for_nobody_else_approves(ws):
    number = asks(ws)
    told = comment(ws.as_actor(BOB), number, "the holdout is too small", changes=True)
    assert (told["state"], told["changes_by"]) == ("changes asked", ["bob"])
    assert events(ws, "request:changes:asked")
    with pytest.raises(Conflict) as error:
        approvals.approve(ws.as_actor(CARL), number)
    assert error.value.code == "changes_asked"
    assert "bob" in error.value.message
    comment(ws.as_actor(BOB), number, settled=True)
    assert state(ws, number) == "open"
    assert approvals.approve(ws.as_actor(CARL), number)["state"] == "approved"


def test_whoever_asked_for_changes_settles_them_by_deciding(ws):
    first, second = asks(ws), asks(ws, 2)
    for number in (first, second):
        comment(ws.as_actor(BOB), number, "why?", changes=True)
    # the older one waits for a newer version's request, which is here already
    assert approvals.approve(ws.as_actor(BOB), second)["state"] == "approved"
    assert approvals.reject(ws.as_actor(BOB), first)["state"] == "rejected"


def test_an_approved_request_with_changes_asked_carries_nothing_out(ws):
    number = asks(ws)
    approvals.approve(ws.as_actor(BOB), number)
    comment(ws.as_actor(CARL), number, "wait", changes=True)
    assert state(ws, number) == "changes asked"
    with ws.look() as session:
        found = session.get_one(tables.Version, 1)
        with pytest.raises(Refused, match="changes asked") as error:
            proof.usable(session, found, "shop", now=ws.now())
    assert f"requests {number}" in error.value.hint
    with pytest.raises(Refused, match="not approved"):  # nor does a server that has it already
        carries_out(ws, number)
    comment(ws.as_actor(CARL), number, "fine", settled=True)
    assert state(ws, number) == "approved"
    assert carries_out(ws, number)


def test_a_newer_versions_request_takes_the_place_of_one_with_changes_asked(ws):
    first, other = asks(ws), asks(ws, 2, deployment="elsewhere")
    for number in (first, other):
        comment(ws.as_actor(BOB), number, "why?", changes=True)
    asks(ws, 3)
    assert [state(ws, number) for number in (first, other)] == ["superseded", "changes asked"]
    with pytest.raises(Conflict, match="superseded"):
        approvals.approve(ws.as_actor(BOB), first)
    with pytest.raises(Conflict, match="superseded"):
        comment(ws.as_actor(BOB), first, "again", changes=True)
    assert comment(ws.as_actor(BOB), first, "for the record")["state"] == "superseded"


def test_changes_are_settled_only_by_whoever_asks_for_them(ws):
    number = asks(ws)
    with pytest.raises(Conflict, match="do not ask"):
        comment(ws.as_actor(BOB), number, "fine", settled=True)
    comment(ws.as_actor(BOB), number, "why?", changes=True)
    with pytest.raises(Conflict) as error:
        comment(ws.as_actor(ANN), number, "fine", settled=True)
    assert "bob" in error.value.hint
    with pytest.raises(UsageError):
        comment(ws.as_actor(BOB), number, "both", changes=True, settled=True)


def test_a_service_comments_and_never_asks_for_changes(ws):
    number = asks(ws)
    with pytest.raises(Refused, match="service never"):
        comment(ws.as_actor(ROBOT), number, "too slow", changes=True)
    assert state(ws, number) == "open"


def test_one_that_expired_while_changes_were_asked_for_can_be_asked_again(ws, clock):
    number = asks(ws)
    comment(ws.as_actor(BOB), number, "why?", changes=True)
    clock.turn(days=15)
    assert state(ws, number) == "expired"
    with pytest.raises(Conflict, match="expired"):
        comment(ws.as_actor(BOB), number, "still", changes=True)
    with ws.look() as session:
        found = session.get_one(tables.Version, 1)
        opening.check_new(ws, session, found, "shop", "champion")


def test_a_number_alone_shows_that_request_in_full(ws):
    first, second = asks(ws), asks(ws, 2)
    told = approvals.requests(ws, str(first))
    assert ([one["id"] for one in told["items"]], told["request"]) == ([first], first)
    assert [one["id"] for one in approvals.requests(ws, "shop")["items"]] == [second, first]
    with pytest.raises(NotFound):
        approvals.requests(ws, "77")


def test_what_changed_is_told_to_who_spoke_before_and_to_nobody_else(ws, clock):
    def seen(by, number):
        return approvals.requests(ws.as_actor(by), str(number))["items"][0]["since_you_looked"]

    metrics = {"roc_auc": {"value": 0.8, "low": 0.7, "high": 0.9}}
    first = asks(ws, metrics=metrics)
    approvals.approve(ws.as_actor(BOB), first)
    better = {"roc_auc": {"value": 0.9, "low": 0.8, "high": 1.0}}
    features = {"features": [{"name": "age", "type": "number"}, {"name": "plan", "type": "text"}]}
    clock.turn(hours=1)
    second = asks(ws, 2, metrics=better, manifest=features)
    comment(ws.as_actor(CARL), second, "what is plan?")
    told = seen(BOB, second)
    assert told[0] == "Said since by carl: 1."
    assert "You last decided about churn:1." in told
    assert any(one.endswith("is 0.9, it was 0.8.") for one in told)
    assert "Differs in features: plan." in told
    clock.turn(hours=1)
    comment(ws.as_actor(BOB), second, "I see")
    assert "Said since by carl: 1." not in seen(BOB, second)
    assert seen(ANN, second) == []
    with ws.act("version:registration", subject="version:churn:3") as act:
        version(act, 3)
    assert "A newer version is registered: churn:3." in seen(BOB, second)


def test_a_check_that_comes_out_otherwise_by_now_is_told(ws, clock):
    from jupyter_mlops.services.release import remembered
    from jupyter_mlops.services.release.findings import Found

    number = asks(ws)
    comment(ws.as_actor(BOB), number, "hm")
    with ws.act("version:check", subject="version:churn:1") as act:
        found = act.session.get_one(tables.Version, 1)
        remembered.remember(act.session, found, {"loads": Found("failed")}, now=ws.now())
    (one,) = approvals.requests(ws.as_actor(BOB), str(number))["items"]
    assert one["since_you_looked"] == [
        "The check “Loads in a fresh process” says failed by now; in the evidence it says passed."
    ]


def test_an_old_request_has_less_evidence_and_is_read_still(ws):
    number = asks(ws)
    old = json.dumps({"ref": "churn:1", "replaces": None, "metrics": {}, "checks": []})
    with ws.engine.begin() as connection:
        connection.execute(text("UPDATE request SET evidence = :old"), {"old": old})
    (one,) = approvals.requests(ws, str(number))["items"]
    assert (one["apply"], one["evidence"]["contest"], one["evidence"]["card"]) == (False, None, "")
