"""What is decided elsewhere comes in once, in the name of who signed it, or is refused by name."""

import json
from dataclasses import replace

import pytest
import sqlmodel

from fakes import Clock
from governed import ANN, BOB, asked, known, signed
from jupyter_mlops.domain import decided
from jupyter_mlops.errors import Conflict, Invalid, MlopsError, NotFound, Refused
from jupyter_mlops.services import retelling
from jupyter_mlops.services.approvals import approve, reject, requests
from jupyter_mlops.services.decisions import receive, send
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from signing import pen


@pytest.fixture(scope="module")
def ws(shared_where):
    """A workspace that knows its people; each test has a request of its own in it."""
    ws = open_local(shared_where, clock=Clock())
    known(ws)
    yield ws
    ws.engine.dispose()


def later(ws, **by):
    """Return the same workspace at a later moment."""
    clock = Clock()
    clock.turn(**by)
    return replace(ws, clock=clock)


def events(ws, action):
    row = tables.AuditEvent
    query = sqlmodel.select(row.body).where(row.action == action).order_by(row.seq)
    with ws.look() as session:
        return [json.loads(body) for body in session.exec(query).all()]


def test_two_people_of_different_roles_approve_what_is_critical(ws):
    number = asked(ws)
    first = receive(ws, signed(ws, number, "bob"))
    assert first["state"] == "open"
    done = receive(ws, signed(ws, number, "cat"))
    assert done["state"] == "approved"
    assert [one["by"]["label"] for one in done["decisions"]] == [
        "Signed by Bob's key",
        "Signed by Cat's key",
    ]
    told = events(ws, "request:decision:granted")[-1]
    assert (told["actor"]["id"], told["actor"]["assurance"]) == ("cat", "signed")
    assert told["reason"] == "seen"


def test_two_of_the_same_role_are_not_enough(ws):
    number = asked(ws)
    receive(ws, signed(ws, number, "bob"))
    assert receive(ws, signed(ws, number, "dan"))["state"] == "open"


def test_a_signed_no_closes_the_request(ws):
    number = asked(ws)
    assert receive(ws, signed(ws, number, verdict="rejected"))["state"] == "rejected"


def test_a_cell_cannot_give_what_is_asked_and_shows_the_way(ws):
    number = asked(ws)
    with pytest.raises(Refused) as refused:
        approve(ws, number)
    assert refused.value.code == "assurance_too_low"
    assert f"jupyter mlops decide {number}" in refused.value.hint
    assert events(ws, "request:approval:refused")
    assert send(ws, number)["document"]["bound"]["request"] == number


def test_where_people_are_known_a_cell_does_not_approve_the_work_of_its_owner(ws):
    number = asked(ws, risk="moderate")
    with pytest.raises(Refused) as refused:
        approve(ws, number)
    assert refused.value.code == "self_approval"
    with pytest.raises(Refused) as refused:
        receive(ws, signed(ws, number, "ann"))
    assert refused.value.code == "self_approval"
    assert receive(ws, signed(ws, number, "bob"))["state"] == "approved"


def test_a_cell_decides_in_the_name_of_its_owner(ws):
    told = approve(ws, asked(ws, risk="low"))
    assert told["state"] == "approved"
    assert told["decisions"][0]["by"]["id"] == "ann"
    assert told["decisions"][0]["by"]["label"] == "Self-recorded, not independent"
    assert reject(ws, asked(ws, risk="low"))["state"] == "rejected"


def changed(what, value):
    def change(told):
        said = json.loads(told)
        place = said
        *path, last = what.split(".")
        for part in path:
            place = place[part]
        place[last] = value
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    return change


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"pen": ANN}, "decision_not_theirs"),
        ({"pen": pen()}, "key_unknown"),
        ({"change": changed("nonce", "0" * 32)}, "decision_of_other_request"),
        ({"change": changed("subject.manifest", "sha256:" + "0" * 64)}, "decision_changed"),
        ({"change": changed("subject.version", "tumour:2")}, "decision_changed"),
        ({"change": changed("target.deployment", "ward")}, "decision_changed"),
        ({"change": changed("target.role", "challenger")}, "decision_changed"),
        ({"change": changed("policy", "sha256:" + "0" * 64)}, "decision_changed"),
        ({"change": changed("evidence", "sha256:" + "0" * 64)}, "decision_changed"),
        ({"change": changed("expires_at", "2027-12-31T00:00:00.000000Z")}, "decision_changed"),
        ({"change": changed("request", 999)}, "request_not_found"),
        ({"change": changed("request", True)}, "decision_invalid"),
        ({"change": changed("verdict", "maybe")}, "decision_invalid"),
        ({"change": lambda told: told + " "}, "decision_invalid"),
        ({"decided_at": "2026-11-24T13:00:00.000000Z"}, "decision_moment"),
        ({"decided_at": "2025-11-24T12:00:00.000000Z"}, "decision_moment"),
        ({"decided_at": "yesterday"}, "decision_invalid"),
    ],
)
def test_a_decision_about_anything_else_is_refused_by_name(ws, said, code):
    number = asked(ws)
    before = len(events(ws, "request:decision:refused"))
    with pytest.raises(MlopsError) as refused:
        receive(ws, signed(ws, number, **said))
    assert refused.value.code == code
    told = events(ws, "request:decision:refused")[before:]
    assert [one["after"]["code"] for one in told] == [code]
    with ws.look() as session:
        row = tables.Decision
        assert not session.exec(sqlmodel.select(row).where(row.request_id == number)).all()


