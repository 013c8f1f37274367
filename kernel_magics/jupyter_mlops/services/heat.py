"""How far each feature had moved, period by period: PSI over the few cells that pictures show."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jupyter_mlops.domain.answers import HeatRow, Period
from jupyter_mlops.domain.names import iso
from jupyter_mlops.services.window import Window

if TYPE_CHECKING:
    from jupyter_mlops.services.profiles import Hour
    from jupyter_mlops.stats.batch import Batch


def heat(before: Batch, hours: Sequence[Hour], span: Window) -> tuple[list[Period], list[HeatRow]]:
    """Return the periods of a window, and the PSI of each column in each; None without rows."""
    import numpy as np

    from jupyter_mlops.stats.size import stability_over

    told = list(span.periods())
    starts = [start for start, _ in told]
    cells = np.zeros((len(starts), len(before.shown)), dtype=np.int64)
    counts = np.zeros(len(starts), dtype=np.int64)
    if hours:
        at = [bisect_right(starts, hour.start) - 1 for hour in hours]
        np.add.at(cells, at, np.array([hour.shown for hour in hours]))
        np.add.at(counts, at, np.array([hour.rows for hour in hours]))
    periods = [
        Period(start=iso(start), end=iso(end), n=n)
        for (start, end), n in zip(told, counts.tolist(), strict=True)
    ]
    rows = []
    for name in before.layout.names:
        place = before.layout.shown_place(name)
        place = slice(place.start, place.stop - 1)  # what is missing has a test of its own
        psi = stability_over(before.shown[place], cells[:, place])
        values = zip(psi.tolist(), np.isfinite(psi).tolist(), strict=True)
        row = [value if is_told else None for value, is_told in values]
        rows.append(HeatRow(feature=name, psi=row))
    return periods, rows
