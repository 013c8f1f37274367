"""Labels are counted once: late, early, twice, corrected, in whatever order and company they come."""

import math
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fakes import Clock
from jupyter_mlops.services import accuracy, hours, judging, keeping, labelled, segments
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.stats.accuracy import binary
from labelled import answered, drawn
from labelled import labelled as told
from watched import NOON, deployed

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK = Window(NOON - 7 * DAY, NOON + HOUR)


@pytest.fixture
def ws(where, clock):
    """A workspace with a deployment, at noon."""
    ws = open_local(where, clock=clock)
    deployed(ws)
    yield ws
    ws.engine.dispose()


def kept(ws):
    """What the store keeps of labels: counts by hour, version and when it was known."""
    judge = judging.judge(ws, "shop")
    with ws.look() as session:
        rows = session.execute(
            text("SELECT hour, version, known_at, counts, sums FROM profile WHERE part = 'labels'")
        ).all()
        lost = session.execute(
            text("SELECT hour, sum(rows) FROM profile WHERE part = 'unmatched' GROUP BY hour")
        ).all()
    found = {tuple(row[:3]): labelled.read_labels(judge, row) for row in rows}
    counts = {key: row.counts.tolist() for key, row in found.items() if row.counts.any()}
    sums = {key: [*row.log_loss.to_list(), *row.squared.to_list()] for key, row in found.items()}
    return counts, {hour: n for hour, n in lost if n}, sums


def seen(ws, span=WEEK):
    """What a reader is told: rows, labels, lost labels, and the counts of all."""
    judge = judging.judge(ws, "shop")
    known = hours.read(ws, "shop", span, judge)
    whole = judge.sum(hour.labels for hour in known.hours if hour.labels is not None)
    said = sum(hour.said for hour in known.hours if hour.said is not None)
    return (
        sum(hour.rows for hour in known.hours),
        whole.n,
        known.lost,
        whole.counts.tolist(),
        np.sum(said),
    )


def test_the_same_is_told_before_and_after_labels_are_counted(ws):
    scores, truths = drawn(200)
    cases = [f"c{at}" for at in range(200)]
    answered(ws, cases, NOON - 3 * HOUR, scores=scores, seal=False)
    assert seen(ws)[:3] == (200, 0, 0)
    told(ws, dict(zip(cases[:150], truths[:150], strict=True)))
    before = seen(ws)
    assert before[:3] == (200, 150, 0)
    segments.seal(ws)
    assert seen(ws) == before
    keeping.keep(ws)
    assert seen(ws) == before
    labelled.keep(ws)
    assert seen(ws) == before
    for file in [*ws.home.predictions.rglob("*.parquet"), *ws.home.actuals.rglob("*.parquet")]:
        file.unlink()
    assert seen(ws) == before


def test_what_is_counted_tells_what_the_rows_tell(ws):
    scores, truths = drawn(1_000)
    cases = [f"c{at}" for at in range(1_000)]
    for part in range(5):
        mine = slice(part * 200, part * 200 + 200)
        answered(ws, cases[mine], NOON - part * DAY - HOUR, scores=scores[mine])
        told(ws, dict(zip(cases[mine], truths[mine], strict=True)))
        watched(ws)
    found = accuracy.accuracy(ws, "shop")
    assert (found["n"], found["labelled"], found["unmatched"]) == (1_000, 1, 0)
    for name, value in binary(truths == "yes", scores).items():
        rel = 5e-3 if name.startswith("lift") else None
        assert found["metrics"][name]["value"] == pytest.approx(value, abs=1e-3, rel=rel), name


def test_a_corrected_label_takes_back_what_it_had_added(ws):
    answered(ws, ["a", "b"], NOON - 2 * HOUR, scores=[0.9, 0.2])
    told(ws, {"a": "no", "b": "no"}, known=NOON - HOUR)
    watched(ws)
    assert accuracy.accuracy(ws, "shop")["metrics"]["accuracy"]["value"] == 0.5
    told(ws, {"a": "yes"}, known=NOON)
    for _ in range(2):
        found = accuracy.accuracy(ws, "shop")
        assert (found["metrics"]["accuracy"]["value"], found["labelled"]) == (1.0, 1.0)
        watched(ws)


