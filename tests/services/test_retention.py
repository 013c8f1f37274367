"""Findings that are over are kept for as long as the rules say, and no longer."""

import pytest
import sqlmodel

from jupyter_mlops.services.alerts import alerts
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.evaluation import evaluate
from jupyter_mlops.services.retention import forget
from jupyter_mlops.services.rules import rules
from jupyter_mlops.services.watching import watched
from jupyter_mlops.store import tables
from traffic import afresh, an_hour, people


@pytest.fixture
def ws(made):
    """The deployment, of which an income vanished for an hour, and came back."""
    afresh(made)
    an_hour(made, people(200, 1).assign(income=None))
    for hour in range(3):
        an_hour(made, people(200, 2 + hour))
    evaluate(made, "shop")
    return made


def kept(ws):
    with ws.look() as session:
        return len(session.exec(sqlmodel.select(tables.Finding)).all())


def told(ws):
    return [row for row in audit(ws)["items"] if row["action"] == "deployment:retention:done"]


def test_what_is_over_goes_after_400_days_and_its_count_and_alert_stay(ws):
    before = len(told(ws))
    (alert,) = alerts(ws, "shop", state="resolved")["items"]
    n = kept(ws)
    assert n >= 1
    ws.clock.turn(days=400)
    assert forget(ws) == 0  # a day more, so that they go once a day
    assert kept(ws) == n
    ws.clock.turn(days=2)
    watched(ws)
    assert kept(ws) == 0
    (event,) = told(ws)[: len(told(ws)) - before]
    assert (event["subject"], event["after"]["findings"]) == ("deployment:shop", n)
    assert event["after"]["days"] == 400
    assert alerts(ws, "shop", state="resolved")["items"] == [alert]
    with ws.look() as session:
        assert sum(row.findings for row in session.exec(sqlmodel.select(tables.Evaluation))) == n
    assert forget(ws) == 0
    assert len(told(ws)) == before + 1


def test_the_rules_say_for_how_long_and_what_goes_on_is_kept(ws):
    rules(ws, "shop", "monitoring: {keep_days: 31}")
    an_hour(ws, people(200, 9).assign(income=None))
    evaluate(ws, "shop")
    assert alerts(ws, "shop", state="open")["items"]
    n = kept(ws)
    ws.clock.turn(days=33)
    assert 0 < forget(ws) < n
    assert kept(ws) > 0
    with ws.look() as session:
        row = session.exec(sqlmodel.select(tables.Finding)).first()
        assert session.get_one(tables.Alert, row.alert_id).resolved_at == ""
