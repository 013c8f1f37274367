"""Pictures of the fleet: which models work, how well they are, and how that went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import service, theme
from jupyter_mlops.locale import tell

ROW: Final = 24
MOST: Final = 40
ORDER: Final[dict[str, int]] = {"failing": 0, "warning": 1, "unknown": 2, "passing": 3}


def deployments(data: Mapping[str, Any]) -> Any:
    """Show which models work the most, those that need a person first."""
    import altair as alt

    question = tell("Which models work for you, and how are they?")
    rows = _deployments(data)
    if not rows:
        return theme.empty(question, tell("No model is deployed yet."))
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=170)),
        x=alt.X(
            "n:Q",
            scale=alt.Scale(domain=[0, max(1, *(row["n"] for row in rows)) * 1.06]),
            axis=alt.Axis(**theme.counts(tell("predictions")), tickCount=4, grid=False),
        ),
        color=alt.Color("status:N", scale=alt.Scale(**theme.status_colours()), legend=None),
        tooltip=[
            alt.Tooltip("name:N", title=tell("deployment")),
            alt.Tooltip("word:N", title=tell("status")),
            alt.Tooltip("because:N", title=tell("because")),
            alt.Tooltip("n:Q", title=tell("predictions"), format=","),
        ],
    )
    bars = base.mark_bar(height=10).encode(opacity=alt.Opacity("strength:Q", scale=None))
    signs = base.mark_text(align="left", dx=6, fontSize=13).encode(text="sign:N")
    return theme.dressed(bars + signs, question, answer=_answer(rows), height=ROW * len(rows) + 8)


def health(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Show the health of every model week by week; a row is ``{name, weeks: [{start, status}]}``."""
    import altair as alt

    question = tell("How was every model, week by week?")
    cells = [_cell(row, week) for row in rows[:MOST] for week in row["weeks"]]
    if not cells:
        return theme.empty(question, tell("No model is deployed yet."))
    base = alt.Chart(theme.table(cells)).encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days()), scale=alt.Scale(padding=12)),
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=170)),
        color=alt.Color("status:N", scale=alt.Scale(**theme.status_colours()), legend=None),
        shape=alt.Shape("status:N", scale=alt.Scale(**theme.status_shapes()), legend=None),
        tooltip=[
            alt.Tooltip("name:N", title=tell("deployment")),
            alt.Tooltip("start:T", title=tell("week from"), format=theme.day_format()),
            alt.Tooltip("word:N", title=tell("status")),
            alt.Tooltip("because:N", title=tell("because")),
        ],
    )
    points = base.mark_point(filled=True, size=90, strokeWidth=0, stroke=None)
    points = points.encode(opacity=alt.Opacity("strength:Q", scale=None))
    return theme.dressed(points, question, height=ROW * len(rows[:MOST]) + 8)


def predictions(points: Sequence[Mapping[str, Any]]) -> Any:
    """Show how much work the whole fleet did over time; a point is ``{start, n}``."""
    question = tell("How much did your models work?")
    if not any(point["n"] for point in points):
        return theme.empty(question, tell("No predictions have been made yet."))
    return theme.dressed(service.columns(points), question, height=service.HEIGHT)


def sparkline(values: Sequence[float]) -> Any:
    """Show the course of one figure, without words."""
    import altair as alt

    rows = [{"i": i, "value": value} for i, value in enumerate(values)]
    line = alt.Chart(theme.table(rows)).mark_line(color=theme.ink("current"), strokeWidth=1.5)
    drawn = line.encode(
        x=alt.X("i:Q", axis=None), y=alt.Y("value:Q", axis=None, scale=alt.Scale(zero=True))
    )
    return drawn.properties(width=120, height=28, config=theme.config())


def _deployments(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = data.get("items", data.get("deployments", []))
    kept = [item for item in items if item["state"] != "retired"]
    ordered = sorted(kept, key=lambda i: (ORDER[i["status"]], -i["predictions"], i["name"]))
    return [_deployment(item) for item in ordered[:MOST]]


def _deployment(item: Mapping[str, Any]) -> dict[str, Any]:
    status = item["status"]
    name = theme.plain(item["name"])
    return {
        "name": name,
        "label": name,
        "n": item["predictions"],
        "status": status,
        "strength": theme.strength(status),
        "sign": theme.SIGNS[status],
        "word": theme.status_word(status),
        "because": theme.plain(item["because"], 200),
    }


def _cell(row: Mapping[str, Any], week: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": theme.plain(row["name"]),
        "start": week["start"],
        "status": week["status"],
        "strength": theme.strength(week["status"]),
        "word": theme.status_word(week["status"]),
        "because": theme.plain(week.get("because", ""), 200),
    }


def _answer(rows: Sequence[Mapping[str, Any]]) -> str:
    ill = [row["name"] for row in rows if row["status"] in ("failing", "warning")]
    if not ill:
        return tell("None needs attention.")
    return tell("Needs attention: {names}.", names=", ".join(ill[:3]))
