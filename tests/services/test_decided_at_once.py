"""People who decide about one request in the same moment: one outcome, and each is counted once."""

import threading

import pytest

from asked import ANN, BOB, CARL, asks, state, usable
from jupyter_mlops.errors import Conflict, MlopsError, Refused
from jupyter_mlops.services import approvals, proof
from jupyter_mlops.services.policies import policy
from jupyter_mlops.store import tables

TIMES = 5
TWO = "for: {risk: moderate}\nasks: {approvers: 2}\n"


@pytest.fixture
def ws(ticking):
    """A workspace whose clock ticks, and no server."""
    return ticking


def at_once(*deeds):
    """Do all in the same moment; return what each was refused with, or None."""
    start, told = threading.Barrier(len(deeds)), [None] * len(deeds)

    def do(at, deed):
        start.wait()
        try:
            deed()
        except MlopsError as error:
            told[at] = error

    threads = [threading.Thread(target=do, args=pair) for pair in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def given(ws, request):
    with ws.look() as session:
        found = proof.decisions(session, session.get_one(tables.Request, request))
        return sorted((one.person, one.outcome) for one in found)


def test_two_last_approvals_at_once_both_count(ws):
    policy(ws, "two", TWO)
    for number in range(1, TIMES + 1):
        request = asks(ws, number)
        told = at_once(
            lambda request=request: approvals.approve(ws.as_actor(BOB), request),
            lambda request=request: approvals.approve(ws.as_actor(CARL), request),
        )
        assert told == [None, None]
        assert given(ws, request) == [("bob", "approved"), ("carl", "approved")]
        assert state(ws, request) == "approved"
        assert usable(ws, number) == request


def test_one_who_approves_twice_at_once_is_counted_once(ws):
    policy(ws, "two", TWO)
    for number in range(1, TIMES + 1):
        request = asks(ws, number)
        told = at_once(*[lambda request=request: approvals.approve(ws.as_actor(BOB), request)] * 3)
        assert sum(error is None for error in told) == 1
        assert all(isinstance(error, (Conflict, Refused)) for error in told if error)
        assert given(ws, request) == [("bob", "approved")]
        assert state(ws, request) == "open"


def test_approving_and_rejecting_at_once_is_one_of_both(ws):
    for number in range(1, TIMES + 1):
        request = asks(ws, number)
        told = at_once(
            lambda request=request: approvals.approve(ws.as_actor(BOB), request),
            lambda request=request: approvals.reject(ws.as_actor(CARL), request),
        )
        assert sum(error is None for error in told) == 1
        ((person, outcome),) = given(ws, request)
        assert state(ws, request) == outcome == {"bob": "approved", "carl": "rejected"}[person]


def test_who_asked_is_not_let_in_by_a_race(ws):
    request = asks(ws)
    told = at_once(
        lambda: approvals.approve(ws.as_actor(ANN), request),
        lambda: approvals.approve(ws.as_actor(BOB), request),
    )
    assert isinstance(told[0], MlopsError)
    assert given(ws, request) == [("bob", "approved")]
