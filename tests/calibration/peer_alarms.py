"""A peer's alarms on columns that do not move, in its own environment: what it alarms on, of how many.

Needs numpy, pandas and the peer only. Every column is a replicate; NannyML parts a frame into ten windows.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np
import pandas as pd

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # NannyML tells its makers of each call otherwise
COLUMNS = 50
CHUNKS = 10


def frame(random: np.random.Generator, levels: int, rows: int) -> pd.DataFrame:
    """Return columns of equally frequent labels, or of normal numbers where there are no levels."""
    names = np.array([f"level {at}" for at in range(levels)], dtype=object)
    told = [
        names[random.integers(0, levels, rows)] if levels else random.normal(size=rows)
        for _ in range(COLUMNS)
    ]
    return pd.DataFrame({f"column {at}": values for at, values in enumerate(told)})


def evidently(
    random: np.random.Generator, levels: int, reference: int, window: int
) -> tuple[int, int]:
    """Count the alarms of the default preset."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    before, now = (frame(random, levels, rows) for rows in (reference, window))
    told = Report([DataDriftPreset()]).run(reference_data=before, current_data=now).dict()
    found = [one for one in told["metrics"] if one["metric_name"].startswith("ValueDrift")]
    return sum(map(_alarms, found)), len(found)


def _alarms(metric: dict[str, Any]) -> bool:
    method, threshold = metric["metric_name"].split("method=")[1].rstrip(")").split(",threshold=")
    value, limit = float(metric["value"]), float(threshold)
    return value < limit if "p_value" in method else value >= limit


def nannyml(
    random: np.random.Generator, levels: int, reference: int, window: int
) -> tuple[int, int]:
    """Count the alarms of the univariate calculator on ten windows, as it parts a frame by default."""
    from nannyml import UnivariateDriftCalculator

    before, now = (frame(random, levels, rows) for rows in (reference, CHUNKS * window))
    calculator = UnivariateDriftCalculator(column_names=list(before.columns))
    told = calculator.fit(before).calculate(now).filter(period="analysis").to_df(multilevel=True)
    alerts = told[[name for name in told.columns if name[-1] == "alert"]].to_numpy().astype(bool)
    return int(alerts.sum()), alerts.size


def main() -> None:
    """Count for each setting, as JSON."""
    kind, seed, settings = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    count: Any = {"evidently": evidently, "nannyml": nannyml}[kind]
    random = np.random.default_rng(seed)
    print(json.dumps([count(random, *setting) for setting in settings]))


if __name__ == "__main__":
    main()
