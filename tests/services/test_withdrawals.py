"""Taking back what was asked for or decided: by whom it is theirs, and nothing is carried out by it."""

import pytest
from sqlalchemy import text

from asked import (
    ANN,
    BOB,
    CARL,
    ROBOT,
    approved,
    asks,
    carries_out,
    events,
    live,
    state,
    usable,
)
from jupyter_mlops.errors import Conflict, NotFound, Refused
from jupyter_mlops.services import (
    approvals,
    deployments,
    opening,
)
from jupyter_mlops.services.commenting import comment
from jupyter_mlops.services.withdrawals import withdraw
from jupyter_mlops.store import tables


@pytest.fixture
def ws(ticking):
    """A workspace whose clock ticks, and no server."""
    return ticking


def test_nobody_withdraws_what_is_not_there(ws):
    with pytest.raises(NotFound):
        withdraw(ws, 1)


@pytest.mark.parametrize("who", [BOB, CARL, ROBOT])
def test_nobody_withdraws_anothers_request(ws, who):
    request = asks(ws)
    with pytest.raises(Refused) as error:
        withdraw(ws.as_actor(who), request)
    assert error.value.code in ("not_yours", "decider_is_service")
    assert state(ws, request) == "open"
    assert events(ws, "request:withdrawal:refused")


def test_who_asked_takes_an_open_request_back(ws):
    request = asks(ws)
    told = withdraw(ws.as_actor(ANN), request, comment="not yet")
    assert (told["state"], told["comments"][0]["text"]) == ("withdrawn", "not yet")
    with pytest.raises(Conflict, match="withdrawn"):
        approvals.approve(ws.as_actor(BOB), request)
    with pytest.raises(Conflict, match="withdrawn"):
        withdraw(ws.as_actor(ANN), request)
    (event,) = events(ws, "request:withdrawal:done")
    assert (event["reason"], event["after"]["what"]) == ("not yet", "request")


def test_a_service_withdraws_its_own_request_and_no_decision(ws):
    request = asks(ws, by=ROBOT)
    approvals.approve(ws.as_actor(BOB), request)
    assert withdraw(ws.as_actor(ROBOT), request)["state"] == "withdrawn"
    other = asks(ws, 2, by=ROBOT)
    approvals.approve(ws.as_actor(BOB), other)
    carries_out(ws, other)
    with pytest.raises(Refused, match="service"):
        withdraw(ws.as_actor(ROBOT), other)


def test_a_withdrawn_request_carries_nothing_out_even_where_its_row_is_forged(ws):
    request = approved(ws)
    withdraw(ws.as_actor(ANN), request)
    with pytest.raises(Refused, match="withdrawn"):
        usable(ws)
    with ws.engine.begin() as connection:
        connection.execute(text("UPDATE request SET state = 'approved'"))
    with pytest.raises(Refused, match="not approved"):
        usable(ws)
    with pytest.raises(Refused, match="not approved"):
        deployments.deploy(ws, "churn:1", to="shop")
    with pytest.raises(Refused, match="not approved"):
        carries_out(ws, request)


def test_a_decision_that_is_withdrawn_makes_the_approval_void(ws):
    request = approved(ws)
    told = withdraw(ws.as_actor(BOB), request, comment="a mistake of mine")
    assert told["state"] == "void"
    assert told["decisions"][0]["withdrawn_at"] == told["comments"][0]["at"]
    with pytest.raises(Refused, match="is void"):
        usable(ws)
    with pytest.raises(Conflict, match="already"):
        withdraw(ws.as_actor(BOB), request)
    with pytest.raises(Refused):
        withdraw(ws.as_actor(CARL), request)


def test_of_two_approvals_that_are_needed_the_first_may_be_withdrawn(ws):
    request = asks(ws, risk="high")
    approvals.approve(ws.as_actor(BOB), request)
    assert withdraw(ws.as_actor(BOB), request)["state"] == "open"
    approvals.approve(ws.as_actor(CARL), request)
    assert state(ws, request) == "open"
    with pytest.raises(Conflict, match="already decided"):
        approvals.approve(ws.as_actor(BOB), request)


def test_everyone_sees_what_is_theirs_to_take_back(ws):
    request = approved(ws)

    def yours(by):
        return approvals.requests(ws.as_actor(by), str(request))["items"][0]["yours"]

    assert [yours(one) for one in (ANN, BOB, CARL)] == [["withdraw"], ["withdraw"], []]
    comment(ws.as_actor(CARL), request, "wait", changes=True)
    assert yours(CARL) == ["settle"]
    comment(ws.as_actor(CARL), request, "fine", settled=True)
    carries_out(ws, request)
    assert [yours(one) for one in (ANN, BOB, CARL)] == [[], ["withdraw"], []]
    withdraw(ws.as_actor(BOB), request)
    assert yours(BOB) == []


def test_a_rejection_is_not_withdrawn(ws):
    request = asks(ws)
    approvals.reject(ws.as_actor(BOB), request)
    with pytest.raises(Conflict, match="is rejected"):
        withdraw(ws.as_actor(BOB), request)


def test_a_request_withdrawn_does_not_stand_before_one_that_is_approved(ws):
    request = approved(ws)
    with ws.as_actor(ANN).act("request:opening", subject="request") as act:
        found = act.session.get_one(tables.Version, 1)
        again = opening.opened(ws.as_actor(ANN), act, found, "shop", "champion", "", {"checks": []})
        number = again.id
    withdraw(ws.as_actor(ANN), number)
    assert usable(ws) == request


def test_who_asked_cannot_withdraw_what_was_carried_out(ws):
    request = live(ws)
    with pytest.raises(Conflict) as error:
        withdraw(ws.as_actor(ANN), request)
    assert error.value.code == "carried_out"
    assert "bob" in error.value.hint


def test_one_who_asks_for_changes_and_withdraws_both(ws):
    request = approved(ws)
    comment(ws.as_actor(BOB), request, "wait", changes=True)
    assert withdraw(ws.as_actor(BOB), request)["state"] == "void"
