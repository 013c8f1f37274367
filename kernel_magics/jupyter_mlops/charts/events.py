"""What was done meanwhile: thin rules across a picture over time, each with a letter and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

DEPLOYED: Final = "D"
RULES: Final = "R"
ALERT: Final = "A"
CLOSE: Final = 40
"""Events nearer than this part of the picture have their letters below one another."""
STEP: Final = 13


def marked(
    chart: Any, events: Sequence[Mapping[str, str]], points: Sequence[Mapping[str, Any]]
) -> Any:
    """Return a picture over time with the events of its own time; one is ``{at, letter, said}``."""
    import altair as alt

    kept = _within(events, points)
    if not kept or not isinstance(chart, alt.LayerChart):
        return chart
    found = chart.copy()
    found.layer = [*chart.layer, *_drawn(kept)]
    return found


def _within(
    events: Sequence[Mapping[str, str]], points: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    if not points:
        return []
    first, last = _read(points[0]["start"]), _read(points[-1]["end"])
    kept = [event for event in events if first <= _read(event["at"]) < last]
    kept.sort(key=lambda event: event["at"])
    close = (last - first) / CLOSE
    shown: list[dict[str, Any]] = []
    for event in kept:
        before = [e for e in shown if _read(event["at"]) - _read(e["at"]) < close]
        said = theme.plain(event["said"], 120)
        shown.append({**event, "said": said, "level": 4 + STEP * (len(before) % 4)})
    return shown


def _drawn(events: Sequence[Mapping[str, Any]]) -> list[Any]:
    import altair as alt

    base = alt.Chart(theme.table([dict(event) for event in events])).encode(
        x=alt.X("at:T", axis=alt.Axis(**theme.days())),
        tooltip=[
            alt.Tooltip("at:T", title=tell("time"), format=theme.moment_format()),
            alt.Tooltip("said:N", title=tell("event")),
        ],
    )
    rule = base.mark_rule(strokeWidth=1, opacity=0.7, color=theme.ink("unknown"))
    letter = base.mark_text(
        dx=3, align="left", fontSize=11, fontWeight=600, color=theme.ink("text")
    )
    return [rule, letter.encode(text="letter:N", y=alt.Y("level:Q", scale=None, axis=None))]


def _read(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