def test_labels_of_nobody_wait_until_their_prediction_comes(ws):
    told(ws, {"a": "yes", "b": "no"}, known=NOON - 5 * HOUR, at=NOON - 5 * HOUR)
    answered(ws, ["z"], NOON - 4 * HOUR, scores=[0.5])
    watched(ws)
    assert accuracy.accuracy(ws, "shop")["unmatched"] == 2
    answered(ws, ["a"], NOON - 2 * HOUR, scores=[0.9], seal=False)
    for _ in range(2):
        found = accuracy.accuracy(ws, "shop")
        assert (found["unmatched"], found["labelled"]) == (1, 0.5)
        watched(ws)
        segments.seal(ws)


def test_a_label_belongs_to_the_latest_prediction_before_it(ws):
    for back, score in ((6, 0.1), (4, 0.9), (2, 0.2)):
        answered(ws, ["a"], NOON - back * HOUR, scores=[score])
    told(ws, {"a": "yes"}, at=NOON - 3 * HOUR)
    watched(ws)
    (key,) = kept(ws)[0]
    assert key[0].startswith("2026-11-24T08")


def test_a_label_that_names_its_prediction_belongs_to_it(ws):
    for back in (6, 4):
        answered(ws, ["a"], NOON - back * HOUR, scores=[0.3], names=[f"p{back}"])
    told(ws, [{"id": "a", "prediction_id": "p6", "value": "no", "at": NOON}])
    watched(ws)
    (key,) = kept(ws)[0]
    assert key[0].startswith("2026-11-24T06")


def test_as_of_knows_what_was_known_then_and_no_more(ws, clock):
    answered(ws, ["a", "b", "c", "d"], NOON - 9 * HOUR, scores=[0.9, 0.1, 0.8, 0.3])
    steps = [({"a": "yes", "b": "no"}, 6), ({"c": "no"}, 4), ({"c": "yes", "d": "no"}, 2)]
    answers = {}
    for labels, back in steps:
        clock.now = NOON - timedelta(hours=back, minutes=-20)
        told(ws, labels)
        watched(ws)
        clock.now += timedelta(minutes=5)
        answers[clock.now] = accuracy.accuracy(ws, "shop")
    clock.now = NOON
    for then, answer in answers.items():
        found = accuracy.accuracy(ws, "shop", as_of=then.isoformat())
        for name in ("n", "labelled", "unmatched", "metrics"):
            assert found[name] == answer[name], (then, name)
    early = (NOON - timedelta(hours=5, minutes=45)).isoformat()
    assert accuracy.accuracy(ws, "shop", as_of=early)["labelled"] == 0


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["label", "named"]),
        st.sampled_from("abcd"),
        st.sampled_from(["yes", "no"]),
        st.integers(0, 7),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=8,
)
ANSWERS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 7)), min_size=1, max_size=6, unique=True
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The folder of a workspace with a deployment that nobody has asked yet."""
    folder = tmp_path_factory.mktemp("empty") / "workspace"
    ws = open_local(folder, clock=Clock())
    deployed(ws)
    ws.engine.dispose()
    return folder


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(answers=ANSWERS, events=EVENTS, order=st.randoms(use_true_random=False))
def test_any_order_and_company_of_labels_keeps_the_same(empty, answers, events, order):
    steps = [("answer", *found) for found in answers] + events
    mixed = list(steps)
    order.shuffle(mixed)
    counts, lost, sums = of_story(empty, steps, lambda: False)
    others, other_lost, other_sums = of_story(empty, mixed, lambda: order.random() < 0.4)
    assert (counts, lost) == (others, other_lost)
    for key in {*sums, *other_sums}:
        pair = zip(sums.get(key, [0] * 6), other_sums.get(key, [0] * 6), strict=True)
        assert all(math.isclose(a, b, abs_tol=1e-9) for a, b in pair)


def of_story(empty, steps, is_watched):
    """What is kept after steps in this order, with rounds of the watcher in between."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(empty, Path(folder) / "workspace")
        ws = open_local(Path(folder) / "workspace", clock=Clock())
        for step in steps:
            happen(ws, step)
            if is_watched():
                watched(ws)
        watched(ws)
        found = kept(ws)
        ws.engine.dispose()
    return found


def happen(ws, step):
    if step[0] == "answer":
        _, case, back = step
        answered(ws, [case], NOON - back * HOUR, scores=[(ord(case) + back) % 10 / 10])
        return
    kind, case, value, back, back_known = step
    name = f"p-{case}-{int((NOON - back * HOUR).timestamp())}" if kind == "named" else None
    row = {"id": case, "prediction_id": name, "value": value, "at": NOON - back * HOUR}
    known = NOON + 10 * HOUR - back_known * HOUR
    told(ws, [row], known=known)
