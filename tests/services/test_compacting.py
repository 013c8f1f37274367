"""Label rows of long ago become one per hour, and nobody can tell."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import accuracy, compacting
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.workspace import open_local
from labelled import answered, drawn
from labelled import labelled as told
from watched import NOON, deployed

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEGUN = NOON - 120 * DAY
MOMENTS = [BEGUN + timedelta(hours=h, minutes=30) for h in (2, 5, 8, 12, 30, 24 * 40)]


@pytest.fixture
def ws(where, clock):
    """A deployment of four months ago, whose labels came in parts, late, corrected and of nobody."""
    ws = open_local(where, clock=clock)
    deployed(ws)
    scores, truths = drawn(60)
    cases = [f"c{at}" for at in range(60)]
    for part in range(3):
        mine = slice(part * 20, part * 20 + 20)
        answered(ws, cases[mine], BEGUN + part * HOUR, scores=scores[mine])
    for hour in range(1, 11):
        clock.now = BEGUN + hour * HOUR + timedelta(minutes=10)
        mine = slice(hour * 5, hour * 5 + 10)  # half of them once more, every other one corrected
        values = [["yes", "no"][(at + hour) % 2] if at % 4 == 0 else truth
                  for at, truth in enumerate(truths[mine])]  # fmt: skip
        told(
            ws,
            {**dict(zip(cases[mine], values, strict=True)), f"nobody-{hour}": "yes"},
            at=BEGUN + 4 * HOUR,
        )
        if hour % 3 == 0:
            watched(ws)
    clock.now = NOON - 10 * DAY
    told(ws, {"c1": "no", "c2": "yes"}, at=BEGUN + 4 * HOUR)
    clock.now = NOON
    monkey = compacting.AFTER
    compacting.AFTER = timedelta(days=10_000)
    watched(ws)
    compacting.AFTER = monkey
    ws.kept.clear()
    yield ws
    ws.engine.dispose()


def seen(ws, moments=(*MOMENTS, NOON - 9 * DAY, None)):
    """Everything that accuracy tells, now and as of many moments."""
    found = []
    for moment in moments:
        ends = {"as_of": iso(moment)} if moment else {}
        one = accuracy.accuracy(ws, "shop", since=iso(BEGUN - DAY), by="week", **ends)
        found.append([one["n"], one["labelled"], one["unmatched"], one["metrics"], one["series"]])
    return found


def same(found, before):
    """Say whether figures are equal but for the rounding of sums added in another order."""
    if isinstance(found, dict):
        return found.keys() == before.keys() and all(same(found[k], before[k]) for k in found)
    if isinstance(found, list):
        return len(found) == len(before) and all(map(same, found, before))
    return found == (pytest.approx(before, rel=1e-9) if isinstance(before, float) else before)


def rows(ws):
    """How many label rows there are, and of how many hours."""
    query = "SELECT count(*), count(DISTINCT hour) FROM profile WHERE part = 'labels'"
    with ws.look() as session:
        return tuple(session.execute(text(query)).one())


def events(ws):
    return [row for row in audit(ws)["items"] if row["action"].startswith("labels:compaction")]


def test_every_figure_stays_the_same_now_and_as_of_any_moment(ws):
    before, (many, hours) = seen(ws), rows(ws)
    assert many > 3 * hours
    removed = compacting.compact(ws)
    assert rows(ws) == (many - removed, hours)
    assert (
        many - removed == hours + 1
    )  # of c1 and c2 it is still kept that they were corrected lately
    assert same(seen(ws), before)
    (event,) = events(ws)
    assert (event["subject"], event["after"]["rows"]) == ("deployment:shop", removed)
    assert event["actor"]["kind"] == "service"


def test_labels_that_come_later_are_counted_as_ever(ws, clock):
    compacting.compact(ws)
    one = open_local(ws.home.where, clock=clock)
    told(ws, {"c3": "no", "c50": "yes", "c7": "no"}, at=BEGUN + 4 * HOUR)
    told(ws, {"late": "yes"}, known=BEGUN + 6 * HOUR, at=BEGUN + 6 * HOUR)
    answered(ws, ["late"], BEGUN + 2 * HOUR, scores=[0.7])
    before = seen(ws)
    watched(ws)
    assert same(seen(ws), before)
    for day in (1, 100):
        clock.now = NOON + day * DAY
        moments = (*MOMENTS, NOON - 9 * DAY, NOON)
        before = seen(ws, moments)
        compacting.compact(one)
        assert same(seen(ws, moments), before)
    assert rows(ws)[0] == rows(ws)[1]
    one.engine.dispose()


def test_it_is_looked_for_once_a_day(ws, clock):
    assert compacting.compact(ws) > 0
    told(ws, {"c9": "no"}, known=BEGUN + 5 * HOUR, at=BEGUN + 4 * HOUR)
    watched(ws)
    many, _ = rows(ws)
    assert compacting.compact(ws) == 0
    clock.now += DAY
    assert compacting.compact(ws) == many - rows(ws)[0] > 0


def test_two_watchers_at_once_count_nothing_twice(ws, clock, monkeypatch):
    monkeypatch.setattr(compacting, "MOST", 1)
    before, (many, _) = seen(ws), rows(ws)
    doors = [open_local(ws.home.where, clock=clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        removed = sum(pool.map(compacting.compact, doors))
    assert rows(ws)[0] == many - removed
    assert same(seen(ws), before)
    for door in doors:
        door.engine.dispose()


KILLED = """
import os, signal, sys
from datetime import datetime
from jupyter_mlops.services import compacting, workspace
ws = workspace.open_local(sys.argv[1], clock=lambda: datetime.fromisoformat(sys.argv[2]))
do, compacting.MOST, done = compacting._one, 2, []
def one(*told):
    done.append(do(*told))
    told[0].flush()
    if len(done) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return done[-1]
compacting._one = one
compacting.compact(ws)
"""


@pytest.mark.parametrize("after", [1, 3])
def test_a_kill_in_between_loses_and_doubles_nothing(ws, after):
    before = seen(ws)
    words = [sys.executable, "-c", KILLED, ws.home.where, iso(NOON), str(after)]
    done = subprocess.run(words, check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    assert same(seen(ws), before)
    compacting.compact(ws)
    assert rows(ws)[0] == rows(ws)[1] + 1
    assert same(seen(ws), before)
