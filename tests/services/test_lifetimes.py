"""Rows are kept for as long as somebody said, and for good where nobody did."""

import pytest
import sqlmodel

import subjects
from fakes import Clock
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.services import holds, keeping, lifetimes, segments
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.lifetimes import retention
from jupyter_mlops.services.monitoring import monitor
from jupyter_mlops.services.receipts import receipt
from jupyter_mlops.services.scoring import receive_actuals
from jupyter_mlops.services.watching import watched
from jupyter_mlops.store import tables
from subjects import WHO, answered, traces


@pytest.fixture(scope="module")
def shop(shared_where):
    ws = subjects.shop(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(shop):
    subjects.afresh(shop)
    shop.kept.pop(("lifetimes", "shop"), None)
    return shop


def lived(ws):
    """Log a case, and its label, of long ago and of today."""
    old = answered(ws, [WHO, "a"])
    receive_actuals(ws, "shop", [{"id": WHO, "value": 1}])
    ws.clock.turn(days=401)
    new = answered(ws, ["b"])
    receive_actuals(ws, "shop", [{"id": "b", "value": 1}])
    watched(ws)
    ws.kept.pop(("lifetimes", "shop"), None)
    return old, new


def removals(ws):
    found = audit(ws, "deployment:retention:done", limit=1000)["items"]
    return [one for one in found if "retention" in (one["after"] or {})]


def test_nothing_is_removed_where_nobody_said_so(ws):
    lived(ws)
    before = len(removals(ws))
    told = retention(ws, "shop")
    assert (told["number"], [row["days"] for row in told["items"]]) == (0, [0, 0, 0])
    assert told["because"] == "Everything is kept: nobody said for how long."
    assert lifetimes.keep_to(ws) == 0
    assert ws.telemetry.read_predictions("shop").num_rows == 3
    assert len(removals(ws)) == before


def test_what_is_older_goes_once_a_day_and_roots_and_figures_stay(ws):
    old, new = lived(ws)
    with ws.look() as session:
        roots = {row.id: row.root for row in session.exec(sqlmodel.select(tables.Segment))}
    before = len(removals(ws))
    profiles = monitor(ws, "shop", since="500d")["service"]["predictions"]
    retention(ws, "shop", predictions="400d", actuals="400d", reason="as agreed")
    watched(ws)
    assert ws.telemetry.read_predictions("shop")["id"].to_pylist() == ["b"]
    assert ws.telemetry.read_actuals("shop")["id"].to_pylist() == ["b"]
    (event,) = removals(ws)[: len(removals(ws)) - before]
    assert event["actor"]["kind"] == "service"
    assert event["after"]["retention"] == 1
    (piece,) = event["after"]["segments"]
    assert (piece["rows"], piece["root"]) == (2, roots[piece["segment"]])
    assert [one["rows"] for one in event["after"]["actuals"]] == [1]
    assert traces(ws, old[0]) == []
    with pytest.raises(NotFound) as error:
        receipt(ws, old[0])
    assert error.value.code == "prediction_removed"
    assert receipt(ws, new[0])["ok"]
    assert monitor(ws, "shop", since="500d")["service"]["predictions"] == profiles
    assert audit(ws, verify=True)["ok"]
    assert lifetimes.keep_to(ws) == 0
    watched(ws)
    assert len(removals(ws)) == before + 1


def test_what_is_held_stays(ws):
    lived(ws)
    retention(ws, "shop", predictions="30d")
    holds.hold(ws, "churn:1", because="case 2026-17")
    assert lifetimes.keep_to(ws) == 0
    assert retention(ws, "shop")["held"] == "case 2026-17"
    assert ws.telemetry.read_predictions("shop").num_rows == 3
    holds.hold(ws, "churn:1", because="over", release=True)
    ws.clock.turn(days=2)
    assert lifetimes.keep_to(ws) > 0


def test_a_dry_run_tells_what_would_go_and_changes_nothing(ws):
    lived(ws)
    before = audit(ws, limit=1)["items"][0]["seq"]
    told = retention(ws, "shop", predictions="30d", dry_run=True)
    assert [(row["part"], row["days"], row["due"], row["files"]) for row in told["items"]] == [
        ("predictions", 30, 2, 1), ("actuals", 0, 0, 0), ("samples", 0, 0, 0),
    ]  # fmt: skip
    assert audit(ws, limit=1)["items"][0]["seq"] == before
    assert retention(ws, "shop")["number"] == 0


def test_each_retention_is_a_version_of_its_own(ws):
    retention(ws, "shop", predictions="400d", reason="first")
    told = retention(ws, "shop", actuals="800d")
    assert (told["number"], [row["days"] for row in told["items"]]) == (2, [400, 800, 0])
    told = retention(ws, "shop", predictions="forever")
    assert [row["days"] for row in told["items"]] == [0, 800, 0]
    (event, *_) = audit(ws, "retention:change")["items"]
    assert event["before"] == {"predictions": 400, "actuals": 800, "samples": 0}
    assert event["after"] == {"number": 3, "predictions": 0, "actuals": 800, "samples": 0}


@pytest.mark.parametrize("text", ["400", "0d", "-3d", "a week", "9999999d", "'; DROP", "1e3d"])
def test_what_is_no_time_is_refused(ws, text):
    with pytest.raises(Invalid) as error:
        retention(ws, "shop", predictions=text)
    assert error.value.code == "retention_invalid"
    assert retention(ws, "shop")["number"] == 0


def test_a_short_time_for_a_high_risk_is_warned_of(ws):
    with ws.act("test:risk", subject="test") as act:
        version = act.session.exec(sqlmodel.select(tables.Version)).one()
        version.risk = "high"
    told = retention(ws, "shop", predictions="182d")
    assert told["warnings"] == [
        "shop is of high risk and keeps predictions for 182 days; 183 are usually asked for."
    ]
    assert retention(ws, "shop", predictions="183d")["warnings"] == []
    with ws.act("test:risk", subject="test") as act:
        act.session.exec(sqlmodel.select(tables.Version)).one().risk = "low"


def test_a_sample_goes_when_its_version_serves_nowhere_for_so_long(ws):
    retention(ws, "shop", samples="30d")
    ws.clock.turn(days=60)
    assert lifetimes.keep_to(ws) == 0  # it serves
    with ws.act("test:end", subject="test") as act:
        for row in act.session.exec(sqlmodel.select(tables.Rollout)):
            row.state, row.until = "ended", ws.now()
    ws.clock.turn(days=29)
    assert lifetimes.keep_to(ws) == 0
    ws.clock.turn(days=2)
    assert traces(ws, WHO)
    assert lifetimes.keep_to(ws) == 1
    assert traces(ws, WHO) == []


def test_what_waits_to_be_profiled_is_not_removed(ws):
    answered(ws, [WHO])
    ws.clock.turn(days=401)
    retention(ws, "shop", predictions="400d")
    assert lifetimes.keep_to(ws) == 0
    segments.seal(ws)
    keeping.keep(ws)
    ws.clock.turn(days=2)
    assert lifetimes.keep_to(ws) == 1
