"""Profiles are kept once, and reads tell the same whether a row is profiled, sealed or still open."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import text

from jupyter_mlops.services import drift, keeping, profiles, references, segments, service
from jupyter_mlops.services.counting import added, batch_of, by_hour
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.window import Window, window
from jupyter_mlops.services.workspace import open_local
from watched import NOON, deployed, people, written

DAY = timedelta(days=1)
WEEK = Window(NOON - 7 * DAY, NOON)


@pytest.fixture
def ws(where, clock):
    """A workspace with a deployment, at noon."""
    ws = open_local(where, clock=clock)
    deployed(ws)
    yield ws
    ws.engine.dispose()


def told(ws, span=WEEK, version="buyer:1"):
    batch, hours = profiles.answers(ws, "shop", span, version)
    return batch.rows, batch.counts.tolist(), sum(hour.rows for hour in hours)


def raw(ws, span=WEEK, version="buyer:1"):
    """What the same window tells when all its rows are read."""
    import pyarrow.compute as pc

    log = ws.telemetry.read_predictions("shop", span.since, span.until)
    log = log.filter(pc.equal(log["version"], version))
    batch = batch_of(log, references.layout(ws, version))
    return batch.rows, batch.counts.tolist(), batch.rows


def some_days(ws, *, days=3, seal=True):
    for day in range(days):
        for hour in (0, 1, 23):
            at = NOON - day * DAY - timedelta(hours=hour, minutes=20)
            written(ws, [(people(40, day * 24 + hour), at)], seal=seal)


def test_the_same_is_told_before_and_after_sealing_and_profiling(ws):
    some_days(ws, seal=False)
    whole = raw(ws)
    assert told(ws) == whole
    segments.seal(ws)
    assert told(ws) == whole
    assert watched(ws).rows == 360
    assert told(ws) == whole
    assert watched(ws).pieces == 0
    assert told(ws) == whole


def test_what_is_profiled_is_not_read_again(ws, monkeypatch):
    some_days(ws)
    watched(ws)
    whole = told(ws)
    for file in ws.home.predictions.rglob("*.parquet"):
        file.unlink()
    assert told(ws) == whole
    assert whole[0] == 360


@pytest.mark.parametrize("minutes", [0, 1, 19, 20, 21, 59])
def test_a_window_that_cuts_hours_is_exact(ws, minutes):
    some_days(ws)
    watched(ws)
    span = Window(NOON - 2 * DAY - timedelta(hours=1, minutes=minutes),
                  NOON - timedelta(minutes=minutes))  # fmt: skip
    assert told(ws, span) == raw(ws, span)


def test_a_window_within_an_hour_is_exact(ws):
    some_days(ws)
    watched(ws)
    span = Window(NOON - timedelta(minutes=25), NOON - timedelta(minutes=15))
    assert told(ws, span) == raw(ws, span)
    assert told(ws, span)[0] == 40


def test_the_hour_that_goes_on_is_told_from_its_profile(ws, clock):
    clock.turn(minutes=30)
    written(ws, [(people(25), clock.now - timedelta(minutes=10))])
    watched(ws)
    span = window(ws, "2026-11-24T12:00", None)
    clock.turn(minutes=5)  # the answer takes its time
    for file in ws.home.predictions.rglob("*.parquet"):
        file.unlink()
    assert told(ws, span)[0] == 25


def test_hours_of_several_segments_are_one_row(ws):
    for seed in range(4):
        written(ws, [(people(10, seed), NOON - timedelta(minutes=50 - seed))])
        watched(ws)
    with ws.look() as session:
        rows = session.execute(text("SELECT part, rows FROM profile ORDER BY part")).all()
    assert rows == [("answers", 40), ("requests", 4), ("scores", 40)]


def test_a_challenger_is_apart(ws):
    shadow = {"role": "challenger"}
    at = NOON - timedelta(hours=2)
    written(ws, [(people(10), at), (people(30, 1), at, shadow)])
    for _ in range(2):
        assert told(ws)[0] == 10
        batch, _ = profiles.answers(ws, "shop", WEEK, "buyer:1", role="challenger")
        assert batch.rows == 30
        watched(ws)


def test_a_segment_that_is_counted_before_its_file_goes_is_counted_once(ws):
    written(ws, [(people(20), NOON - timedelta(hours=3))], seal=False)
    (segment,) = (ws.home.spool / "shop").glob("*.log")
    copy = segment.read_bytes()
    segments.seal(ws)
    watched(ws)
    segment.write_bytes(copy)  # a crash after the event and before the end of the segment
    assert told(ws)[0] == 20
    segments.seal(ws)
    watched(ws)
    assert told(ws)[0] == 20


def test_two_that_count_the_same_piece_keep_it_once(ws):
    some_days(ws, days=1)
    pieces = keeping._next(ws, set())[1]
    found = keeping._counted(ws, "shop", pieces, set(), partial(keeping._here, ws))
    assert keeping._remember(ws, "shop", found)
    assert not keeping._remember(ws, "shop", found)
    assert told(ws) == raw(ws)


def test_a_damaged_piece_waits_and_holds_up_nobody(ws, capsys):
    some_days(ws, days=1)
    first = min(ws.home.predictions.rglob("*.parquet"))
    first.write_bytes(b"not Parquet")
    assert watched(ws).pieces == 2
    assert "cannot be read" in capsys.readouterr().err


def test_service_is_the_same_from_profiles(ws):
    at = NOON - timedelta(hours=5)
    written(
        ws,
        [(people(3), at), (people(2), at, {"kind": "model_failed"}), (people(1), at, {"ms": 9.0})],
    )
    written(ws, [([], at, {"kind": "invalid"})])  # nothing was answered in it
    before = service.of_window(ws, "shop", WEEK)
    watched(ws)
    assert service.of_window(ws, "shop", WEEK) == before
    assert (before["requests"], before["predictions"], before["errors"]) == (4, 4, 2)


def test_drift_is_told_from_profiles(ws):
    written(ws, [(people(500, 5, older=15), NOON - timedelta(hours=2))])
    watched(ws)
    found = drift.drift(ws, "shop")
    row = next(item for item in found["items"] if item["feature"] == "age")
    assert (row["finding"], row["n_current"]) == ("drifted", 500)


def test_a_window_of_several_versions_is_told_version_by_version(ws):
    at = NOON - timedelta(hours=2)
    written(ws, [(people(10), at), (people(4), at, {"version": "buyer:2"})])
    assert told(ws)[0] == 10
    watched(ws)
    assert told(ws)[0] == 10
    batch = profiles.everybody(ws, "shop", WEEK, "buyer:1")
    assert batch.rows == 14


@pytest.mark.parametrize("minutes", [0, 30, 90, 60 * 30])
def test_as_of_tells_what_was_known_then(ws, minutes):
    some_days(ws)
    watched(ws)
    as_of = NOON - timedelta(minutes=minutes)
    span = Window(NOON - 7 * DAY, as_of, as_of=as_of)
    assert told(ws, span) == raw(ws, Window(NOON - 7 * DAY, as_of))


def test_what_was_learnt_late_is_not_known_before(ws):
    some_days(ws, days=2)
    watched(ws)
    with ws.look() as session:
        assert (
            session.execute(text("SELECT count(*) FROM profile WHERE part = 'answers'")).scalar()
            == 6
        )
    log = ws.telemetry.read_predictions("shop")
    late = log.set_column(
        log.schema.get_field_index("known_at"), "known_at",
        [pa.array([NOON - timedelta(minutes=45)] * log.num_rows, log["known_at"].type)],
    )  # fmt: skip
    with ws.act("test", subject="test") as act:
        keeping.keep_answers(
            act.session, "shop", added(by_hour(late, partial(references.layout, ws)))
        )
    now = told(ws)
    assert now[0] == 2 * 240
    then = NOON - timedelta(hours=1)
    assert told(ws, Window(NOON - 7 * DAY, then, as_of=then))[0] == 200


def test_a_correction_subtracts(ws):
    some_days(ws, days=1)
    watched(ws)
    log = ws.telemetry.read_predictions("shop")
    found = added(by_hour(log.slice(0, 40), partial(references.layout, ws)))
    taken = {key: replace(batch, rows=-batch.rows, counts=-batch.counts,
                          sums=batch.sums * [-1, 1, -1, 1, 1])
             for key, batch in found.items()}  # fmt: skip
    with ws.act("test", subject="test") as act:
        keeping.keep_answers(act.session, "shop", taken)
    rest = batch_of(log.slice(40), references.layout(ws, "buyer:1"))
    batch, _ = profiles.answers(ws, "shop", WEEK, "buyer:1")
    assert batch.counts.tolist() == rest.counts.tolist()
    assert np.allclose(batch.sums[:, :3], rest.sums[:, :3])
