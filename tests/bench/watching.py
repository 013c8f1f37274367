"""Drift of a million rows against a million from Parquet, ten million, and a month on a dashboard."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import drift_peers
import memory
import numpy as np
import pyarrow as pa
from pyarrow import parquet
from report import Report

MANY = 1_000_000
GROUP = 131_072
NUMBERS = [f"number {at}" for at in range(10)]
WORDS = [f"word {at}" for at in range(10)]
KINDS = {**dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(WORDS, "category")}
ROUNDS = 3
HOURS = 30 * 24


def measure(report: Report, folder: Path, *, long: bool, peers: bool) -> None:
    """Measure each way in a process of its own, so that memory is that of the one thing."""
    report.title("Monitoring: 10 numbers and 10 categories of 12 levels, from Parquet")
    before, now = (_made(folder / f"{name}.parquet", MANY, seed)
                   for seed, name in enumerate(("before", "now")))  # fmt: skip
    read, _, _ = _apart("reading", before, now)
    took, cpu, held = _apart("drift", before, now)
    figures = [f"{read:.2f}", f"{took:.2f}", f"{cpu:.2f}", f"{held:,.0f}"]
    rows = [[f"{MANY:,} + {MANY:,} rows", *figures]]
    report.bound("drift of 10⁶ + 10⁶ rows, all features", took, 0.6, unit="s", at_least=False)
    report.bound("drift of 10⁶ + 10⁶ rows: memory", held, 600, unit="MB", at_least=False)
    report.bound("drift of 10⁶ + 10⁶ rows / reading them", took / read, 6, at_least=False)
    if long:
        rows.append(_ten_times(report, before, folder, took))
    report.table(["", "reading s", "drift s", "CPU s", "MB"], rows)
    drift_peers.measure(report, before, now, ours=took, make=peers)
    _dashboard(report, folder)


def _ten_times(report: Report, before: Path, folder: Path, took: float) -> list[str]:
    """Measure ten times as many current rows, which may take ten times as long and no longer."""
    large = _made(folder / "large.parquet", 10 * MANY, 3)
    longer, cpu, held = _apart("drift", before, large)
    report.bound("drift of 10⁷ rows", longer, 8, unit="s", at_least=False)
    report.bound("drift of 10⁷ rows: memory", held, 1_000, unit="MB", at_least=False)
    growth = longer / 11 / (took / 2)  # seconds per million rows, the reference's among them
    report.bound("drift, a row of 10⁷ / a row of 10⁶", growth, 1.25, at_least=False)
    return [f"{MANY:,} + {10 * MANY:,} rows", "", f"{longer:.2f}", f"{cpu:.2f}", f"{held:,.0f}"]


def _made(path: Path, rows: int, seed: int) -> Path:
    random = np.random.default_rng(seed)
    with parquet.ParquetWriter(path, _table(random, 1).schema) as writer:
        for start in range(0, rows, GROUP):
            writer.write_table(_table(random, min(GROUP, rows - start)))
    return path


def _table(random: np.random.Generator, rows: int) -> pa.Table:
    levels = pa.array([f"level {at}" for at in range(12)])
    numbers = {
        name: random.normal(at, 1 + at, rows) if at % 3 else random.lognormal(size=rows)
        for at, name in enumerate(NUMBERS)
    }
    words = {name: levels.take(pa.array(random.integers(0, 12, rows))) for name in WORDS}
    return pa.table({**numbers, **words})


def _apart(what: str, before: Path, now: Path) -> tuple[float, float, float]:
    """Return the best of some rounds in seconds and of processors, and the most memory in MB."""
    argv = [sys.executable, str(Path(__file__)), what, str(before), str(now)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    took, cpu, memory = map(float, done.stdout.split())
    return took, cpu, memory


def reading(before: Path, now: Path) -> None:
    """Only read both files."""
    for path in (before, now):
        parquet.read_table(path, read_dictionary=WORDS)


def drift(before: Path, now: Path) -> None:
    """Tell everything that ``drift`` reports: tests, distances, findings."""
    from jupyter_mlops.services.unscored import opened
    from jupyter_mlops.stats.drift import compare, findings

    reference = opened(before).reference(KINDS)
    current = opened(now).batch(reference.layout)
    names = reference.layout.names
    findings({name: compare(reference.column(name), current.column(name)) for name in names})


def _dashboard(report: Report, folder: Path) -> None:
    """Read a month hour by hour from a store that holds it: the map alone, and all of ``drift``."""
    from jupyter_mlops.services import heat, profiles, references
    from jupyter_mlops.services.drift import drift as told
    from jupyter_mlops.services.window import Window
    from jupyter_mlops.services.workspace import open_local

    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    ws = open_local(folder / "watched", clock=lambda: now)
    version = _month(ws, now)
    span = Window(now - timedelta(hours=HOURS), now, "hour")

    def read() -> None:
        before = references.frozen(ws, version)
        assert before is not None
        heat.heat(before, profiles.shown(ws, "shop", span, version), span)

    took, _ = best(read, rounds=10)
    whole, _ = best(lambda: told(ws, "shop", since="30d", by="hour"))
    report.say(
        f"30 days hour by hour, 20 features: {took * 1000:.1f} ms from the counts kept for pictures;"
        f" everything that `drift` tells of them {whole * 1000:.0f} ms"
    )
    report.bound("30 days hourly of 20 features", took * 1000, 20, unit="ms", at_least=False)
    ws.engine.dispose()


def _month(ws: Any, now: datetime) -> str:
    """Keep a month of profiles of a version with these columns."""
    import watched
    from jupyter_mlops.domain.names import iso
    from jupyter_mlops.services.counting import Key, batch_of
    from jupyter_mlops.services.keeping import keep_answers
    from jupyter_mlops.services.references import layout
    from jupyter_mlops.stats.profile import reference
    from jupyter_mlops.store import tables

    watched.deployed(ws)
    random = np.random.default_rng(7)
    table = _table(random, 5_000)
    columns = {
        f"feature:{name}": reference(table[name].to_numpy(), kind=kind).to_dict()
        for name, kind in KINDS.items()
    }
    with ws.act("bench:month", subject="shop") as act:
        frozen = act.session.query(tables.Reference).one()
        frozen.columns, frozen.rows = columns, 5_000
        act.session.add(frozen)
    features = _table(random, 1_000)
    struct = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in features.columns], names=features.column_names
    )
    batch = batch_of(pa.table({"features": struct}), layout(ws, "buyer:1"))
    hours = [iso(now - timedelta(hours=at)) for at in range(1, HOURS + 1)]
    with ws.act("bench:month", subject="shop") as act:
        keep_answers(
            act.session, "shop", {Key("buyer:1", "champion", at, at): batch for at in hours}
        )
    return "buyer:1"


def best(do: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the fastest of some rounds in seconds, and the least that processors worked."""
    found, worked = [], []
    for _ in range(rounds):
        began, cpu = time.perf_counter(), time.process_time()
        do()
        found.append(time.perf_counter() - began)
        worked.append(time.process_time() - cpu)
    return min(found), min(worked)


if __name__ == "__main__":
    chosen = {"reading": reading, "drift": drift}[sys.argv[1]]
    files = Path(sys.argv[2]), Path(sys.argv[3])
    fastest, least = best(lambda: chosen(*files))
    print(fastest, least, memory.most())
