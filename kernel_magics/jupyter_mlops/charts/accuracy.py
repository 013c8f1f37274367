"""Pictures of accuracy: is it still as right as it was, and how sure can one be?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import rings, theme
from jupyter_mlops.domain.health import MATURE
from jupyter_mlops.locale import tell

HEIGHT: Final = 220
_ENDS: Final = ("low", "high")


def over_time(data: Mapping[str, Any]) -> Any:
    """Show the metric period by period with its interval, its reference and how many rows it rests on."""
    import altair as alt

    question = tell("Is it still as right as it was?")
    points = _points(data)
    if not any(point["value"] is not None or "expected" in point for point in points):
        return theme.empty(question, tell("Nobody has said yet what really happened."))
    reference = (data.get("reference") or {}).get(data["metric"], {}).get("value")
    scale = alt.Scale(domain=_room(points, reference), nice=False, zero=False)
    line = rings.ringed(_line(points, scale), data.get("series", []), "value", scale=scale)
    if any("expected" in point for point in points):
        line = _estimate(points, scale, data.get("estimated") or {}) + line
    layers = [_sizes(points), line if reference is None else line + _reference(reference)]
    chart = alt.layer(*layers).resolve_scale(y="independent")
    return theme.dressed(chart, question, answer=_answer(data, points), height=HEIGHT)


def _points(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    kept = []
    for point in data.get("series", []):
        labelled = point.get("labelled", 1.0)
        kept.append(
            {
                "start": point["start"],
                "n": point["n"],
                "value": point["value"],
                "low": point.get("low"),
                "high": point.get("high"),
                "labelled": labelled,
                "mature": labelled >= MATURE,
                "strength": 0.22 if labelled >= MATURE else 0.1,
                **_expected(point),
            }
        )
    return [{**point, "alone": _is_alone(kept, i)} for i, point in enumerate(kept)]


def _expected(point: Mapping[str, Any]) -> dict[str, float]:
    """Return what is expected of a period before its labels come, where anything is."""
    found = point.get("estimated") or {}
    if found.get("value") is None:
        return {}
    low, high = (found[end] if found.get(end) is not None else found["value"] for end in _ENDS)
    return {"expected": found["value"], "least": low, "most": high}


def _estimate(points: Sequence[dict[str, Any]], scale: Any, told: Mapping[str, Any]) -> Any:
    """Draw what is expected before labels come: dotted, in a band that is lighter than any other."""
    import altair as alt

    rows = [point for point in points if "expected" in point]
    name = tell("estimated, do not trust") if told.get("trusted") is False else tell("estimated")
    accent = theme.ink("unknown" if told.get("trusted") is False else "current")
    base = alt.Chart(theme.table(rows)).encode(x=alt.X("start:T", axis=alt.Axis(**theme.days())))
    y = alt.Y("expected:Q", scale=scale, title=None)
    band = base.mark_area(color=accent, opacity=0.08, interpolate="monotone")
    line = base.mark_line(
        color=accent, strokeDash=[2, 3], strokeWidth=1.5, opacity=0.8, interpolate="monotone"
    )
    dots = base.mark_point(filled=True, size=14, color=accent, opacity=0.8)
    last = alt.Chart(theme.table(rows[-1:])).mark_text(
        align="right", dy=-8, fontSize=11, color=theme.ink("text")
    )
    return (
        band.encode(y=alt.Y("least:Q", scale=scale, title=None), y2="most:Q")
        + line.encode(y=y)
        + dots.encode(y=y, tooltip=_tooltip_expected())
        + last.encode(x="start:T", y=y, text=alt.value(name))
    )


def _tooltip_expected() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("start:T", title=tell("from"), format=theme.day_format()),
        alt.Tooltip("expected:Q", title=tell("estimated"), format=".3~r"),
        alt.Tooltip("least:Q", title=tell("at least"), format=".3~r"),
        alt.Tooltip("most:Q", title=tell("at most"), format=".3~r"),
    ]


def _is_alone(points: Sequence[dict[str, Any]], i: int) -> bool:
    """Say whether no neighbour has a value, so that no band can show the point's interval."""
    return all(
        point["value"] is None for point in [*points[max(0, i - 1) : i], *points[i + 1 : i + 2]]
    )


