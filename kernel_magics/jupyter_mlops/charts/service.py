"""Pictures of the service: how much was asked, how fast it answered, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import rings, theme
from jupyter_mlops.locale import tell

HEIGHT: Final = 180


def traffic(data: Mapping[str, Any]) -> Any:
    """Show how many predictions were made, period by period."""
    question = tell("How many predictions were made?")
    points = [{"start": point["start"], "n": point["n"]} for point in data.get("series", [])]
    if not any(point["n"] for point in points):
        return theme.empty(question, tell("Nothing has been asked of it in this time."))
    answer = tell("{n} predictions in all.", n=f"{data['predictions']:,}")
    drawn = rings.ringed(columns(points), data["series"], "n")
    return theme.dressed(drawn, question, answer=answer, height=HEIGHT)


def columns(points: Sequence[Mapping[str, Any]]) -> Any:
    """Draw counts over time as columns from zero."""
    import altair as alt

    width = _width(len(points))
    bars = alt.Chart(theme.table([dict(point) for point in points])).mark_bar(
        color=theme.ink("current"), opacity=0.85, width=width
    )
    return bars.encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days())),
        y=alt.Y("n:Q", axis=alt.Axis(**theme.counts(), tickCount=3)),
        tooltip=[
            alt.Tooltip("start:T", title=tell("from"), format=theme.day_format()),
            alt.Tooltip("n:Q", title=tell("predictions"), format=","),
        ],
    )


def _width(columns: int) -> Any:
    """Return how wide a column may be so that there is air beside it, in a narrow window too."""
    import altair as alt

    most, n = max(2, min(18, 270 // max(1, columns))), max(1, columns)
    window = "windowSize()[0]"
    narrow = f"{window} > 0 && {window} < 600 ? max(2, ({window} - 184) / {n} * 0.7) : {most}"
    return alt.ExprRef(f"min({most}, {narrow})")


def latency(data: Mapping[str, Any]) -> Any:
    """Show how long an answer took: a typical one, a slow one, the slowest."""
    import altair as alt

    question = tell("How fast did it answer?")
    rows = [row for row in _latencies(data) if row["ms"] is not None]
    if not rows:
        return theme.empty(question, tell("Nothing has been asked of it in this time."))
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=240)),
        x=alt.X("ms:Q", title=tell("milliseconds"), axis=alt.Axis(tickCount=4, grid=False)),
        tooltip=[alt.Tooltip("name:N", title=tell("answer")), alt.Tooltip("said:N", title="ms")],
    )
    bars = base.mark_bar(color=theme.ink("current"), opacity=0.85, height=10)
    said = base.mark_text(align="left", dx=5, color=theme.ink("text")).encode(text="said:N")
    answer = tell("Half of all answers came within {ms} ms.", ms=rows[0]["said"])
    return theme.dressed(bars + said, question, answer=answer, height=26 * len(rows) + 8)


def latency_over_time(data: Mapping[str, Any]) -> Any:
    """Show period by period within how many milliseconds 95 % of the answers came."""
    import altair as alt

    question = tell("Did it stay as fast?")
    points = [
        {"start": point["start"], "ms": point.get("value"), "n": point["n"]}
        for point in data.get("series", [])
    ]
    if not any(point["ms"] is not None for point in points):
        return theme.empty(question, tell("Nothing has been asked of it in this time."))
    base = alt.Chart(theme.table(points)).encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days())),
        y=alt.Y("ms:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=3)),
    )
    tooltip = [
        alt.Tooltip("start:T", title=tell("from"), format=theme.moment_format()),
        alt.Tooltip("ms:Q", title=tell("95 % within (ms)"), format=".3~r"),
        alt.Tooltip("n:Q", title=tell("predictions"), format=","),
    ]
    accent = theme.ink("current")
    line = base.mark_line(color=accent, strokeWidth=2)
    dots = base.mark_point(filled=True, size=36, color=accent, opacity=1).encode(tooltip=tooltip)
    p95 = (data.get("latency_ms") or {}).get("p95")
    answer = tell("95 % of all answers came within {ms} ms.", ms=f"{p95 or 0:.3g}")
    return theme.dressed(line + dots, question, answer=answer, height=HEIGHT)


def errors_over_time(data: Mapping[str, Any]) -> Any:
    """Show period by period which share of the requests failed, and how many were refused at the door."""
    import altair as alt

    question = tell("When did requests fail?")
    points = [_failed(point) for point in data.get("series", [])]
    if not any(point["requests"] or point["refused"] for point in points):
        return theme.empty(question, tell("Nothing has been asked of it in this time."))
    if not any(point["errors"] for point in points):
        return theme.empty(question, tell("Never: every request was answered."))
    width = _width(len(points))
    bars = alt.Chart(theme.table(points)).mark_bar(
        color=theme.ink("failing"), opacity=0.75, width=width
    )
    chart = bars.encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days())),
        y=alt.Y("share:Q", title=None, axis=alt.Axis(tickCount=3, format="~%")),
        tooltip=[
            alt.Tooltip("start:T", title=tell("from"), format=theme.moment_format()),
            alt.Tooltip("share:Q", title=tell("failed"), format=".1%"),
            alt.Tooltip("errors:Q", title=tell("requests"), format=","),
            alt.Tooltip("refused:Q", title=tell("refused at the door"), format=","),
        ],
    )
    return theme.dressed(chart, question, answer=_rate(data), height=HEIGHT)


def _failed(point: Mapping[str, Any]) -> dict[str, Any]:
    requests, errors = point.get("requests", 0), point.get("errors", 0)
    share = errors / requests if requests else None
    told = {"requests": requests, "errors": errors, "share": share}
    return {"start": point["start"], "refused": point.get("refused", 0), **told}


def errors(data: Mapping[str, Any]) -> Any:
    """Show what went wrong, by kind, and how often that is."""
    import altair as alt

    question = tell("What went wrong?")
    kinds = sorted((data.get("errors_by_kind") or {}).items(), key=lambda kind: -kind[1])
    if not kinds:
        return theme.empty(question, tell("Nothing: every request was answered."))
    rows = [{"kind": theme.plain(kind, 40), "n": n} for kind, n in kinds[:8]]
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("kind:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        x=alt.X("n:Q", axis=alt.Axis(**theme.counts(tell("requests")), tickCount=4, grid=False)),
        tooltip=[alt.Tooltip("kind:N", title=tell("kind")), alt.Tooltip("n:Q", format=",")],
    )
    bars = base.mark_bar(color=theme.ink("unknown"), height=10)
    said = base.mark_text(align="left", dx=5, color=theme.ink("text")).encode(
        text=alt.Text("n:Q", format=",")
    )
    return theme.dressed(bars + said, question, answer=_rate(data), height=26 * len(rows) + 8)


def budgets(data: Mapping[str, Any]) -> Any:
    """Show how much of the failure that each objective allows is left; overdrawn is none."""
    import altair as alt

    question = tell("How much failure is still allowed?")
    names = {"error_rate": tell("errors"), "latency_p95_ms": tell("slow answers")}
    rows = [
        {
            "name": names[one["objective"]],
            "left": max(one["left"] or 0.0, 0.0),
            "status": one["status"],
            "said": f"{theme.SIGNS[one['status']]} {_left(one)}",
            "because": one["because"],
        }
        for one in data.get("budgets", [])
    ]
    if not rows:
        return theme.empty(question, tell("No objective is agreed; `rules` agrees on some."))
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        x=alt.X(
            "left:Q",
            title=tell("share of thirty days' budget that is left"),
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(tickCount=4, grid=False, format="~%"),
        ),
        tooltip=[alt.Tooltip("because:N", title=tell("because"))],
    )
    colours = alt.Scale(**theme.status_colours())
    bars = base.mark_bar(height=10, opacity=0.85).encode(
        color=alt.Color("status:N", scale=colours, legend=None)
    )
    said = base.mark_text(align="left", x=5, dy=-13, color=theme.ink("text"))
    worst = min(data["budgets"], key=lambda one: theme.STATUSES.index(one["status"]))
    return theme.dressed(
        bars + said.encode(text="said:N"), question, answer=worst["because"], height=44 * len(rows)
    )


def _left(one: Mapping[str, Any]) -> str:
    return "–" if one["left"] is None else f"{one['left']:.1%}"


def _latencies(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = {
        "p50": tell("typical (p50)"),
        "p90": tell("1 in 10 is slower (p90)"),
        "p95": tell("1 in 20 is slower (p95)"),
        "p99": tell("1 in 100 is slower (p99)"),
    }
    figures = data.get("latency_ms") or {}
    return [
        {"name": name, "ms": figures.get(key), "said": f"{figures.get(key) or 0:.3g}"}
        for key, name in names.items()
        if key in figures
    ]


def _rate(data: Mapping[str, Any]) -> str:
    failed, asked = f"{data['errors']:,}", f"{data['requests']:,}"
    return tell("{failed} of {n} requests failed.", failed=failed, n=asked)
