"""Pictures of what only rows tell: by which features they differ, and in which segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

MOST: Final = 15
ROW: Final = 26
_LINES: Final = 6
"""Features whose importance is drawn over time, those first that matter most."""
_TALL: Final = 240
_CLOSE: Final = 0.08
"""The share of a picture's height within which two names would lie on each other."""
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe & Ito 2008: told apart by those who do not see all colours; names stand at the ends too."""


def drivers(told: Mapping[str, Any]) -> Any:
    """Show by which features rows of now are told from the reference, the clearest first."""
    question = tell("Have the features moved together?")
    rows = [
        {"label": theme.plain(one["feature"]), "value": max(one["lost"], 0.0), "strength": 1.0}
        for one in told["drivers"][:MOST]
    ]
    if not rows:
        return theme.empty(question, theme.plain(told["because"], 160))
    title = tell("what is lost without it (AUC)")
    return theme.dressed(
        _bars(_distinct(rows), title, ".3~f"),
        question,
        answer=theme.plain(told["because"], 200),
        height=ROW * len(rows) + 8,
    )


def segments(told: Mapping[str, Any]) -> Any:
    """Show what each segment of the best attribute adds to how far a feature moved."""
    name = theme.plain(told["feature"], 60)
    question = tell("Where has {feature} moved?", feature=name)
    if not told["attributes"]:
        return theme.empty(question, theme.plain(told["because"], 160))
    best = told["attributes"][0]
    rows = [
        {
            "label": f"{theme.plain(best['attribute'])} {theme.plain(part['segment'])}",
            "value": part["share"] or 0.0,
            "strength": 1.0 if place == 0 and told["stands_out"] else 0.5,
        }
        for place, part in enumerate(best["parts"][:MOST])
    ]
    title = tell("share of how far it moved")
    return theme.dressed(
        _bars(_distinct(rows), title, ".0%"),
        question,
        answer=theme.plain(told["because"], 200),
        height=ROW * len(rows) + 8,
    )


def weighed(told: Mapping[str, Any]) -> Any:
    """Show what the answers depend on over time, and with a dashed line what they did at registration."""
    import altair as alt

    question = tell("What do the answers depend on?")
    rows = [
        {
            "label": name,
            "start": period["start"],
            "value": found["value"],
            "low": found["low"],
            "high": found["high"],
            "rows": period["rows"],
            "before": one["before"],
        }
        for one, name in zip(told["features"][:_LINES], _names(told), strict=False)
        for period, found in zip(told["periods"], one["now"], strict=True)
        if found["value"] is not None
    ]
    if not rows:
        return theme.empty(question, theme.plain(told["because"], 160))
    title = tell("how much the loss grows without it")
    base = alt.Chart(theme.table(rows)).encode(x=alt.X("start:T", axis=alt.Axis(**theme.days())))
    y = alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=3))
    tooltip = [
        alt.Tooltip("label:N", title=tell("feature")),
        alt.Tooltip("start:T", title=tell("from"), format=theme.day_format()),
        alt.Tooltip("value:Q", title=title, format=".3~r"),
        alt.Tooltip("low:Q", title=tell("at least"), format=".3~r"),
        alt.Tooltip("high:Q", title=tell("at most"), format=".3~r"),
        alt.Tooltip("before:Q", title=tell("at registration"), format=".3~r"),
        alt.Tooltip("rows:Q", title=tell("rows"), format=","),
    ]
    names = list(dict.fromkeys(row["label"] for row in rows))
    colour = alt.Color("label:N", scale=alt.Scale(domain=names, range=_COLOURS), legend=None)
    lines = base.encode(color=colour)
    layers = (
        lines.mark_line(strokeDash=[4, 3], strokeWidth=1, opacity=0.7).encode(y="before:Q")
        + lines.mark_rule(opacity=0.5).encode(y=alt.Y("low:Q"), y2="high:Q")
        + lines.mark_line().encode(y=y)
        + lines.mark_point(filled=True, opacity=1, size=36).encode(y=y, tooltip=tooltip)
        + _at_ends(rows, colour, y)
    )
    answer = " ".join([theme.plain(told["because"], 200), tell("Dashed: at registration.")])
    return theme.dressed(layers, question, answer=answer, height=_TALL)


def _at_ends(rows: Sequence[dict[str, Any]], colour: Any, y: Any) -> Any:
    """Name each line at its end; lines that end together are named together, in the colour of text."""
    import altair as alt

    last = max(row["start"] for row in rows)
    span = _span(rows)
    groups: list[list[dict[str, Any]]] = []
    ends = [row for row in rows if row["start"] == last]
    for row in sorted(ends, key=lambda row: -row["value"]):
        if groups and groups[-1][0]["value"] - row["value"] < span * _CLOSE:
            groups[-1].append(row)
        else:
            groups.append([row])
    named = [{**group[0], "named": ", ".join(one["label"] for one in group)} for group in groups]
    alone = [row for row, group in zip(named, groups, strict=True) if len(group) == 1]
    together = [row for row, group in zip(named, groups, strict=True) if len(group) > 1]

    def text(some: Sequence[dict[str, Any]], **more: Any) -> Any:
        mark = alt.Chart(theme.table(some)).mark_text(align="right", dx=-4, dy=-10, limit=0, **more)
        return mark.encode(x="start:T", y=y, text="named:N")

    return text(alone).encode(color=colour) + text(together, color=theme.ink("text"))


def _span(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return how much of the values a picture shows, from the lowest to the highest mark."""
    low = min(min(row["low"], row["before"] or 0.0) for row in rows)
    high = max(max(row["high"], row["before"] or 0.0) for row in rows)
    return float(high - low)


def _names(told: Mapping[str, Any]) -> list[str]:
    return theme.distinct([theme.plain(one["feature"]) for one in told["features"][:_LINES]])


def _bars(rows: Sequence[dict[str, Any]], title: str, form: str) -> Any:
    import altair as alt

    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=200))
    )
    tooltip = [
        alt.Tooltip("label:N", title=tell("value")),
        alt.Tooltip("value:Q", title=title, format=form),
    ]
    x = alt.X("value:Q", title=title, axis=alt.Axis(grid=False, tickCount=4, format=form))
    return base.mark_bar(height=10, color=theme.ink("current")).encode(
        x=x, opacity=alt.Opacity("strength:Q", scale=None), tooltip=tooltip
    )


def _distinct(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep two names apart that look the same once shortened."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["label"]] = seen.get(row["label"], 0) + 1
        if seen[row["label"]] > 1:
            row["label"] += f" ({seen[row['label']]})"
    return rows
