"""Any question of the log: segments, versions, references, and how it was then."""

import json
from datetime import timedelta

import numpy as np
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.figures import moment
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.domain import audit
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, NotFound, Refused
from jupyter_mlops.services import (
    accuracy,
    champions,
    drift,
    heat,
    monitoring,
    profiles,
    references,
    rules,
    service,
)
from jupyter_mlops.services.slices import Slice
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import registered
from watched import FEATURES, NOON, deployed, people, written

DAY = timedelta(days=1)


@pytest.fixture
def ws(where, clock):
    """Three versions, each champion for thirty days; people get older with the last."""
    ws = open_local(where, clock=clock)
    deployed(ws, versions=3, since=NOON - 90 * DAY, every=30 * DAY)
    requests = [
        (people(200, day, older=15 if day < 30 else 0), NOON - day * DAY - timedelta(hours=3),
         {"version": f"buyer:{3 - day // 30}"})
        for day in (2, 5, 32, 35, 62, 65)
    ]  # fmt: skip
    written(ws, requests)
    watched(ws)
    yield ws
    ws.engine.dispose()


def age(found):
    return next(row for row in found["items"] if row["feature"] == "age")


CASES = [
    ("region=EU", lambda row: row["region"] == "EU"),
    ("region=EU & age>45", lambda row: row["region"] == "EU" and (row["age"] or 0) > 45),
    ("not age > 40", lambda row: not ((row["age"] or 0) > 40)),
    ("region in [EU, XX] | 30 < age <= 35.5", lambda row: row["region"] == "EU" or 30 < (row["age"] or 0) <= 35.5),
    ("age % 10 < 2 and age // 10 != 4", lambda row: row["age"] is not None and row["age"] % 10 < 2 and row["age"] // 10 != 4),
    ("1 < 2", lambda _row: True),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), CASES)
def test_a_segment_is_the_rows_that_meet_it(ws, condition, expected):
    rows = ws.telemetry.read_predictions("shop")
    found = Slice(condition, FEATURES).of(rows)["features"].to_pylist()
    assert found == [row for row in rows["features"].to_pylist() if expected(row)]


def test_a_segment_that_is_none_names_the_place(ws):
    with pytest.raises(Invalid, match="there is no feature aeg"):
        drift.drift(ws, "shop", segment="aeg > 3")


def test_drift_of_a_segment_counts_its_rows_alone(ws):
    whole, part = drift.drift(ws, "shop"), drift.drift(ws, "shop", segment="region=EU")
    assert age(whole)["n_current"] == 400
    assert 150 < age(part)["n_current"] < 250
    row = next(item for item in part["items"] if item["feature"] == "region")
    assert row["current"][row["bins"].index("EU")] == 1


def test_drift_has_every_distance_and_a_heat_map(ws):
    found = drift.drift(ws, "shop", by="day")
    told = age(found)
    assert all(
        told[name] > 0 for name in ("psi", "jensen_shannon", "hellinger", "wasserstein", "kl")
    )
    assert (
        next(row for row in found["items"] if row["feature"] == "region")["cramers_v"] is not None
    )
    warm = next(row for row in found["heat"] if row["feature"] == "age")["psi"]
    assert [n > 0 for n in (period["n"] for period in found["periods"])] == [
        psi is not None for psi in warm
    ]
    span = Window(NOON - 7 * DAY, NOON, "day")
    before = references.frozen(ws, "buyer:3")
    kept = heat.heat(before, profiles.shown(ws, "shop", span, "buyer:3"), span)
    assert kept[0] == found["periods"]
    assert next(row for row in kept[1] if row["feature"] == "feature:age")["psi"] == warm


def test_versions_are_told_side_by_side_on_one_scale(ws):
    found = drift.drift(ws, "shop", since="90d", version=("buyer:3", "buyer:1"))
    (other,) = found["beside"]
    assert (found["version"], other["version"]) == ("buyer:3", "buyer:1")
    assert age(found)["bins"] == age(other)["bins"]
    assert age(found)["psi"] > age(other)["psi"]
    served = service.service(ws, "shop", since="90d", version=("buyer:3", "buyer:1"))
    assert [served["predictions"], served["beside"][0]["predictions"]] == [400, 400]
    with pytest.raises(NotFound):
        drift.drift(ws, "shop", version=("buyer:9",))


@pytest.mark.parametrize(
    ("reference", "finding", "rows"),
    [
        ("training", "drifted", 1000),
        ("30d", "drifted", 400),
        ("last-month", "drifted", 400),
        ("buyer:2", "drifted", 400),
        ("region=EU", "stable", None),
    ],
)
def test_drift_is_told_against_any_reference(ws, reference, finding, rows):
    until = "2026-11-24T12:00" if reference != "buyer:2" else None
    since = {"buyer:2": "60d", "last-month": "7d"}.get(reference, "7d")
    found = drift.drift(ws, "shop", since=since, until=until, reference=reference)
    assert (age(found)["finding"], rows or age(found)["n_reference"]) == (
        finding,
        age(found)["n_reference"],
    )


