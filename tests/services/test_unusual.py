"""The newest complete point of a series, against the series' own history."""

from datetime import timedelta

import numpy as np
import pytest

from charts import fleets
from jupyter_mlops import charts
from jupyter_mlops.commands.telling import sentence
from jupyter_mlops.services import drift, monitoring, service, unusual
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.stats.size import by_chance
from watched import NOON, deployed, people, written

DAY = timedelta(days=1)
HOURS = [8, 11, 14, 17, 20]


def history(ws, *, rows=40, older=0.0, failed=0, ms=2.0, requests=5):
    """Write five requests a day for thirty days; what is told here is of yesterday alone."""
    random = np.random.default_rng(7)
    written_down = []
    for ago in range(30, 0, -1):
        day = (NOON - ago * DAY).replace(hour=0)
        is_last = ago == 1
        for hour in (HOURS * 3)[: requests if is_last else 5]:
            asked = people(rows if is_last else 40, 100 * ago + hour, older=older * is_last)
            took = (ms if is_last else 2.0) * random.uniform(0.9, 1.1)
            written_down.append((asked, day + timedelta(hours=hour), {"ms": took}))
        if is_last:
            written_down += [([], day + timedelta(hours=9), {"kind": "internal"})] * failed
    written(ws, written_down)
    watched(ws)


@pytest.fixture
def ws(where, clock):
    ws = open_local(where, clock=clock)
    deployed(ws)
    yield ws
    ws.engine.dispose()


def marks(found):
    return {mark["measure"] for point in found["series"] for mark in point.get("unusual", [])}


def test_a_day_like_the_others_is_not_marked(ws):
    history(ws)
    found = monitoring.monitor(ws, "shop")
    assert "unusual" not in found
    assert not marks(found["service"])
    assert not any("unusual" in row for row in found["drift"]["heat"])


def test_a_day_unlike_the_others_is_marked_and_said(ws):
    history(ws, older=12, ms=40.0, requests=15, failed=15)
    found = monitoring.monitor(ws, "shop")
    assert marks(found["service"]) == {"requests", "error_rate", "latency_p95"}
    (mark,) = (row["unusual"] for row in found["drift"]["heat"] if row["feature"] == "age")
    assert mark["value"] > mark["high"] > mark["expected"]
    assert mark["start"].startswith("2026-11-23")
    assert "Unusual against its own history: requests 30 (about 5 expected)" in sentence(
        "monitor", found
    )
    assert service.service(ws, "shop")["series"] == found["service"]["series"]
    assert drift.drift(ws, "shop")["heat"] == found["drift"]["heat"]
    rings = fleets.drawn(charts.picture("service", found["service"]), "ring")
    assert [row["what"] for row in rings] == ["requests, error_rate, latency_p95"]


def test_each_version_that_is_asked_for_is_marked_and_drawn(where, clock):
    ws = open_local(where, clock=clock)
    deployed(ws, versions=2)
    history(ws, older=12, ms=40.0, requests=15)
    told = {"version": ("buyer:2", "buyer:1")}
    moved, served = drift.drift(ws, "shop", **told), service.service(ws, "shop", **told)
    assert not any("unusual" in row for row in moved["heat"])
    (other,) = moved["beside"]
    assert [row["feature"] for row in other["heat"] if "unusual" in row] == ["age"]
    assert marks(served["beside"][0]) == {"requests", "latency_p95"}
    assert (served["version"], served["beside"][0]["version"]) == told["version"]
    drawn = charts.picture("service", served).to_dict()
    titles = [one["title"]["text"][0] for one in drawn["vconcat"]]
    assert titles[0].startswith("buyer:2 · ")
    assert titles[2].startswith("buyer:1 · ")
    assert len(fleets.drawn(charts.picture("service", served), "ring")) == 1
    cells = fleets.drawn(charts.picture("drift", moved), "unusual")
    assert [cell["name"] for cell in cells if cell["unusual"]] == ["age"]
    ws.engine.dispose()


def test_a_short_history_tells_nothing(ws):
    written(ws, [(people(40, ago), NOON - ago * DAY) for ago in (3, 2, 1)])
    assert "unusual" not in monitoring.monitor(ws, "shop")


def test_a_segment_is_marked_against_its_own_history(ws):
    history(ws, older=12, ms=40.0, requests=15)
    segment = "region=EU"
    found = monitoring.monitor(ws, "shop", segment=segment)
    assert marks(found["service"]) == {"requests", "latency_p95"}
    (mark,) = (row["unusual"] for row in found["drift"]["heat"] if row["feature"] == "age")
    assert mark["value"] > mark["high"]
    answers = next(one for one in found["service"]["series"][-2]["unusual"])
    assert answers["measure"] == "requests"
    assert answers["value"] == pytest.approx(300, rel=0.2)
    assert answers["expected"] == pytest.approx(100, rel=0.2)
    assert drift.drift(ws, "shop", segment=segment)["heat"] == found["drift"]["heat"]
    assert service.service(ws, "shop", segment=segment)["series"] == found["service"]["series"]


def test_a_segment_as_ever_is_not_marked(ws):
    history(ws)
    found = monitoring.monitor(ws, "shop", segment="region=EU")
    assert not marks(found["service"])
    assert not any("unusual" in row for row in found["drift"]["heat"])


@pytest.mark.parametrize("reference", ["12d", "15d"])
def test_another_reference_has_its_own_marks(ws, reference):
    history(ws, older=12)
    found = drift.drift(ws, "shop", reference=reference, since="2d")
    (mark,) = (row["unusual"] for row in found["heat"] if row["feature"] == "age")
    assert mark["value"] > mark["high"] > mark["expected"]


def test_the_time_of_the_reference_is_no_history_of_how_far_rows_are_from_it(ws):
    history(ws, older=12)
    found = drift.drift(ws, "shop", reference="30d", since="2d")
    assert not any("unusual" in row for row in found["heat"])  # nothing else is left


def test_a_history_too_long_to_be_read_is_not_read_for_a_mark(ws, monkeypatch):
    history(ws, older=12)
    monkeypatch.setattr(unusual, "MOST_READ", 100)
    found = monitoring.monitor(ws, "shop", segment="region=EU")
    assert not any("unusual" in row for row in found["drift"]["heat"])
    assert "unusual" in monitoring.monitor(ws, "shop")


def test_a_psi_is_large_by_chance_as_often_as_it_is_said_to_be():
    random, shares = np.random.default_rng(5), np.full(10, 0.1)
    found = []
    for _ in range(600):
        before, now = (
            random.multinomial(4_000, shares) / 4_000,
            random.multinomial(2_000, shares) / 2_000,
        )
        found.append(
            by_chance(((now - before) * np.log(now / before)).sum(), 4_000, 2_000, cells=10)
        )
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.027)
