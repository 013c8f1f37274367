"""The prediction log: Arrow batches made durable, sealed, and read by whoever likes."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import disk
import environments
import mixed
import numpy as np
import pandas as pd
import pyarrow as pa
from report import Report

from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.logtables import PREDICTION

ROWS = 1_000_000
BATCH = 10_000
RUNS = 3
DISTINCT = 10
"""Different batches in memory; they are appended again and again."""
SEALED = 10
"""Batches that are sealed and read back."""
QUESTION = """
import sys, time, duckdb
began = time.perf_counter()
found = duckdb.sql(
    f"select count(*), avg(features.amount_0), count(distinct features.plan)"
    f" from read_parquet('{sys.argv[1]}/**/*.parquet', hive_partitioning = true)"
).fetchall()[0]
print(*found, time.perf_counter() - began)
"""


def measure(report: Report, folder: Path, *, make: bool) -> None:
    """Append a million predictions beside a raw write of their bytes; seal some and read them."""
    report.title(f"{ROWS:,} predictions in Arrow batches of {BATCH:,}, durable after each")
    batches = [_batch(seed) for seed in range(DISTINCT)]
    raw = [batch.serialize().to_pybytes() for batch in batches]
    times = ROWS // BATCH // DISTINCT
    runs = [_in_turn(folder / f"log-{run}", batches * times, raw * times) for run in range(RUNS)]
    plain, logged = (statistics.median(took) for took in zip(*runs, strict=True))
    size = sum(map(len, raw)) * times / 1e6
    report.table(
        ["", "seconds", "rows/s", "MB/s"],
        [
            ["raw write and fdatasync", *_speed(plain, size)],
            ["the prediction log", *_speed(logged, size)],
        ],
    )
    report.bound("log: appended / raw write of the same bytes", plain / logged, 0.3)
    _read_back(report, folder / "sealed", batches[:SEALED], make=make)


def _speed(seconds: float, megabytes: float) -> list[str]:
    return [f"{seconds:.2f}", f"{ROWS / seconds:,.0f}", f"{megabytes / seconds:,.0f}"]


def _in_turn(folder: Path, batches: list[pa.RecordBatch], raw: list[bytes]) -> tuple[float, float]:
    """Return the seconds of a raw file and of the log, which take their batches by turns.

    So whoever shares the disk slows both.
    """
    log, file = _opened(folder), disk.Raw(folder / "raw")
    plain = logged = 0.0
    for batch, part in zip(batches, raw, strict=True):
        began = time.perf_counter()
        file.write(part)
        between = time.perf_counter()
        log.append_table(batch)
        log.commit()
        plain, logged = plain + between - began, logged + time.perf_counter() - between
    log.close()
    file.close()
    shutil.rmtree(folder)
    return plain, logged


def _opened(folder: Path) -> Any:
    return open_local(folder).telemetry.open_log("measured")


def _read_back(report: Report, folder: Path, batches: list[pa.RecordBatch], *, make: bool) -> None:
    log = _opened(folder)
    for batch in batches:
        log.append_table(batch)
    log.commit()
    log.close()
    ws, began = open_local(folder), time.perf_counter()
    ws.telemetry.seal(lambda _sealed: None)
    rows = sum(batch.num_rows for batch in batches)
    took = time.perf_counter() - began
    report.say(f"sealed into Parquet: {rows:,} rows in {took:.1f} s, {rows / took:,.0f} rows/s")
    wanted = np.mean(np.concatenate([_amounts(batch) for batch in batches]))
    for name, asked in (("pandas", _by_pandas), ("DuckDB", _by_duckdb)):
        try:
            found, mean, took = asked(ws.home.predictions, make=make)
        except (environments.NotInstalledError, subprocess.SubprocessError) as error:
            report.say(f"{name} did not read it: {environments.why(error)}")
            report.bound(f"sealed Parquet: share of rows {name} reads", None, 1, unit="")
            continue
        share = found / rows if np.isclose(mean, wanted) else 0.0
        report.say(f"{name} reads {found:,} rows as they are, in {took:.2f} s")
        report.bound(f"sealed Parquet: share of rows {name} reads", share, 1, unit="")


def _by_pandas(folder: Path, *, make: bool) -> tuple[int, float, float]:
    began = time.perf_counter()
    table = pd.read_parquet(folder)
    mean = table["features"].map(lambda row: row["amount_0"]).mean()
    return len(table), float(mean), time.perf_counter() - began


def _by_duckdb(folder: Path, *, make: bool) -> tuple[int, float, float]:
    interpreter = environments.python("duckdb", ["duckdb"], make=make)
    said = subprocess.run(
        [interpreter, "-I", "-c", QUESTION, folder],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.split()  # fmt: skip
    return int(said[0]), float(said[1]), float(said[3])


def _amounts(batch: pa.RecordBatch) -> Any:
    return batch.column("features").field("amount_0").to_numpy(zero_copy_only=False)


def _batch(seed: int) -> pa.RecordBatch:
    """Return predictions with the columns of the log, as a scorer would have them."""
    frame = mixed.frame(BATCH, 100 + seed)[mixed.FEATURES]
    score = np.random.default_rng(seed).random(BATCH)
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=seed)
    told: dict[str, Any] = {
        "prediction_id": [f"{seed:04x}{row:012x}" for row in range(BATCH)],
        "at": [at] * BATCH,
        "known_at": [at] * BATCH,
        "version": ["linear:1"] * BATCH,
        "digest": ["sha256:" + 64 * "0"] * BATCH,
        "role": ["champion"] * BATCH,
        "score": score,
        "label": np.where(score > 0.5, "yes", "no"),
        "probabilities": np.column_stack([1 - score, score]).tolist(),
        "warnings": [[]] * BATCH,
        "latency_ms": np.full(BATCH, 0.02),
        "salt": [f"{seed:026x}{row:06x}" for row in range(BATCH)],
    }
    arrays = [pa.array(told.get(name, [None] * BATCH), kind) for name, kind in PREDICTION.items()]
    features = pa.RecordBatch.from_pandas(frame, preserve_index=False).to_struct_array()
    return pa.RecordBatch.from_arrays([*arrays, features], names=[*PREDICTION, "features"])
