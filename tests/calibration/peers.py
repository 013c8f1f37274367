"""The peers' defaults on the same settings without drift, each in its own environment, beside ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import environments
import numpy as np
from report import Report
from samples import labels, zipf

from jupyter_mlops.stats.drift import compare
from jupyter_mlops.stats.intervals import wilson

WORKER = Path(__file__).parent / "peer_alarms.py"
LONGEST_SECONDS = 1_800
PACKAGES = {
    # it imports what pandas 3 no longer has
    "Evidently": ("evidently", "pandas<3", "pyarrow"),
    # it imports statsmodels and does not declare it
    "NannyML": ("nannyml", "statsmodels", "pyarrow"),
}
SETTINGS = ((5, 500, 500), (20, 1_000, 1_000), (0, 1_001, 100), (0, 10_000, 100), (20, 10_000, 100))
"""Levels (0: normal numbers), rows of the reference, rows of a window."""
REPLICATES = 1_000


def measure(report: Report, *, seed: int) -> None:
    """Let each count its alarms, and ours at nominal 5 % on as many rows."""
    report.title("The peers' defaults without drift, alarms in percent")
    found = {"this, nominal 5 %": [_ours(seed, *setting) for setting in SETTINGS]}
    for name, packages in PACKAGES.items():
        try:
            found[name] = _theirs(report, name, packages, seed)
        except (environments.NotInstalledError, subprocess.SubprocessError) as error:
            report.say(f"{name} is not measured: {error}")
    heads = [
        f"{f'{levels} categories' if levels else 'normal'}, {n:,} / {m:,}"
        for levels, n, m in SETTINGS
    ]
    report.table(["reference / window", *heads], [[name, *cells] for name, cells in found.items()])


def _theirs(report: Report, name: str, packages: tuple[str, ...], seed: int) -> list[str]:
    kind = name.lower()
    interpreter = environments.python(kind, packages)
    report.say(environments.versions(interpreter, [kind, "pandas", "numpy"]))
    said = subprocess.run(
        [interpreter, "-I", WORKER, kind, str(seed), json.dumps(SETTINGS)],
        capture_output=True, text=True, check=True, timeout=LONGEST_SECONDS,
    ).stdout.splitlines()[-1]  # fmt: skip
    return [_share(*counted) for counted in json.loads(said)]


def _ours(seed: int, levels: int, reference: int, window: int) -> str:
    random = np.random.default_rng([seed, levels, reference, window])
    alarms = 0
    for _ in range(REPLICATES):
        if levels:
            before, windows = labels(zipf(levels))(random, reference)
            told = compare(before, windows(random, window))
        else:
            told = compare(random.normal(size=reference), random.normal(size=window))
        alarms += told.p_value <= 0.05
    return _share(alarms, REPLICATES)


def _share(alarms: int, of: int) -> str:
    rate = wilson(alarms, of)
    return f"{100 * rate.value:.1f} ({100 * rate.low:.1f}–{100 * rate.high:.1f})"