def test_the_same_season_of_last_year(ws):
    noon, old = NOON.replace(year=2025), {"version": "buyer:1"}
    written(ws, [(people(300, 9), noon - timedelta(hours=1), old),
                 (people(50, 8), noon + timedelta(minutes=20), old)])  # fmt: skip
    watched(ws)
    found = drift.drift(ws, "shop", reference="season")
    assert age(found)["n_reference"] == 300


def test_a_version_without_a_holdout_says_so(ws):
    with pytest.raises(Refused, match="without a holdout"):
        drift.drift(ws, "shop", reference="holdout")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("banana", "training, holdout, an age such as 30d, last-month, season, a version such as buyer:3"),
        ("", "or a segment such as"),
        ("holdot", "Did you mean holdout?"),
        ("aeg", "Did you mean age?"),
    ],
)  # fmt: skip
def test_a_word_that_is_no_reference_is_told_which_there_are(ws, said, hint):
    with pytest.raises(NotFound, match=f"'{said}' is nothing to compare with. Hint: .*{hint}"):
        drift.drift(ws, "shop", reference=said)


def test_as_of_looks_with_the_eyes_of_then(ws):
    with ws.act("rules:change", subject="deployment:shop") as act:
        for number, at in ((1, NOON - 50 * DAY), (2, NOON)):
            told = {"humility": [], "objectives": {"error_rate": None, "latency_p95_ms": number}}
            body = json.dumps(told)
            act.session.add(tables.Rules(deployment_id=1, number=number, digest=audit.digest(body),
                                         text="", body=body, at=iso(at)))  # fmt: skip
    then = iso(NOON - 31 * DAY)
    found = monitoring.monitor(ws, "shop", as_of=then)
    assert (found["version"], found["until"]) == ("buyer:2", then)
    assert found["service"]["predictions"] == 400
    assert age(found["drift"])["n_current"] == 400
    assert rules.of_deployment(ws, "shop", NOON - 31 * DAY).objectives.latency_p95_ms == 1
    assert rules.of_deployment(ws, "shop", NOON - 51 * DAY) is None
    with pytest.raises(Refused):
        champions.champion(ws, "shop", NOON - 100 * DAY)


def test_accuracy_knows_the_labels_of_then_and_the_segment(ws):
    rows = ws.telemetry.read_predictions("shop", NOON - 7 * DAY).to_pylist()
    told = [{"id": None, "prediction_id": row["prediction_id"], "at": NOON, "value":
             "yes" if np.random.default_rng(at).uniform() < row["score"] else "no"}
            for at, row in enumerate(rows)]  # fmt: skip
    known = NOON - timedelta(hours=1)
    ws.telemetry.announce(ws.telemetry.write_actuals("shop", told, known_at=known))
    now = accuracy.accuracy(ws, "shop")
    assert (now["n"], now["labelled"]) == (400, 1.0)
    assert accuracy.accuracy(ws, "shop", as_of=iso(known - timedelta(minutes=1)))["labelled"] == 0
    part = accuracy.accuracy(ws, "shop", segment="region=EU")
    assert 100 < part["n"] < 300
    assert service.service(ws, "shop", segment="region=EU")["predictions"] == part["n"]


def test_without_labels_nothing_is_read_to_say_so(ws):
    for file in ws.home.predictions.rglob("*.parquet"):
        file.unlink()
    found = accuracy.accuracy(ws, "shop", since="2026-11-17", by="day")
    assert (found["n"], found["labelled"], found["status"]) == (400, 0.0, "unknown")
    assert sum(point["n"] for point in found["series"]) == 400


def test_a_version_is_registered_with_the_profile_of_its_holdout(tmp_path):
    with open_workspace(tmp_path / "here") as session:
        registered(session)
        ws = session.door.ws
        found = {part: references.frozen(ws, "tumour:1", part) for part in ("training", "holdout")}
    assert (found["training"].rows, found["holdout"].rows) == (350, 219)
    assert found["training"].layout == found["holdout"].layout
    name = "feature:mean radius"
    assert found["holdout"].column(name).n == 219
    assert found["holdout"].column("score") == found["training"].column("score")


@pytest.mark.parametrize("segment", ["", "region=EU"])
def test_accuracy_counts_whole_hours_and_says_which(ws, segment):
    at = NOON - 5 * timedelta(minutes=1)
    written(ws, [(people(20, 7), at), (people(30, 8), at - timedelta(minutes=30))])
    told = people(20, 7) + people(30, 8)
    rows = sum(not segment or row["region"] == "EU" for row in told)
    since = iso(NOON - timedelta(minutes=10))
    found = accuracy.accuracy(ws, "shop", since=since, segment=segment)
    assert found["n"] == rows
    assert (found["since"], found["until"]) == (
        iso(NOON - timedelta(hours=1)),
        iso(NOON + timedelta(hours=1)),
    )
    said = Answer(verbs()["accuracy"], found).line
    assert f"counted in whole hours, {moment(found['since'])} to {moment(found['until'])}" in said
    exact = service.service(ws, "shop", since=since, segment=segment)["predictions"]
    assert exact == sum(not segment or row["region"] == "EU" for row in people(20, 7))
