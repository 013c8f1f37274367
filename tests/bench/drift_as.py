"""A peer's drift of one Parquet file against another, in its own environment.

Prints the seconds it took, reading included and imports not, the most MB of memory, and how many columns
it judged. Needs pandas and the peer only.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.append(str(Path(__file__).parent))  # last, so that nothing here hides a peer's module

import memory


def evidently(before: pd.DataFrame, now: pd.DataFrame) -> int:
    """Run the default preset."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    told = Report([DataDriftPreset()]).run(reference_data=before, current_data=now).dict()
    return sum(metric["metric_name"].startswith("ValueDrift") for metric in told["metrics"])


def nannyml(before: pd.DataFrame, now: pd.DataFrame) -> int:
    """Run the univariate calculator with its defaults."""
    from nannyml import UnivariateDriftCalculator

    calculator = UnivariateDriftCalculator(column_names=list(before.columns))
    told = calculator.fit(before).calculate(now).to_df(multilevel=True)
    return len({name for name, *_ in told.columns} - {"chunk"})


def main() -> None:
    """Import the peer, then read and judge against the clock."""
    kind, before, now = sys.argv[1:]
    judge: Any = {"evidently": evidently, "nannyml": nannyml}[kind]
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # NannyML tells its makers of each call otherwise
    __import__(kind)
    began = time.perf_counter()
    columns = judge(pd.read_parquet(before), pd.read_parquet(now))
    took = time.perf_counter() - began
    print(took, memory.most(), columns)


if __name__ == "__main__":
    main()
