"""Pictures of one version: what its answers depend on, and how groups fare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

MOST: Final = 15
ROW: Final = 26


def importance(rows: Sequence[tuple[str, float]]) -> Any:
    """Show how much worse it gets without each feature, the most first; (name, loss) each."""
    import altair as alt

    names = theme.distinct([theme.plain(name) for name, _ in rows[:MOST]])
    told = [
        {"feature": name, "lost": lost} for name, (_, lost) in zip(names, rows[:MOST], strict=True)
    ]
    title = tell("how much the loss grows when it is shuffled")
    bars = alt.Chart(theme.table(told)).mark_bar(height=12, color=theme.ink("current"))
    chart = bars.encode(
        x=alt.X("lost:Q", title=title, axis=alt.Axis(grid=True, tickCount=4, format=".2~g")),
        y=alt.Y("feature:N", sort=names, title=None),
        tooltip=[
            alt.Tooltip("feature:N", title=tell("feature")),
            alt.Tooltip("lost:Q", title=title, format=".3~g"),
        ],
    )
    question = tell("What do the answers depend on?")
    answer = tell("Most on {feature}.", feature=names[0]) if names else ""
    return theme.dressed(chart, question, answer=answer, height=ROW * len(told) + 8)


def parity(rows: Sequence[Mapping[str, Any]], floor: float) -> Any:
    """Show how often each group is favoured, against the group that is favoured most."""
    import altair as alt

    shown = sorted(rows, key=lambda row: float(row["ratio"]))[:MOST]
    names = theme.distinct(
        [theme.plain(f"{row['attribute']} = {row['group']}", 40) for row in shown]
    )
    told = [{"group": name, "ratio": row["ratio"]} for name, row in zip(names, shown, strict=True)]
    title = tell("ratio to the group that is favoured most")
    data = alt.Chart(theme.table(told)).encode(
        y=alt.Y("group:N", sort=names, title=None, axis=alt.Axis(labelLimit=260))
    )
    stem = data.mark_bar(height=12, color=theme.ink("current"), opacity=0.8)
    line = alt.Chart(theme.table([{"at": floor, "name": tell("four fifths")}]))
    rule = line.mark_rule(strokeDash=[4, 3], color=theme.ink("unknown")).encode(x="at:Q")
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(grid=True, tickCount=5, format=".1~f")
    chart = stem.encode(x=alt.X("ratio:Q", title=title, scale=scale, axis=axis)) + rule
    question = tell("Are groups favoured alike?")
    return theme.dressed(chart, question, height=ROW * len(told) + 8)
