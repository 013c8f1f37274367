"""One person's word in an emergency: signed, by role, for a day, and seen by everybody until others agree."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from fakes import Clock
from governed import asked, listed, rolled, signed
from jupyter_mlops.errors import Refused
from jupyter_mlops.papers.blocks.of_trust import decisions
from jupyter_mlops.papers.pages import PAGES
from jupyter_mlops.services import pinned, rollouts
from jupyter_mlops.services.alerts import alerts
from jupyter_mlops.services.aliases import aliases
from jupyter_mlops.services.approvals import requests
from jupyter_mlops.services.decisions import receive
from jupyter_mlops.services.deliveries import deliver
from jupyter_mlops.services.fleet import deployments
from jupyter_mlops.services.lineage import lineage
from jupyter_mlops.services.notifying import notify
from jupyter_mlops.services.overview import overview
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from receivers import Receiver

ROLES = {
    "ann": "developer",
    "bob": "validator",
    "cat": "business",
    "dan": "break-glass",
    "eve": "x",
}


@pytest.fixture(scope="module")
def shared(shared_where):
    """A workspace where Dan may break the glass."""
    ws = open_local(shared_where, clock=Clock())
    policy(ws, "people", listed(roles=ROLES))
    yield ws
    ws.engine.dispose()


@pytest.fixture
def own(where):
    """The same of a test's own."""
    ws = open_local(where, clock=Clock())
    policy(ws, "people", listed(roles=ROLES))
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shared, tmp_path):
    """The same, pinned by who serves."""
    ws = replace(shared, pinned=tmp_path / "pinned.json")
    pinned.begin(ws)
    return ws


def broken(ws, number, who="dan", **said):
    return receive(ws, signed(ws, number, who, verdict="break-glass", **said))


def later(ws, **by):
    clock = Clock()
    clock.turn(**by)
    return replace(ws, clock=clock)


def test_who_may_break_the_glass_is_enough_alone(ws):
    number = asked(ws)
    told = broken(ws, number, comment="the champion answers nonsense")
    assert told["state"] == "approved"
    assert told["decisions"][0]["by"]["label"] == "Break-glass: Dan's key alone"
    rollout = rolled(ws, number)
    rollouts.verify(ws, rollout)
    rollouts.verify(later(ws, days=3), rollout)  # what answers by then goes on


@pytest.mark.parametrize(
    ("who", "comment", "code"),
    [("bob", "urgent", "not_break_glass"), ("dan", " ", "reason_missing")],
)
def test_nobody_else_breaks_it_and_not_without_a_reason(ws, who, comment, code):
    with pytest.raises(Refused) as refused:
        broken(ws, asked(ws), who, comment=comment)
    assert refused.value.code == code


def test_it_is_not_carried_out_a_day_later(ws):
    number = asked(ws)
    broken(ws, number)
    with pytest.raises(Refused):
        rollouts.verify(later(ws, hours=25), rolled(ws, number))


def test_a_word_that_nobody_signed_is_not_served(ws):
    number = asked(ws)
    with ws.act("x:y", subject="z") as act:
        row = tables.Decision(
            request_id=number, person="dan", outcome="break-glass", assurance="signed", comment="x",
            actor={"id": "dan", "kind": "person", "assurance": "signed"},
            statement=signed(ws, number, "dan", verdict="break-glass")["statement"],
            at=ws.now(), known_at=ws.now(),
        )  # fmt: skip
        act.session.add(row)
    with pytest.raises(Refused):
        rollouts.verify(ws, rolled(ws, number))


def test_everybody_sees_it_until_others_have_approved_the_same(ws):
    number = asked(ws, deployment="ward")
    told = broken(ws, number, comment="the champion answers nonsense")
    rollouts.carry_out(ws, rolled(ws, number))
    raised = alerts(ws, "ward")["items"][0]
    assert (raised["severity"], raised["part"]) == ("critical", "approval")
    assert "by the word of dan alone" in raised["because"]
    assert deployments(ws, "ward")["items"][0]["status"] == "failing"
    assert "break-glass" in deployments(ws, "ward")["items"][0]["because"]
    assert any("break-glass" in one["because"] for one in overview(ws)["attention"])
    assert aliases(ws, told["ref"])["items"][0]["by"]["label"].startswith("Break-glass")
    again = asked_again(ws, told["ref"])
    receive(ws, signed(ws, again, "bob"))
    assert alerts(ws, "ward")["items"]
    receive(ws, signed(ws, again, "cat"))
    assert not alerts(ws, "ward")["items"]
    assert "break-glass" not in deployments(ws, "ward")["items"][0]["because"]


def asked_again(ws, ref):
    from jupyter_mlops.services import lookup, opening

    with ws.act("request:opening", subject="deployment:ward") as act:
        _, version = lookup.version(act.session, ref)
        return opening.opened(ws, act, version, "ward", "champion", "regular", {"checks": []}).id


def test_a_receiver_hears_of_it_at_once(own):
    with Receiver() as receiver:
        own.home.allowed_file.write_text(f"127.0.0.1:{receiver.port}\n")
        own.home.allowed_file.chmod(0o600)
        notify(own, receiver.url)
        number = asked(own)
        broken(own, number, comment="the champion answers nonsense")
        rollouts.carry_out(own, rolled(own, number))
        assert deliver(own) == 1
        message = json.loads(receiver.got[0][2])
    assert (message["type"], message["data"]["severity"]) == ("alert.opened", "critical")
    assert "by the word of dan alone" in message["data"]["because"]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_page_says_so_first(own, page):
    broken(own, number := asked(own), comment="the champion answers nonsense")
    rollouts.carry_out(own, rolled(own, number))
    told = PAGES[page](own, now=own.clock())
    assert told["status"] == "failing"
    assert "break-glass" in str(told.get("attention") or told["alerts"])


def test_papers_and_lineage_say_that_it_was_carried_out_alone(own):
    ref = broken(own, number := asked(own))["ref"]
    rollouts.carry_out(own, rolled(own, number))
    told = decisions(SimpleNamespace(requests=requests(own)["items"]))
    assert "carried out alone (break-glass)" in str(told)
    assert "carried out alone (break-glass) by dan" in str(lineage(own, ref))
