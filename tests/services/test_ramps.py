"""Rollouts that go by themselves, by what the log says of them."""

import json

import pytest
import sqlmodel
from sqlalchemy import text

from fakes import Clock
from jupyter_mlops import open_workspace
from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import lookup, ramps, rollouts
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import approved, approved_again
from traffic import goes_live

PLAN = {"steps": [0.1, 0.5], "rows": 100, "minutes": 5, "agreement": 0.5}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two approved versions; no server runs, this test carries out what it would."""
    folder = tmp_path_factory.mktemp("ramps") / "here"
    with open_workspace(folder) as session:
        approved(session)
        approved_again(session, 0.01)
    return open_local(folder, clock=Clock())


@pytest.fixture
def ws(made):
    """Its workspace, an hour later than before, with the first version as champion."""
    made.clock.turn(hours=1)
    with made.act("test:begin", subject="test") as act:
        for going in act.session.exec(sqlmodel.select(tables.Rollout)).all():
            going.state = "ended"
            act.session.add(going)
    carried(made, "tumour:1", 1.0, {})
    return made


def carried(ws, ref, share, plan):
    """Take a version back into a share of the traffic; return its rollout."""
    gate = "canary" if share else "shadow"
    told = {"action": "rollback", "share": share, "gate": gate, "plan": plan}
    return goes_live(ws, ref, name="clinic", **told)


def logged(ws, ref, role, count, *, kind="", ms=1.0, labels=None, beside=None):
    """Write requests of one row each into the log."""
    with ws.look() as session:
        digest = lookup.version(session, ref)[1].digest
    log = ws.telemetry.open_log("clinic")
    names = []
    for _ in range(count):
        ws.clock.turn(seconds=0.01)
        names.append(f"{role}-{ws.clock.now.timestamp()}")
        head = {"at": iso(ws.clock.now), "kind": kind, "status": 200, "rows": 1, "ms": ms}
        head |= {"version": ref, "digest": digest, "role": role, "prediction_ids": names[-1:]}
        head |= {"ids": names[-1:], "scores": [0.5], "labels": labels, "probabilities": None}
        head |= {"warnings": None, "beside": beside and [beside[len(names) - 1]]}
        log.append(json.dumps(head).encode(), b'{"rows": [{"x": 1.0}]}')
    log.commit()
    log.close()
    return names


def now(ws, rollout):
    """How a rollout stands."""
    with ws.look() as session:
        return session.get_one(tables.Rollout, rollout)


def test_it_is_raised_once_a_step_has_its_rows_and_minutes_and_not_before(ws):
    canary = carried(ws, "tumour:2", 0.1, PLAN)
    logged(ws, "tumour:1", "champion", 200)
    logged(ws, "tumour:2", "canary", 99)
    ws.clock.turn(minutes=6)
    assert ramps.tend(ws) == 1
    assert now(ws, canary).share == 0.1
    logged(ws, "tumour:2", "canary", 1)
    ramps.tend(ws)
    assert now(ws, canary).share == 0.5
    ramps.tend(ws)  # the rows of the step before do not count for this one
    assert now(ws, canary).share == 0.5
    logged(ws, "tumour:2", "canary", 100)
    ws.clock.turn(minutes=6)
    ramps.tend(ws)
    assert (now(ws, canary).share, now(ws, canary).plan) == (1.0, {})
    assert ramps.tend(ws) == 0


def test_it_is_taken_back_when_it_fails_where_the_champion_does_not(ws):
    canary = carried(ws, "tumour:2", 0.1, PLAN)
    logged(ws, "tumour:1", "champion", 300)
    logged(ws, "tumour:2", "canary", 30)
    logged(ws, "tumour:2", "canary", 4, kind="model_output_invalid")
    ramps.tend(ws)
    assert now(ws, canary).state == "failed"
    last = audit(ws, "deployment:takeback")["items"][0]
    assert last["reason"] == "tumour:2 failed 4 of 34 requests, tumour:1 0 of 300."


def test_it_is_taken_back_when_it_is_much_slower(ws):
    canary = carried(ws, "tumour:2", 0.1, PLAN)
    logged(ws, "tumour:1", "champion", 300, ms=2.0)
    logged(ws, "tumour:2", "canary", 30, ms=80.0)
    ramps.tend(ws)
    assert now(ws, canary).because.startswith("95 % of the answers of tumour:2 took up to 8")


def test_failures_that_both_have_take_nothing_back(ws):
    canary = carried(ws, "tumour:2", 0.1, PLAN)
    logged(ws, "tumour:1", "champion", 270)
    logged(ws, "tumour:1", "champion", 30, kind="invalid_rows")
    logged(ws, "tumour:2", "canary", 27)
    logged(ws, "tumour:2", "canary", 4, kind="invalid_rows")
    ramps.tend(ws)
    assert now(ws, canary).state == "live"


def test_a_shadow_that_says_something_else_is_taken_back_and_one_that_agrees_goes_on(ws):
    other = carried(ws, "tumour:2", 0.0, PLAN)
    names = logged(ws, "tumour:1", "champion", 120, labels=["1"])
    logged(ws, "tumour:2", "challenger", 120, labels=["0"], beside=names)
    ramps.tend(ws)
    assert now(ws, other).because == "tumour:2 answers otherwise than tumour:1 in most cases."
    same = carried(ws, "tumour:2", 0.0, PLAN)
    names = logged(ws, "tumour:1", "champion", 120, labels=["1"])
    logged(ws, "tumour:2", "challenger", 120, labels=["1"], beside=names)
    ws.clock.turn(minutes=6)
    ramps.tend(ws)
    found = now(ws, same)
    assert (found.state, found.share, found.gate) == ("loading", 0.1, "canary")


def test_what_is_decided_on_an_old_look_is_not_written(ws):
    canary = carried(ws, "tumour:2", 0.1, PLAN)
    (trial,) = [ramps._trial(ws, found) for found in rollouts.go_by_themselves(ws)]
    ramps._raise(ws, trial)
    ramps._raise(ws, trial)
    ramps._take_back(ws, trial, "too late")
    assert (now(ws, canary).state, now(ws, canary).share) == ("live", 0.5)


def test_one_whose_approval_does_not_hold_any_more_is_taken_back(ws):
    canary = carried(ws, "tumour:2", 0.1, {**PLAN, "rows": 0, "minutes": 0})
    with ws.engine.begin() as connection:
        connection.execute(text("UPDATE request SET evidence = '{}' WHERE id = 2"))
    ramps.tend(ws)
    assert now(ws, canary).state == "failed"
    assert "not approved" in now(ws, canary).because
