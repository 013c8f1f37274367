"""How far each feature had moved, period by period: PSI over the few cells that pictures show."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

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
    counts, cells = _added([start for start, _ in told], hours, len(before.shown))
    written = {moment: iso(moment) for moment in {*itertools.chain(*told)}}
    periods = [
        Period(start=written[start], end=written[end], n=n)
        for (start, end), n in zip(told, counts.tolist(), strict=True)
    ]
    ends = before.layout.shown_ends[1:]
    # the last cell of each column, what is missing, has a test of its own
    known = np.delete(np.arange(len(before.shown)), ends - 1)
    starts = before.layout.shown_ends[:-1] - np.arange(len(ends))
    psi = stability_over(before.shown[known], cells[:, known], starts) if len(ends) else cells
    told_psi = psi.astype(object)
    told_psi[np.isnan(psi)] = None
    rows = told_psi.T.tolist()
    return periods, [
        HeatRow(feature=name, psi=row) for name, row in zip(before.layout.names, rows, strict=True)
    ]


def _added(starts: Sequence[datetime], hours: Sequence[Hour], width: int) -> tuple[Any, Any]:
    """Return the rows of each period, and their cells, shape (periods,) and (periods, cells)."""
    import numpy as np

    counts = np.zeros(len(starts), dtype=np.int64)
    cells = np.zeros((len(starts), width), dtype=np.int64)
    if hours:
        at = np.array([bisect_right(starts, hour.start) - 1 for hour in hours])
        order = np.argsort(at, kind="stable")
        places, first = np.unique(at[order], return_index=True)
        shown = np.concatenate([hour.shown for hour in hours]).reshape(len(hours), width)[order]
        is_each = len(places) == len(at)
        cells[places] = shown if is_each else np.add.reduceat(shown, first, axis=0)
        np.add.at(counts, at, np.array([hour.rows for hour in hours]))
    return counts, cells
