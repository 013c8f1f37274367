"""Periods that are batches: the requests with more than one row."""

from datetime import timedelta

import pytest

from jupyter_mlops import charts
from jupyter_mlops.commands.telling import sentence
from jupyter_mlops.services import batches
from jupyter_mlops.services.accuracy import accuracy
from jupyter_mlops.services.drift import drift
from jupyter_mlops.services.humility import humility
from jupyter_mlops.services.monitoring import monitor
from jupyter_mlops.services.scoring import receive_actuals
from jupyter_mlops.services.service import service
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.workspace import open_local
from watched import NOON, deployed, people, written

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FIRST, SECOND = NOON - 5 * HOUR, NOON - 5 * HOUR + 3 * MINUTE


@pytest.fixture
def ws(where, clock):
    ws = open_local(where, clock=clock)
    deployed(ws)
    yield ws
    ws.engine.dispose()


def two_batches(ws):
    """Write two batches of one hour, of which the second is of others, and single rows around."""
    written(
        ws,
        [
            (people(1, 1), FIRST - MINUTE),
            (people(60, 2), FIRST, {"ms": 20.0}),
            (people(1, 3), FIRST + MINUTE),
            (people(80, 4, older=30), SECOND, {"ms": 30.0}),
            (people(1, 5), SECOND + MINUTE),
        ],
    )


def told(found):
    return [(period["start"], period["n"]) for period in found]


def moments(*found):
    return [f"{moment:%Y-%m-%dT%H:%M:%S}.000000Z" for moment in found]


def test_each_batch_is_a_period_of_its_own_and_single_rows_are_none(ws):
    two_batches(ws)
    watched(ws)
    first, second = moments(FIRST, SECOND)
    found = service(ws, "shop", by="batch")
    assert found["requests"] == 5
    assert told(found["series"]) == [(first, 60), (second, 80)]
    assert [round(point["value"]) for point in found["series"]] == [20, 30]
    assert found["batches"]["because"] == "The periods are the 2 requests with more than one row."
    assert sentence("service", found).endswith("the 2 requests with more than one row")
    moved = drift(ws, "shop", by="batch")
    assert told(moved["periods"]) == [(first, 60), (second, 80)]
    (psi,) = (row["psi"] for row in moved["heat"] if row["feature"] == "age")
    assert psi[1] > 1 > psi[0]
    assert moved["items"][0]["n_current"] == 143
    page = monitor(ws, "shop", by="batch")
    assert page["drift"]["heat"] == moved["heat"]
    assert page["service"]["series"] == found["series"]
    assert told(humility(ws, "shop", by="batch").get("items", [])) == []
    assert charts.picture("service", found)


def test_a_segment_and_a_version_of_batches(ws):
    two_batches(ws)
    of_eu = service(ws, "shop", by="batch", segment="region=EU")
    europeans = [sum(row["region"] == "EU" for row in people(*who)) for who in ((60, 2), (80, 4))]
    assert [point["n"] for point in of_eu["series"]] == europeans
    moved = drift(ws, "shop", by="batch", segment="region=EU")
    assert [period["n"] for period in moved["periods"]] == europeans
    assert [p["n"] for p in service(ws, "shop", by="batch", version=("buyer:1",))["series"]] == [
        60,
        80,
    ]


def test_accuracy_of_each_batch_with_the_labels_that_came(ws):
    two_batches(ws)
    log = ws.telemetry.read_predictions("shop", FIRST, SECOND)
    batch = [row for row in log.to_pylist() if row["at"] == FIRST]
    receive_actuals(
        ws,
        "shop",
        [{"id": row["id"], "value": "yes" if row["score"] >= 0.5 else "no"} for row in batch],
    )
    found = accuracy(ws, "shop", by="batch")
    assert told(found["series"]) == [*zip(moments(FIRST, SECOND), (60, 80), strict=True)]
    assert [point["labelled"] for point in found["series"]] == [1.0, 0.0]
    assert found["series"][0]["metrics"]["accuracy"]["value"] == 1.0
    assert found["n"] == 143
    assert found["labelled"] == pytest.approx(60 / 143)


def test_only_the_newest_batches_are_told_and_how_many_are_not(ws):
    most = batches.MOST
    written(ws, [(people(2, at), NOON - at * MINUTE) for at in range(1, most + 6)])
    found = service(ws, "shop", by="batch")
    assert len(found["series"]) == most
    assert found["batches"]["left_out"] == 5
    assert "5 older ones are left out" in found["batches"]["because"]
    assert found["series"][-1]["start"] == moments(NOON - MINUTE)[0]


@pytest.mark.parametrize("read", [service, drift, accuracy, monitor, humility])
def test_without_a_batch_there_is_no_period_and_it_says_so(ws, read):
    written(ws, [(people(1, at), NOON - at * MINUTE) for at in range(1, 4)])
    found = read(ws, "shop", by="batch")
    told = found["service"] if read is monitor else found
    assert told["batches"]["because"] == "No request in this time had more than one row."
    assert not told.get("series")
    assert not told.get("periods")
