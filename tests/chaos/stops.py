"""Killed, replaced and stopped under load."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlmodel
from load import check_stored, known, load

from jupyter_mlops import open_workspace
from jupyter_mlops.services import checks
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import approved_again

SLACK_SECONDS = 0.25
"""Between the store's word that a version is live and the loop's first answer with it."""


def kills(folder: Path, count: int) -> str:
    """Kill -9 under load again and again; every acknowledged prediction is found, once."""
    session = open_workspace(folder)
    back = []
    with load(folder) as seen:
        for _ in range(count):
            time.sleep(0.5)
            os.kill(known(folder)["pid"], signal.SIGKILL)
            began = time.monotonic()
            session.serve()
            back.append(time.monotonic() - began)
    session.stop()
    check_stored(folder, seen)
    assert not any(code.startswith("5") for code in seen.outcomes), seen.outcomes
    return (
        f"{len(seen.acknowledged):,} acknowledged, 0 lost, 0 doubled; back within {max(back):.1f} s"
    )


def swaps(folder: Path, count: int) -> str:
    """Replace the champion under load; each answer is from a version that was champion then."""
    session = open_workspace(folder)
    approved_again(session, 0.5)
    session.deploy("tumour:2", to="clinic", gate="swap")
    took = []
    with findings_kept(), load(folder) as seen:
        began = time.monotonic()
        for number in range(count):
            ref = f"tumour:{1 + number % 2}"
            session.approve(session.request(ref, for_deployment="clinic").id)
            took.append(session.deploy(ref, to="clinic", gate="swap").seconds * 1000)
        lasted = time.monotonic() - began
    session.stop()
    assert set(seen.outcomes) == {"200"}, seen.outcomes
    check_stored(folder, seen)
    worst = max(_outside(seen.answers, _reigns(folder)))
    assert worst <= SLACK_SECONDS, f"an answer came {worst:.2f} s outside its version's time"
    took.sort()
    return (
        f"{len(seen.answers):,} answers, 0 failed, in {lasted:.0f} s; a swap took"
        f" {statistics.median(took):.0f} ms, p99 {took[int(0.99 * len(took))]:.0f} ms;"
        f" farthest from its version's time {worst * 1000:.0f} ms"
    )


@contextmanager
def findings_kept() -> Iterator[None]:
    """Attach the findings of a version's first request to later ones: the server is on trial here."""
    run, found = checks.run, {}

    def kept(ws, ref, *place):
        if ref not in found:
            found[ref] = run(ws, ref, *place)
        return found[ref]

    checks.run = kept
    try:
        yield
    finally:
        checks.run = run


def _reigns(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Return from when to when each version was champion, each time, by the store."""
    with open_local(folder).look() as session:
        rollouts = session.exec(
            sqlmodel.select(tables.Rollout, tables.Version)
            .where(tables.Rollout.version_id == tables.Version.id)
            .where(tables.Rollout.since != "")
        ).all()
    reigns: dict[str, list[tuple[float, float]]] = {}
    for rollout, version in rollouts:
        until = _moment(rollout.until) if rollout.until else float("inf")
        reigns.setdefault(f"tumour:{version.number}", []).append((_moment(rollout.since), until))
    return reigns


def _moment(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()


def _outside(answers, reigns) -> Iterator[float]:
    """Yield how far each answer lies outside the nearest time in which its version was champion."""
    for began, ended, version in answers:
        yield min(max(since - ended, began - until, 0.0) for since, until in reigns[version])


def terms(folder: Path, count: int) -> str:
    """Stop the server politely under load; whoever was connected is answered."""
    session = open_workspace(folder)
    restarts = []
    with load(folder, fresh=True) as seen:
        for _ in range(count):
            time.sleep(0.5)
            session.stop()
            began = time.monotonic()
            session.serve()
            restarts.append(time.monotonic() - began)
    session.stop()
    failed = {code: n for code, n in seen.outcomes.items() if code not in ("200", "not connected")}
    assert not failed, failed
    check_stored(folder, seen)
    return f"{seen.outcomes['200']:,} answered, 0 failed; back within {max(restarts):.1f} s"
