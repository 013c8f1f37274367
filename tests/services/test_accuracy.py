"""Accuracy from profiles: as rows tell it, as was known then, estimated ahead, with its worst rows."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
import pytest
from sklearn import metrics
from sqlalchemy import text

from jupyter_mlops import charts
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.words import verb_named, verbs
from jupyter_mlops.domain.arguments import Here
from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import accuracy, hours, judging, labelled, packing, references, rules
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from labelled import answered, drawn
from labelled import labelled as told
from stories import incomes
from watched import NOON, deployed

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def ws(tmp_path, clock):
    """A workspace with a deployment, at noon."""
    ws = open_local(tmp_path / "workspace", clock=clock)
    deployed(ws)
    yield ws
    ws.engine.dispose()


def test_the_accuracy_of_census_incomes_is_foreseen_within_a_hundredth(ws, adult):
    train, test = adult
    model, features = incomes(train[:20_000])
    here = Here(origin=dict, progress=lambda *_: None)
    packed = packing.prepare_register(
        here, model=model, train=train[:20_000], holdout=train[20_000:], target="income"
    )
    with ws.act("version:registration", subject="model:buyer") as act:
        version = act.session.get_one(tables.Version, 1)
        references.freeze(act.session, version, None, packed.arguments["holdout"], now=ws.now())
    remade(ws, "binary", ["<=50K", ">50K"])
    scores = model.predict_proba(test[features])[:, 1]
    days(ws, scores, test["income"].to_numpy(), labelled_days=6, each=len(test) // 8)
    watched(ws)
    found = accuracy.accuracy(ws, "shop", since="11d")
    expected = found["estimated"]["metrics"]
    rich = test["income"][: found["n"]] == ">50K"
    said = scores[: found["n"]]
    assert expected["roc_auc"]["value"] == pytest.approx(
        metrics.roc_auc_score(rich, said), abs=0.01
    )
    assert expected["accuracy"]["value"] == pytest.approx((rich == (said >= 0.5)).mean(), abs=0.01)
    assert found["estimated"]["trusted"] is True


def with_holdout(ws, task, classes, raw, truth):
    """Keep what the holdout's labels said, as a registration does."""
    with ws.act("version:registration", subject="model:buyer") as act:
        told = judging.holdout(task, classes, raw, truth)
        act.session.add(
            tables.Reference(
                version_id=1, part="truth", known_at=ws.now(), rows=len(truth), columns=told
            )
        )


def remade(ws, task, classes):
    """Turn the model into one of another task."""
    with ws.act("model:task", subject="model:buyer") as act:
        model = act.session.get_one(tables.Model, 1)
        version = act.session.get_one(tables.Version, 1)
        model.task, model.classes = task, classes
        version.manifest = version.manifest.replace('"binary"', f'"{task}"').replace(
            '["no", "yes"]', str(classes).replace("'", '"')
        )
    ws.kept.clear()