def _line(points: Sequence[dict[str, Any]], scale: Any) -> Any:
    """Draw band, line and points; what may still change is dashed, hollow and lighter."""
    import altair as alt

    accent = theme.ink("current")
    base = alt.Chart(theme.table(_joined(points))).encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days())),
    )
    y = alt.Y("value:Q", scale=scale, title=None, axis=alt.Axis(tickCount=4, format="~g"))
    band = base.mark_area(color=accent, interpolate="monotone").encode(
        y=alt.Y("low:Q", scale=scale, title=None),
        y2="high:Q",
        opacity=alt.Opacity("strength:Q", scale=None),
        detail="mature:N",
    )
    alone = base.transform_filter("datum.alone").mark_rule(color=accent, strokeWidth=6)
    alone = alone.encode(
        y=alt.Y("low:Q", scale=scale), y2="high:Q", opacity=alt.Opacity("strength:Q", scale=None)
    )
    dash = alt.StrokeDash("mature:N", scale=alt.Scale(domain=[True, False], range=[[1, 0], [4, 4]]))
    line = base.mark_line(color=accent, strokeWidth=2, interpolate="monotone")
    own = base.transform_filter("!datum.joint")
    solid = own.transform_filter("datum.mature").mark_point(filled=True, size=50, color=accent)
    hollow = own.transform_filter("!datum.mature").mark_point(
        filled=False, size=50, color=accent, strokeWidth=1.5
    )
    return (
        band
        + alone
        + line.encode(y=y, strokeDash=dash, detail="mature:N")
        + solid.encode(y=y, tooltip=_tooltip())
        + hollow.encode(y=y, tooltip=_tooltip())
    )


def _joined(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Repeat the last mature point as the first immature one, so that the line is not broken there."""
    joined: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    for point in points:
        if before is not None and before["mature"] != point["mature"]:
            kept = {"mature": point["mature"], "strength": point["strength"]}
            joined.append(before | kept | {"joint": True, "alone": False})
        joined.append({**point, "joint": False})
        before = point
    return joined


def _sizes(points: Sequence[dict[str, Any]]) -> Any:
    """Draw how many rows each point rests on, as quiet bars at the foot of the picture."""
    import altair as alt

    most = max((point["n"] for point in points), default=1) or 1
    return (
        alt.Chart(theme.table(points))
        .mark_bar(color=theme.ink("reference"), opacity=0.35, width=10)
        .encode(
            x=alt.X("start:T", axis=alt.Axis(**theme.days())),
            y=alt.Y("n:Q", axis=None, scale=alt.Scale(domain=[0, most * 6])),
            tooltip=_tooltip(),
        )
    )


def _reference(value: float) -> Any:
    """Draw what it was when it was released as a dashed hairline, named above the picture."""
    import altair as alt

    row = {"at": value, "name": tell("┄ at release {value}", value=f"{value:.3g}")}
    data = theme.table([row])
    rule = alt.Chart(data).mark_rule(strokeDash=[4, 3], strokeWidth=1)
    name = alt.Chart(data).mark_text(
        align="left", fontSize=11, color=theme.ink("text"), x=0, y=-6, limit=0
    )
    return rule.encode(y="at:Q", color=alt.value(theme.colour("unknown"))) + name.encode(
        text="name:N"
    )


def _room(points: Sequence[dict[str, Any]], reference: float | None) -> list[float]:
    """Leave room below the lowest value for the bars of the sample sizes."""
    names = ("value", "low", "high", "expected", "least", "most")
    kept = [point[k] for point in points for k in names if point.get(k) is not None]
    kept += [] if reference is None else [reference]
    low, high = min(kept), max(kept)
    reach = (high - low) or abs(high) * 0.1 or 1.0
    return [low - reach * 0.35, high + reach * 0.15]


def _answer(data: Mapping[str, Any], points: Sequence[dict[str, Any]]) -> str:
    said = theme.plain(data.get("because", ""), 160)
    hint = tell("Dashed: the truth is known for fewer than 80 % of these cases.")
    expected = data.get("estimated") or {}
    told = expected["because"] if expected.get("metrics") else ""
    is_mature = all(point["mature"] for point in points)
    return " ".join(filter(None, (said, "" if is_mature else hint, told)))


def _tooltip() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("start:T", title=tell("from"), format=theme.day_format()),
        alt.Tooltip("value:Q", title=tell("value"), format=".3~r"),
        alt.Tooltip("low:Q", title=tell("at least"), format=".3~r"),
        alt.Tooltip("high:Q", title=tell("at most"), format=".3~r"),
        alt.Tooltip("n:Q", title=tell("cases"), format=","),
        alt.Tooltip("labelled:Q", title=tell("truth known"), format=".0%"),
    ]
