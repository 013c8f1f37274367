"""Whoever serves goes by a copy of its own: rows in a database are claims."""

import json
from dataclasses import replace

import pytest

from fakes import Clock
from governed import ANN, BOB, PENS, asked, decision, forged, known, listed, rolled, signed
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.people import CHANGES
from jupyter_mlops.domain.policy_reading import read
from jupyter_mlops.errors import Corrupt, Refused
from jupyter_mlops.services import people, pinned, plainly, rollouts
from jupyter_mlops.services.approvals import approve, requests
from jupyter_mlops.services.decisions import receive
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from signing import pen

MALLORY = pen()


@pytest.fixture(scope="module")
def shared(shared_where):
    """A workspace that knows its people; each test has a request of its own in it."""
    ws = open_local(shared_where, clock=Clock())
    known(ws)
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shared, tmp_path):
    """The same in the hands of who serves, who has pinned what is there."""
    ws = replace(shared, pinned=tmp_path / "pinned.json")
    pinned.begin(ws)
    return ws


@pytest.fixture
def own(where, tmp_path):
    """A workspace of this test's own, pinned."""
    ws = replace(open_local(where, clock=Clock()), pinned=tmp_path / "pinned.json")
    known(ws)
    pinned.begin(ws)
    yield ws
    ws.engine.dispose()


def approved(ws, **said):
    number = asked(ws, **said)
    receive(ws, signed(ws, number, "bob"))
    receive(ws, signed(ws, number, "cat"))
    return number


def refused(ws, rollout):
    with pytest.raises(Refused) as error:
        rollouts.verify(ws, rollout)
    return error.value


def test_what_two_people_signed_is_served(ws):
    rollout = rolled(ws, approved(ws))
    rollouts.verify(ws, rollout)
    assert len(pinned.told(ws.pinned).proofs) == 1
    rollouts.verify(ws, rollout)


@pytest.mark.parametrize("signature", ["", "garbage", MALLORY.sign, BOB.sign])
def test_decisions_that_nobody_signed_who_may_are_not_served(ws, signature):
    number = asked(ws)
    forged(ws, *(decision(ws, number, who, signature=signature) for who in ("bob", "cat")))
    assert "is not approved" in refused(ws, rolled(ws, number)).message


def test_a_decision_in_the_name_of_another_is_not_served_even_where_a_cell_may_decide(ws):
    number = asked(ws, risk="moderate")
    forged(ws, decision(ws, number, "bob", assurance="recorded"))
    refused(ws, rolled(ws, number))


def test_the_owner_alone_does_not_let_their_own_work_be_served(ws):
    number = asked(ws, risk="moderate")
    forged(ws, decision(ws, number, "ann", signature=ANN.sign))
    refused(ws, rolled(ws, number))


@pytest.mark.parametrize("author", [{"id": "bob"}, {"id": "owner", "claims": {"user": "bob"}}])
def test_who_made_it_signs_in_vain_though_another_asked(ws, author):
    number = asked(ws, author={"kind": "person", "assurance": "recorded", **author})
    with pytest.raises(Refused) as error:
        receive(ws, signed(ws, number, "bob"))
    assert error.value.code == "self_approval"
    forged(ws, *(decision(ws, number, who, signature=PENS[who].sign) for who in ("bob", "cat")))
    refused(ws, rolled(ws, number))


def test_a_signature_about_another_request_is_not_served(ws):
    number, other = asked(ws), asked(ws)
    told = decision(ws, other, "bob", signature=BOB.sign)
    row = decision(ws, number, "bob", signature=told.signature, told=told.statement)
    forged(ws, row, decision(ws, number, "cat", signature=""))
    refused(ws, rolled(ws, number))


@pytest.mark.parametrize("approvers", [0, 1])
def test_a_policy_that_asks_for_nothing_does_not_count(ws, approvers):
    number = asked(ws)
    body = Policy(risk="low", approvers=approvers, other_than_author=False).canonical()
    forged(ws, tables.Policy(risk="low", digest=chain.digest(body), body=body, at=ws.now()))
    with ws.act("request:opening", subject="x") as act:
        found = act.session.get_one(tables.Request, number)
        found.policy_digest, found.risk, found.state = chain.digest(body), "low", "approved"
        act.session.add(found)
    forged(ws, decision(ws, number, "ann", assurance="recorded"))
    error = refused(ws, rolled(ws, number))
    assert "asks for less than this server has pinned" in error.message


def written(ws, name, body, *, number=1, text=""):
    return tables.PolicyVersion(
        name=name, number=number, digest=chain.digest(body), text=text, body=body,
        actor=ws.actor.to_dict(), at=ws.now(),
    )  # fmt: skip


def slipped_in(ws, row):
    """Put a policy into the database with an event that tells of it, as whoever owns both can."""
    with ws.act("policy:change", subject=f"policy:{row.name}") as act:
        act.session.add(row)
        act.after = {"digest": row.digest}


def test_a_looser_policy_in_the_database_does_not_count(own):
    loose = read("critical", {"for": {"risk": "critical"}, "asks": {"approvers": 1}})
    slipped_in(own, written(own, "critical", loose.canonical()))
    number = asked(own)
    assert receive(own, signed(own, number, "bob"))["state"] == "approved"
    error = refused(own, rolled(own, number))
    assert "policy critical 1 asks for less than what is pinned" in error.message
    pinned.begin(own)
    assert pinned.told(own.pinned).held


LOOSE = "for: {risk: critical, subject: [deployment, replacement]}\nasks: {approvers: 1, assurance: signed}\n"


