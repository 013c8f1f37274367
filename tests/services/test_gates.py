"""The way a version takes over: chosen and explained, or as a person said."""

import pytest

from fakes import Clock
from jupyter_mlops.services.gates import Asked, rows_per_hour, way
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables


@pytest.fixture
def ws(tmp_path):
    """An empty workspace."""
    return open_local(tmp_path / "here", clock=Clock())


def version(risk="moderate", auc=0.9, rows=2000):
    """A version that did so on its holdout."""
    figure = {"value": auc, "low": auc - 0.01, "high": auc + 0.01}
    lineage = {"data": {"holdout": {"rows": rows}}}
    return tables.Version(risk=risk, metrics={"roc_auc": figure}, lineage=lineage)


def chosen(ws, asked, found, champion, rate):
    """The way it takes over."""
    return way(ws, "clinic", asked, version=found, champion=champion, task="binary", rate=rate)


@pytest.mark.parametrize(
    ("found", "champion", "rate", "gate", "because"),
    [
        (version(), None, 0, "swap", "first release"),
        (version(), version(), 12, "swap", "12 rows an hour a share would learn too little"),
        (version(), version(), 5000, "canary", "no worse than the champion; 5,000 rows"),
        (version(rows=90), version(), 5000, "canary", "risk is moderate, and 5,000 rows"),
        (version(auc=0.7), version(), 5000, "shadow", "does not speak for it"),
        (version(risk="low"), version(), 5000, "swap", "risk is low"),
        (version(risk="high"), version(), 0, "shadow", "risk is high"),
    ],
)
def test_unless_told_the_gate_is_chosen_and_explained(ws, found, champion, rate, gate, because):
    told = chosen(ws, Asked("auto", None), found, champion, rate)
    assert told.gate == gate
    assert because in told.because


def test_a_person_overrules_the_choice(ws):
    few = (version(), version(), 5)
    assert chosen(ws, Asked("canary", None), *few).plan["steps"] == [0.5]
    assert chosen(ws, Asked("shadow", None), *few).share == 0.0
    held = chosen(ws, Asked("auto", 0.2), *few)
    assert (held.gate, held.share, held.plan) == ("canary", 0.2, {})
    assert chosen(ws, Asked("swap", None), version(risk="high"), version(), 9000).gate == "swap"


def test_with_more_traffic_a_canary_begins_smaller(ws):
    shares = [
        chosen(ws, Asked("canary", None), version(), version(), rate).share
        for rate in (100, 1_000, 10_000)
    ]
    assert shares == [0.5, 0.05, 0.01]


def test_traffic_is_what_was_answered_over_the_last_day(ws):
    assert rows_per_hour(ws, "clinic") == 0.0
    log = ws.telemetry.open_log("clinic")
    head = b'{"at": "2026-11-24T%02d:00:00.000000Z", "kind": "%s", "status": 200, "rows": 24, "ms": 1.0, '
    head += b'"prediction_ids": [], "ids": [], "scores": [], "labels": [], "probabilities": [], '
    head += b'"warnings": [], "version": "m:1", "digest": "d", "role": "champion"}'
    for hour, kind in ((1, b""), (2, b""), (3, b"invalid_rows")):
        log.append(head % (hour, kind), b'{"rows": []}')
    log.commit()
    assert rows_per_hour(ws, "clinic") == 2.0
