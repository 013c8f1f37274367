"""A ring around what is unusual against its own history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell


def ringed(chart: Any, series: Sequence[Mapping[str, Any]], y: str, *, scale: Any = None) -> Any:
    """Return the chart with a ring around each unusual point, whose tooltip says what is unusual."""
    import altair as alt

    rows = [
        {
            "start": point["start"],
            "ring": point[y],
            "what": theme.plain(", ".join(mark["measure"] for mark in point["unusual"]), 120),
        }
        for point in series
        if point.get("unusual") and point.get(y) is not None
    ]
    if not rows:
        return chart
    rings = alt.Chart(theme.table(rows)).mark_point(
        filled=False, size=220, strokeWidth=2, color=theme.ink("warning"), opacity=1
    )
    axis = (
        alt.Y("ring:Q", title=None) if scale is None else alt.Y("ring:Q", title=None, scale=scale)
    )
    told = [alt.Tooltip("what:N", title=tell("unusual"))]
    return chart + rings.encode(x=alt.X("start:T"), y=axis, tooltip=told)