def days(ws, scores, truths, *, labelled_days, rows=None, each=400):
    """Answer so many cases a day, and have the labels of the older days arrive."""
    for day in range(len(scores) // each):
        mine = slice(day * each, (day + 1) * each)
        cases = [f"c{at}" for at in range(mine.start, mine.stop)]
        back = (len(scores) // each - day) * DAY - HOUR
        answered(ws, cases, NOON - back, scores=scores[mine], rows=rows[mine] if rows else None)
        if day < labelled_days:
            told(ws, dict(zip(cases, map(str, truths[mine]), strict=True)))


def test_what_is_estimated_ahead_comes_true_where_nothing_moved(ws):
    before, came = drawn(5_000, 1)
    with_holdout(ws, "binary", ["no", "yes"], np.stack([1 - before, before], axis=1), came)
    scores, truths = drawn(4_000, 2)
    days(ws, scores, truths, labelled_days=7)
    watched(ws)
    found = accuracy.accuracy(ws, "shop", since="11d")
    estimate = found["estimated"]
    assert (estimate["trusted"], estimate["periods"]) == (True, 7)
    real = metrics.roc_auc_score(truths == "yes", scores)
    auc = estimate["metrics"]["roc_auc"]
    assert auc["value"] == pytest.approx(real, abs=0.015)
    assert auc["low"] < real < auc["high"]
    waiting = [point for point in found["series"] if point["n"] and not point["labelled"]]
    assert len(waiting) == 3
    assert all(point["value"] is None and point["estimated"]["value"] for point in waiting)


def test_an_estimate_that_was_wrong_before_says_do_not_trust(ws):
    before, came = drawn(5_000, 1)
    with_holdout(ws, "binary", ["no", "yes"], np.stack([1 - before, before], axis=1), came)
    scores, truths = drawn(4_000, 2)
    random = np.random.default_rng(3)
    moved = np.where(random.random(4_000) < 0.5, truths, random.permutation(truths))
    days(ws, scores, moved, labelled_days=7)
    found = accuracy.accuracy(ws, "shop", since="11d")
    assert found["estimated"]["trusted"] is False
    assert found["estimated"]["because"].startswith("Do not trust")


def test_a_version_without_a_holdout_says_that_nothing_is_estimated(ws):
    answered(ws, ["a"], NOON - HOUR, scores=[0.3])
    found = accuracy.accuracy(ws, "shop")["estimated"]
    assert (found["metrics"], found["trusted"]) == ({}, None)
    assert "without a labelled holdout" in found["because"]


def test_a_broken_floor_is_what_is_said_of_a_version_without_a_holdout(ws):
    scores, truths = drawn(400, 8)
    days(ws, 1 - scores, truths, labelled_days=1)
    assert "without a holdout to compare with" in accuracy.accuracy(ws, "shop")["because"]
    rules.rules(ws, "shop", "monitoring: {accuracy: {roc_auc: [0.9, 0.8]}}")
    ws.clock.turn(minutes=1)
    found = accuracy.accuracy(ws, "shop")
    assert found["status"] == "failing"
    assert found["because"].endswith("beyond the floor of the rules.")


def test_several_classes_are_told_and_estimated_from_counts(ws):
    classes = ["a", "b", "c"]
    remade(ws, "multiclass", classes)
    random = np.random.default_rng(5)
    raw = random.dirichlet([2, 1, 0.7], 4_000)
    came = np.array(classes)[(raw.cumsum(axis=1) > random.random((4_000, 1))).argmax(axis=1)]
    with_holdout(ws, "multiclass", classes, raw[:2_000], came[:2_000])
    now, truths = raw[2_000:], came[2_000:]
    cases = [f"c{at}" for at in range(2_000)]
    said = [classes[at] for at in now.argmax(axis=1)]
    answered(
        ws, cases, NOON - HOUR, scores=now.max(axis=1), labels=said, probabilities=now.tolist()
    )
    told(ws, dict(zip(cases, truths, strict=True)))
    for _ in range(2):
        found = accuracy.accuracy(ws, "shop")
        assert found["metrics"]["accuracy"]["value"] == pytest.approx(
            metrics.accuracy_score(truths, said), abs=1e-9
        )
        assert found["metrics"]["macro_f1"]["value"] == pytest.approx(
            metrics.f1_score(truths, said, average="macro"), abs=1e-3
        )
        assert found["estimated"]["metrics"]["accuracy"]["value"] == pytest.approx(
            found["metrics"]["accuracy"]["value"], abs=0.03
        )
        table = metrics.confusion_matrix(truths, said).tolist()
        assert found["curves"]["confusion"] == {"labels": classes, "counts": table}
        watched(ws)


def test_numbers_are_told_as_scikit_learn_tells_them(ws):
    remade(ws, "regression", [])
    random = np.random.default_rng(6)
    truth = random.gamma(2, 3, 600) + 0.1
    said = truth * random.lognormal(0, 0.3, 600)
    with_holdout(ws, "regression", [], said[:300], truth[:300])
    cases = [f"c{at}" for at in range(300)]
    answered(ws, cases, NOON - HOUR, scores=said[300:], labels=[None] * 300)
    told(ws, dict(zip(cases, map(str, truth[300:]), strict=True)))
    for _ in range(2):
        found = accuracy.accuracy(ws, "shop")
        for name, value in {
            "mae": metrics.mean_absolute_error(truth[300:], said[300:]),
            "rmse": metrics.root_mean_squared_error(truth[300:], said[300:]),
            "r2": metrics.r2_score(truth[300:], said[300:]),
            "mape": metrics.mean_absolute_percentage_error(truth[300:], said[300:]),
        }.items():
            assert found["metrics"][name]["value"] == pytest.approx(value, abs=1e-3), name
        assert sum(found["curves"]["residuals"]["counts"]) <= 300
        watched(ws)


def people(n):
    """Return people of whom the older live in the west."""
    random = np.random.default_rng(7)
    ages = random.uniform(20, 80, n).round()
    return [{"age": float(age), "region": "EU" if age > 60 else "US"} for age in ages]


def test_segments_that_are_worse_are_found_and_rows_are_listed(ws):
    scores, truths = drawn(2_000, 8)
    rows = people(2_000)
    old = np.array([row["age"] > 60 for row in rows])
    truths[old] = np.where(scores[old] > 0.5, "no", "yes")
    days(ws, scores, truths, labelled_days=4, rows=rows)
    found = accuracy.accuracy(ws, "shop", worst="segments")["items"]
    assert "EU" in found[0]["segment"] or "age" in found[0]["segment"]
    assert found[0]["low"] > 0
    misses = accuracy.accuracy(ws, "shop", worst="rows")["items"]
    assert [row["loss"] for row in misses] == sorted((row["loss"] for row in misses), reverse=True)
    assert misses[0]["prediction"] != misses[0]["actual"]
    waits = accuracy.accuracy(ws, "shop", unlabelled=True)["items"]
    assert {row["id"] for row in waits} == {f"c{at}" for at in range(1_600, 2_000)}


def test_lists_are_tables(ws):
    scores, truths = drawn(400, 8)
    days(ws, scores, truths, labelled_days=0)
    answer = Answer(verb_named("accuracy", verbs()), accuracy.accuracy(ws, "shop", unlabelled=True))
    assert len(answer.to_frame()) == 400
    assert "c399" in repr(answer) or "c0" in repr(answer)
    told(ws, {f"c{at}": truths[at] for at in range(400)})
    done = Answer(verb_named("accuracy", verbs()), accuracy.accuracy(ws, "shop", unlabelled=True))
    assert len(done.to_frame()) == 0


def test_a_segment_of_everything_tells_what_the_profiles_tell(ws):
    scores, truths = drawn(800, 9)
    days(ws, scores, truths, labelled_days=1)
    watched(ws)
    whole = accuracy.accuracy(ws, "shop")
    same = accuracy.accuracy(ws, "shop", segment="score >= 0")
    for name in ("n", "labelled", "metrics", "series", "curves"):
        assert same[name] == whole[name], name


KEEP = (
    "import sys; from jupyter_mlops.services import keeping, labelled; labelled.MOST = 1\n"
    "from jupyter_mlops.services.workspace import open_local\n"
    "ws = open_local(sys.argv[1]); keeping.keep(ws); labelled.keep(ws)"
)


@pytest.fixture
def backlog(where, clock):
    """A workspace in which forty files of labels wait."""
    ws = open_local(where, clock=clock)
    deployed(ws)
    scores, truths = drawn(400, 4)
    days(ws, scores, truths, labelled_days=0, each=100)
    for part in range(40):
        told(ws, {f"c{at}": truths[at] for at in range(part * 10, part * 10 + 10)})
    yield ws
    ws.engine.dispose()


def started(ws):
    return subprocess.Popen([sys.executable, "-c", KEEP, ws.home.where], stdin=subprocess.DEVNULL)


def counted(ws):
    with ws.look() as session:
        return session.execute(text("SELECT count(*) FROM profile WHERE part = 'actuals'")).scalar()


def labels_of(ws):
    judge = judging.judge(ws, "shop")
    known = hours.read(ws, "shop", Window(NOON - 9 * DAY, NOON), judge)
    return judge.sum(hour.labels for hour in known.hours if hour.labels is not None).n


def test_a_watcher_that_is_killed_counts_no_label_twice(backlog):
    process = started(backlog)
    end = time.monotonic() + 60
    while not counted(backlog) >= 5:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert labels_of(backlog) == 400
    watched(backlog)
    assert (counted(backlog), labels_of(backlog)) == (40, 400)


def test_two_watchers_count_each_label_once(backlog):
    both = [started(backlog) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (counted(backlog), labels_of(backlog)) == (40, 400)
    with backlog.look() as session:
        kept = session.execute(text("SELECT sum(rows) FROM profile WHERE part = 'labels'")).scalar()
    assert kept == 400
    assert labelled.keep(backlog) == 0


def test_every_picture_of_an_answer_can_be_drawn(ws):
    before, came = drawn(2_000, 1)
    with_holdout(ws, "binary", ["no", "yes"], np.stack([1 - before, before], axis=1), came)
    scores, truths = drawn(1_200, 2)
    days(ws, scores, truths, labelled_days=2)
    picture = charts.picture("accuracy", accuracy.accuracy(ws, "shop", since="4d")).to_dict()
    titles = [" ".join(part["title"]["text"]) for part in picture["vconcat"]]
    assert titles[0] == "Is it still as right as it was?"
    assert len(titles) == 6


def test_hours_count_whole_and_the_answer_says_so(ws):
    answered(ws, ["a"], NOON - HOUR - timedelta(minutes=50), scores=[0.3])
    found = accuracy.accuracy(ws, "shop", since=iso(NOON - HOUR - timedelta(minutes=10)))
    assert (found["n"], found["since"]) == (1, iso(NOON - 2 * HOUR))
