"""How requests stood at a moment: superseded, carried out by the change they were for, withdrawn since."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from asked import ANN, BOB, CARL
from fakes import Ticking
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Refused
from jupyter_mlops.services.approvals import approve, request, requests
from jupyter_mlops.services.commenting import comment
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.rules import rules
from jupyter_mlops.services.withdrawals import withdraw
from jupyter_mlops.services.workspace import open_local
from services.test_lineage import registered
from traffic import goes_live

RULES = "objectives: {latency_p95_ms: 50}"


@pytest.fixture(scope="module")
def stood(shared_where):
    """How the requests of a workspace stood after each thing that happened in it, asked at its end."""
    ws = dataclasses.replace(open_local(shared_where), clock=Ticking())
    then = dict(_moments(ws, ws.as_actor(ANN), ws.as_actor(BOB)))
    yield lambda moment: {
        one["id"]: one["state"] for one in requests(ws, as_of=then[moment])["items"]
    }
    ws.engine.dispose()


def _moments(ws, ann, bob):
    deeds = {
        "asked": lambda: (registered(ws, {}), request(ann, "tumour:1", for_deployment="clinic")),
        "sent back": lambda: comment(bob, 1, "why?", changes=True),
        "asked anew": lambda: (
            registered(ws, {}, strength=0.5),
            request(ann, "tumour:2", for_deployment="clinic"),
        ),
        "approved": lambda: approve(bob, 2),
        "live": lambda: goes_live(ws, "tumour:2", name="clinic"),
        "governed": lambda: _asks_for_rules(ws, ann),
        "one of two": lambda: approve(bob, 3),
        "ruled": lambda: approve(ws.as_actor(CARL), 3),
        "taken back": lambda: withdraw(bob, 2, comment="it was wrong"),
    }
    for name, deed in deeds.items():
        deed()
        yield name, iso(ws.clock())


def _asks_for_rules(ws, ann):
    policy(ws, "careful", "for: {subject: rules}\nasks: {approvers: 2}")
    with contextlib.suppress(Refused):
        rules(ann, "clinic", RULES, reason="slow")


def test_one_whose_place_was_taken_is_superseded_from_then_on(stood):
    assert stood("sent back") == {1: "changes asked"}
    assert stood("asked anew") == {1: "superseded", 2: "open"}


def test_one_that_was_approved_is_carried_out_when_it_is_live_and_not_before(stood):
    assert stood("approved")[2] == "approved"
    assert stood("live")[2] == "carried out"


def test_a_change_is_carried_out_when_it_was_made(stood):
    assert stood("governed")[3] == stood("one of two")[3] == "open"
    assert stood("ruled")[3] == "carried out"


def test_what_was_taken_back_later_had_been_carried_out_until_then(stood):
    assert stood("ruled")[2] == "carried out"
    assert stood("taken back") == {1: "superseded", 2: "void", 3: "carried out"}
