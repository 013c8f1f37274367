"""Replaced under load, a great many times: nobody notices but by the version of their answer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import sqlmodel

from chaos.clients import known
from chaos.load import check_stored, load
from jupyter_mlops import open_workspace
from jupyter_mlops.services import checks
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import approved_again

SLACK_SECONDS = 0.25
"""Between the store's word that a version is live and the loop's first answer with it."""
SWAP_SECONDS = 0.25
"""What a swap may take on average, while two processors do all of this at once."""
LOOKS = 100
"""How often the server is looked at; the first tenth of the swaps may still fill its caches."""


class Held(NamedTuple):
    """What the server's process holds."""

    files: float
    threads: float
    memory_mb: float


MORE = Held(files=8, threads=4, memory_mb=48)
"""What it may hold more in the last tenth of the swaps than in the second one."""


def swaps(folder: Path, count: int) -> str:
    """Replace the champion under load; each row's answer is from a version that was champion then."""
    session = open_workspace(folder)
    approved_again(session, 0.5)
    session.deploy("tumour:2", to="clinic", gate="swap")
    session.rollback("clinic")
    took, held = [], []
    with findings_kept(), load(folder) as seen:
        began = time.monotonic()
        for number in range(count):
            took.append(_swapped(session, number))
            if number % max(count // LOOKS, 1) == 0:
                held.append(_held(known(folder)["pid"]))
        lasted = time.monotonic() - began
    session.stop()
    assert set(seen.outcomes) == {"200"}, seen.outcomes
    check_stored(folder, seen)
    worst = max(_outside(seen.answers, _reigns(folder)))
    assert worst <= SLACK_SECONDS, f"an answer came {worst:.2f} s outside its version's time"
    rate = len(seen.answers) / lasted
    return (
        f"{len(seen.answers):,} answers ({rate:,.0f}/s of {seen.possible:,.0f}/s), 0 failed;"
        f" {_told_of(took)}; farthest from its version's time {worst * 1000:.0f} ms; {_grown(held)}"
    )


def _swapped(session, number: int) -> float:
    """Carry the second version out, or go back to the first; return how long that took.

    Each deploy needs an approval of its own, which takes as long again and is not timed.
    """
    if number % 2:
        return float(session.rollback("clinic").seconds)
    session.approve(session.request("tumour:2", for_deployment="clinic").id)
    return float(session.deploy("tumour:2", to="clinic", gate="swap").seconds)


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


def _told_of(took: list[float]) -> str:
    ordered = sorted(took)
    assert statistics.mean(took) <= SWAP_SECONDS, f"a swap took {statistics.mean(took):.2f} s"
    return (
        f"swapping took {sum(took):.0f} s in all, p50 {statistics.median(took) * 1000:.0f} ms,"
        f" p99 {ordered[int(0.99 * len(took))] * 1000:.0f} ms"
    )


def _held(pid: int) -> Held:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Held(
        files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=int(status["Threads"]),
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
    )


def _grown(held: list[Held]) -> str:
    """Say what the server holds after the last tenth of the swaps beside what it did in the second."""
    tenth = max(len(held) // 10, 1)
    before = Held(*map(statistics.median, zip(*held[tenth : 2 * tenth], strict=True)))
    after = Held(*map(statistics.median, zip(*held[-tenth:], strict=True)))
    for name, was, now, more in zip(Held._fields, before, after, MORE, strict=True):
        assert now - was <= more, f"{name} grew from {was:.0f} to {now:.0f}"
    return (
        f"files {before.files:.0f} → {after.files:.0f}, threads {before.threads:.0f} →"
        f" {after.threads:.0f}, memory {before.memory_mb:.0f} → {after.memory_mb:.0f} MB"
    )


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
    """Yield how far each answer lies outside the nearest time in which its version was champion.

    An answer names a version of its own, and one for each row.
    """
    for began, ended, versions in answers:
        for version in versions:
            yield min(max(since - ended, began - until, 0.0) for since, until in reigns[version])