def loosened(ws):
    """Ask that critical risk takes one signature, and have two people of different roles sign that."""
    with pytest.raises(Refused, match="asks for it, with the change frozen"):
        policy(ws, "critical", LOOSE)
    (waits,) = [one for one in requests(ws, "open")["items"] if one["kind"] == "policy"]
    receive(ws, signed(ws, waits["id"], "bob"))
    return receive(ws, signed(ws, waits["id"], "cat"))


def test_a_looser_policy_that_people_signed_counts(own):
    pinned.begin(own)
    assert loosened(own)["state"] == "carried out"
    number = asked(own)
    assert receive(own, signed(own, number, "bob"))["state"] == "approved"
    rollouts.verify(own, rolled(own, number))
    assert not pinned.told(own.pinned).held


def test_an_agreement_to_a_looser_policy_counts_once(own):
    pinned.begin(own)
    loosened(own)
    pinned.begin(own)
    (told,) = policy(own, "critical")["items"]
    body = read("critical", plainly.mapping(told["text"], ValueError)).canonical()
    policy(own, "critical", "asks: {approvers: 3, assurance: signed, distinct_roles: 2}\n")
    pinned.begin(own)
    forged(own, written(own, "critical", body, number=3, text=told["text"]))
    pinned.begin(own)
    assert any("asks for less" in held for held in pinned.told(own.pinned).held)


def test_a_stricter_policy_counts_at_once(own):
    number = approved(own, deployment="ward")
    policy(own, "ward", "for: {deployment: ward}\nasks: {approvers: 3}")
    assert "3 approvals" in refused(own, rolled(own, number)).message


def test_people_with_a_key_added_in_the_database_do_not_count(own):
    digest = policy(own, "people")["items"][0]["digest"]
    text = listed(follows=digest).replace(BOB.key.line, MALLORY.key.line)
    for signature in ("", MALLORY.sign(text, namespace=CHANGES)):
        body = people.read(text).people.canonical()
        number = 2 if not signature else 3
        slipped_in(own, written(own, "people", body, number=number, text=text + signature))
    number = asked(own)
    forged(own, decision(own, number, "bob", signature=MALLORY.sign))
    receive(own, signed(own, number, "cat"))
    assert "people 2: The people are changed only by" in refused(own, rolled(own, number)).message


def test_people_that_an_owner_signed_count(own):
    digest = policy(own, "people")["items"][0]["digest"]
    text = listed(follows=digest).replace(BOB.key.line, MALLORY.key.line)
    policy(own, "people", text + ANN.sign(text, namespace=CHANGES))
    number = asked(own)
    receive(own, signed(own, number, "bob", pen=MALLORY))
    receive(own, signed(own, number, "cat"))
    rollouts.verify(own, rolled(own, number))


def test_what_a_key_signed_before_it_was_revoked_is_served_on(own):
    rollout = rolled(own, approved(own))
    rollouts.verify(own, rollout)
    for day, serves in (("2026-11-25", True), ("2026-11-23", False)):
        digest = policy(own, "people")["items"][0]["digest"]
        lost = f"revoked: [{{key: '{BOB.key.fingerprint}', from: {day}}}]"
        text = listed(follows=digest, more=lost)
        policy(own, "people", text + ANN.sign(text, namespace=CHANGES))
        if serves:
            rollouts.verify(own, rollout)
        else:
            assert "was revoked before it signed" in refused(own, rollout).message


def test_an_approval_that_expired_before_it_was_served_is_not_served(ws):
    number = approved(ws)
    clock = Clock()
    clock.turn(days=20)
    error = refused(replace(ws, clock=clock), rolled(ws, number))
    assert "expired before it was first served" in error.message


def test_people_written_down_after_the_start_are_pinned_at_the_next(workspace, tmp_path):
    ws = replace(workspace, pinned=tmp_path / "pinned.json")
    pinned.begin(ws)
    known(ws)
    rollout = rolled(ws, approved(ws))
    assert "`stop`, then `serve` pins them" in refused(ws, rollout).message
    pinned.begin(ws)
    rollouts.verify(ws, rollout)


def test_what_answered_before_the_first_start_is_served_on(workspace, tmp_path):
    number = asked(workspace, risk="low")
    approve(workspace, number)
    rollout = rolled(workspace, number, state="live")
    known(workspace)
    ws = replace(workspace, pinned=tmp_path / "pinned.json")
    pinned.begin(ws)
    rollouts.verify(ws, rollout)


def test_a_copy_that_others_may_write_proves_nothing(ws):
    ws.pinned.chmod(0o666)
    with pytest.raises(Refused, match="Others may write"):
        pinned.begin(ws)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"form": 1, "people": "{}"})])
def test_a_copy_that_was_changed_is_not_read(ws, text):
    ws.pinned.write_text(text)
    with pytest.raises(Corrupt):
        pinned.begin(ws)


def test_a_copy_is_its_owners_alone(ws):
    assert ws.pinned.stat().st_mode & 0o777 == 0o600


def test_what_takes_a_word_alone_is_loosened_by_a_word(workspace, tmp_path):
    ws = replace(workspace, pinned=tmp_path / "pinned.json")
    pinned.begin(ws)
    policy(ws, "moderate", "for: {risk: moderate}\nasks: {valid: 60d}\n")
    number = asked(ws, risk="moderate")
    approve(ws, number)
    rollouts.verify(ws, rolled(ws, number))
    assert not pinned.told(ws.pinned).held
