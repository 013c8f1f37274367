"""What whoever serves has seen to count no more comes back by no row, no old date and no clock."""

from dataclasses import replace

import pytest

from fakes import Clock
from governed import PENS, asked, decision, forged, listed, rolled, signed
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import deployments, pinned, rollouts
from jupyter_mlops.services.approvals import requests
from jupyter_mlops.services.decisions import receive
from jupyter_mlops.services.policies import policy
from jupyter_mlops.services.withdrawals import withdraw
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from tampered import Untriggered


@pytest.fixture
def ws(where, tmp_path):
    """A workspace that knows its people, in the hands of who serves."""
    ws = replace(open_local(where, clock=Clock()), pinned=tmp_path / "pinned.json")
    policy(ws, "people", listed().replace("dan: {", "dan: {until: 2026-11-25, "))
    pinned.begin(ws)
    yield ws
    ws.engine.dispose()


def approved(ws):
    number = asked(ws)
    receive(ws, signed(ws, number, "bob"))
    receive(ws, signed(ws, number, "cat"))
    return number


def as_if_never(ws, number):
    """Take every remark out of the store, and say that a request was approved."""
    with Untriggered(ws, "remark") as connection:
        connection.exec_driver_sql("DELETE FROM remark")
    with ws.act("test:forgery", subject="x") as act:
        found = act.session.get_one(tables.Request, number)
        found.state = "approved"
        act.session.add(found)


def refused(ws, rollout):
    with pytest.raises(Refused) as error:
        rollouts.verify(ws, rollout)
    return error.value.message


@pytest.mark.parametrize("served", [True, False])
def test_an_approval_that_was_withdrawn_does_not_come_back_with_its_rows(ws, served):
    number = approved(ws)
    rollout = rolled(ws, number)
    if served:
        rollouts.verify(ws, rollout)
    withdraw(ws.as_actor(Actor("bob", assurance="signed")), number, comment="it was wrong")
    assert "is not served" in refused(ws, rollout)
    as_if_never(ws, number)
    assert "taken back" in refused(ws, rollout)


def test_of_those_who_approved_the_one_who_withdrew_does_not_count_again(ws):
    number = asked(ws)
    receive(ws, signed(ws, number, "bob"))
    withdraw(ws.as_actor(Actor("bob", assurance="signed")), number)
    pinned.begin(ws)
    receive(ws, signed(ws, number, "cat"))
    as_if_never(ws, number)
    assert "no complete approval" in refused(ws, rolled(ws, number))


def test_what_somebody_rejected_is_not_served_whatever_its_row_says(ws):
    number = asked(ws)
    receive(ws, signed(ws, number, "bob"))
    forged(ws, decision(ws, number, "cat", signature=PENS["cat"].sign))
    rollout = rolled(ws, number)
    rejects = decision(ws, number, "dan", signature="")
    rejects.outcome = "rejected"
    forged(ws, rejects)
    assert "no complete approval" in refused(ws, rollout)


@pytest.mark.parametrize(("who", "counts"), [("bob", True), ("eve", False), ("dan", False)])
def test_a_key_that_counts_no_more_signs_nothing_in_the_past(ws, who, counts):
    """Eve's key is revoked from tomorrow on, and Dan leaves; what either dates back is put in after that."""
    number = asked(ws)
    rows = [decision(ws, number, name, signature=PENS[name].sign) for name in (who, "cat")]
    ws.clock.turn(days=2)
    forged(ws, *rows)
    rollout = rolled(ws, number)
    if counts:
        rollouts.verify(ws, rollout)
    else:
        assert "no complete approval" in refused(ws, rollout)


def test_an_approval_that_expired_is_not_served_by_a_clock_that_was_set_back(ws):
    number = approved(ws)
    ws.clock.turn(days=20)
    with ws.act("test:deed", subject="x"):
        pass
    ws.clock.turn(days=-366)
    assert "expired before it was first served" in refused(ws, rolled(ws, number))
    with pytest.raises(Refused) as error:
        deployments.deploy(ws, requests(ws, str(number))["items"][0]["ref"], to="clinic")
    assert error.value.code == "not_approved"