def test_a_statement_that_was_changed_after_signing_is_refused(ws):
    told = signed(ws, asked(ws))
    told["statement"] = told["statement"].replace('"comment":"seen"', '"comment":"Seen"')
    with pytest.raises(Refused) as refused:
        receive(ws, told)
    assert refused.value.code == "signature_wrong"


def test_a_decision_comes_in_once(ws):
    number = asked(ws)
    told = signed(ws, number)
    receive(ws, told)
    with pytest.raises(Conflict) as refused:
        receive(ws, told)
    assert refused.value.code == "already_decided"


def test_a_decision_about_a_closed_request_is_refused(ws):
    number = asked(ws)
    yes = signed(ws, number, "cat")
    receive(ws, signed(ws, number, verdict="rejected"))
    with pytest.raises(Conflict) as refused:
        receive(ws, yes)
    assert refused.value.code == "request_closed"


def test_a_decision_that_comes_too_late_is_refused(ws):
    told = signed(ws, asked(ws))
    with pytest.raises(Refused) as refused:
        receive(later(ws, days=15), told)
    assert refused.value.code == "request_expired"


def test_a_decision_under_a_key_that_is_revoked_by_now_is_refused(ws):
    told = signed(ws, asked(ws), "eve")
    with pytest.raises(Refused) as refused:
        receive(later(ws, days=2), told)
    assert refused.value.code == "key_revoked"


def test_without_people_no_signature_counts(workspace):
    number = asked(workspace)
    with pytest.raises(Refused) as refused:
        receive(workspace, signed(workspace, number))
    assert refused.value.code == "people_unknown"
    with pytest.raises(Refused) as refused:
        approve(workspace, number)
    assert "policy people" in refused.value.hint


def test_nobody_says_by_themselves_what_a_decision_is_worth(ws):
    with pytest.raises(Invalid, match="something else beside"):
        receive(ws, {**signed(ws, asked(ws)), "assurance": "present"})


@pytest.mark.parametrize("told", [None, [], {}, {"type": decided.DECISION}, "x", {"type": 1}])
def test_what_is_no_decision_is_refused(ws, told):
    with pytest.raises(Invalid):
        receive(ws, told)


def test_what_is_sent_holds_everything_that_is_decided_about(ws):
    number = asked(ws)
    told = send(ws, number)
    found = decided.read_document(json.loads(json.dumps(told["document"])))
    assert found.policy.distinct_roles == 2
    assert found.people[BOB.key.fingerprint] == "bob"
    assert told["words"][0] == f"Request {number}: {told['ref']} for clinic, as champion"
    assert json.loads(found.statement("approved"))["nonce"] == found.bound["nonce"]
    with pytest.raises(NotFound):
        send(ws, 999)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("evidence", "its evidence was changed"),
        ("policy", "its policy was changed"),
        ("type", "it is of another kind"),
        ("bound", "parts of it are missing"),
    ],
)
def test_a_request_that_was_changed_on_its_way_is_not_shown(ws, part, says):
    told = send(ws, asked(ws))["document"]
    with pytest.raises(Invalid, match=says):
        decided.read_document({**told, part: {}} if part == "bound" else {**told, part: "{}"})


def test_policies_are_shown_with_the_people(ws):
    assert policy(ws)["items"][-1]["name"] == "people"


def test_a_change_of_what_holds_here_is_sent_with_the_very_words_that_would_make_it(ws):
    text = "for: {risk: low}\nasks: {approvers: 2}\n"
    policy(ws, "sent", text)
    with pytest.raises(Refused, match="asks for it"):
        policy(ws, "sent", withdraw=True)
    (waits,) = [one for one in requests(ws, "open")["items"] if one["ref"] == "policy:sent"]
    told = send(ws, waits["id"])
    assert told["words"][:2] == [
        f"Request {waits['id']}: policy:sent would be changed so:",
        "%mlops policy sent --withdraw",
    ]
    document = told["document"]
    for change, says in [
        ("", "what it would change is missing"),
        (document["change"].replace("withdraw", "from_code"), "its change was changed"),
        (7, "its change was changed"),
    ]:
        with pytest.raises(Invalid, match=says):
            decided.read_document({**document, "change": change})


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ("{n} rows", "7 rows"),
        ("{n:>9999999999}", "{n:>9999999999}"),
        ("{n.__class__}", "{n.__class__}"),
        ("{m} rows", "{m} rows"),
        ("{n", "{n"),
    ],
)
def test_figures_of_checks_are_filled_in_and_ask_for_nothing_else(figure, shown):
    row = {"title": "Loads", "outcome": "passed", "figure": figure, "values": {"n": 7}}
    assert list(retelling.checks([row])) == [f"check ✓ Loads {shown}"]
