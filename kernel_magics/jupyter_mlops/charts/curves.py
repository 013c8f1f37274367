"""Pictures of what a model is right and wrong about: ranking, calibration, confusion, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

HEIGHT: Final = 220
Data = Mapping[str, Any]


def roc(data: Data) -> Any:
    """Show how many of the cases that happened are found, and at the price of how many that did not."""
    curve = _curve(data["curves"]["roc"], x=tell("false alarms"), y=tell("found"))
    chart = curve + _diagonal()
    question = tell("Does it rank what happened above what did not?")
    return theme.dressed(chart, question, answer=_figure(data, "roc_auc", "AUC"), height=HEIGHT)


def precision_recall(data: Data) -> Any:
    """Show how many of those it names are right, the more of them are found."""
    line = data["curves"]["precision_recall"]
    chart = _curve(line, x=tell("found"), y=tell("right among those named"))
    chart += _level(line["y"][-1], tell("┄ by chance {value}", value=f"{line['y'][-1]:.3g}"))
    question = tell("Of those it names, how many are right?")
    answer = _figure(data, "pr_auc", tell("average precision"))
    return theme.dressed(chart, question, answer=answer, height=HEIGHT)


def lift(data: Data) -> Any:
    """Show how much likelier it happens among the highest scores."""
    line = data["curves"]["lift"]
    chart = _curve(
        line, x=tell("share with the highest scores"), y=tell("times as likely"), most=None
    )
    chart += _level(1.0, tell("┄ by chance 1"))
    question = tell("How much better than chance are its highest scores?")
    answer = _figure(data, "lift_10", tell("lift of the highest tenth"))
    return theme.dressed(chart, question, answer=answer, height=HEIGHT)


def calibration(data: Data) -> Any:
    """Show how often it happened among cases with about the same probability, with intervals."""
    import altair as alt

    rows = [{**bin, "n": bin["rows"]} for bin in data["curves"]["calibration"]]
    most = max(row["n"] for row in rows)
    base = alt.Chart(theme.table(rows)).encode(x=_share("said", tell("it says")))
    points = base.mark_point(filled=True, size=50, color=theme.ink("current"))
    spread = base.mark_rule(strokeWidth=3, opacity=0.3, color=theme.ink("current"))
    sizes = base.mark_bar(width=14, opacity=0.35, color=theme.ink("reference"))
    drawn = (
        _diagonal()
        + spread.encode(y=_share("low", tell("it happens")), y2="high:Q")
        + points.encode(y=_share("came", tell("it happens")), tooltip=_bins())
    )
    bars = sizes.encode(
        y=alt.Y("n:Q", axis=None, scale=alt.Scale(domain=[0, most * 6])), tooltip=_bins()
    )
    chart = alt.layer(bars, drawn).resolve_scale(y="independent")
    question = tell("Does it happen as often as it says?")
    answer = _figure(data, "ece", tell("mean distance"))
    return theme.dressed(chart, question, answer=answer, height=HEIGHT)


def confusion(data: Data) -> Any:
    """Show which truth was taken for which answer, as shares of each truth."""
    import altair as alt

    told = data["curves"]["confusion"]
    names = [theme.plain(label) for label in told["labels"]]
    rows = [
        {"truth": truth, "said": said, "n": n, "share": n / max(sum(counts), 1), "right": i == j}
        for i, (truth, counts) in enumerate(zip(names, told["counts"], strict=True))
        for j, (said, n) in enumerate(zip(names, counts, strict=True))
    ]
    base = alt.Chart(theme.table(rows)).encode(
        x=alt.X("said:N", sort=names, title=tell("it said"), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("truth:N", sort=names, title=tell("it was")),
        tooltip=[
            alt.Tooltip("truth:N", title=tell("it was")),
            alt.Tooltip("said:N", title=tell("it said")),
            alt.Tooltip("n:Q", title=tell("cases"), format=","),
            alt.Tooltip("share:Q", title=tell("share"), format=".1%"),
        ],
    )
    field = base.mark_rect(color=theme.ink("current")).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.03, 0.6]))
    )
    words = base.mark_text(fontSize=12, color=theme.ink("text")).encode(
        text=alt.Text("n:Q", format=",")
    )
    height = min(36 * len(names) + 20, 420)
    chart = field + words if len(names) <= 8 else field  # noqa: PLR2004  (more have no room for words)
    answer = _figure(data, "accuracy", tell("accuracy"))
    return theme.dressed(chart, tell("What does it take for what?"), answer=answer, height=height)


def residuals(data: Data) -> Any:
    """Show how often predictions were off by how much."""
    import altair as alt

    told = data["curves"]["residuals"]
    whole = max(sum(told["counts"]) + told["below"] + told["above"], 1)
    rows = [
        {"from": low, "to": high, "n": n, "density": n / whole / (high - low)}
        for (low, high), n in zip(pairwise(told["edges"]), told["counts"], strict=True)
        if high > low
    ]
    bars = alt.Chart(theme.table(rows)).mark_bar(color=theme.ink("current"), opacity=0.6)
    chart = bars.encode(
        x=alt.X("from:Q", bin="binned", title=tell("prediction less truth")),
        x2="to:Q",
        y=alt.Y("density:Q", axis=None, scale=alt.Scale(zero=True), stack=None),
        tooltip=[
            alt.Tooltip("from:Q", title=tell("from"), format=".3~r"),
            alt.Tooltip("to:Q", title=tell("to"), format=".3~r"),
            alt.Tooltip("n:Q", title=tell("cases"), format=","),
        ],
    )
    zero = alt.Chart(theme.table([{"at": 0}])).mark_rule(strokeDash=[4, 3]).encode(x="at:Q")
    answer = _figure(data, "rmse", "RMSE")
    outside = told["below"] + told["above"]
    if outside:
        answer += " " + tell("{n} cases lie outside of what the holdout showed.", n=f"{outside:,}")
    return theme.dressed(
        chart + zero, tell("How far is it off?"), answer=answer.strip(), height=HEIGHT
    )


def predicted(data: Data) -> Any:
    """Show which predictions were made where the truth was what."""
    import altair as alt

    told = data["curves"]["predicted"]
    cells = _cells(told["edges"])
    rows = [
        {"truth": i, "said": j, "was": was, "told": said, "n": n}
        for i, (was, counts) in enumerate(zip(cells, told["counts"], strict=True))
        for j, (said, n) in enumerate(zip(cells, counts, strict=True))
        if n
    ]
    order = list(range(len(cells)))
    names = alt.Axis(labelExpr=f"{cells!r}[datum.value]", labelAngle=0, labelOverlap=True)
    chart = (
        alt.Chart(theme.table(rows))
        .mark_rect(color=theme.ink("current"))
        .encode(
            x=alt.X("truth:O", sort=order, title=tell("it was"), axis=names),
            y=alt.Y("said:O", sort=order[::-1], title=tell("it said"), axis=names),
            opacity=alt.Opacity("n:Q", scale=alt.Scale(type="sqrt", range=[0.05, 0.9])),
            tooltip=[
                alt.Tooltip("was:N", title=tell("it was")),
                alt.Tooltip("told:N", title=tell("it said")),
                alt.Tooltip("n:Q", title=tell("cases"), format=","),
            ],
        )
    )
    answer = _figure(data, "r2", "R²")
    return theme.dressed(
        chart, tell("Do predictions follow what happened?"), answer=answer, height=HEIGHT + 60
    )


def of(data: Data) -> list[Any]:
    """Return the pictures there are points for."""
    pictures = {
        "roc": roc,
        "precision_recall": precision_recall,
        "calibration": calibration,
        "lift": lift,
        "confusion": confusion,
        "residuals": residuals,
        "predicted": predicted,
    }
    curves = data.get("curves") or {}
    return [draw(data) for name, draw in pictures.items() if _holds(curves.get(name))]


def _holds(points: Any) -> bool:
    """Say whether there is anything to draw: one class alone has no curve."""
    if isinstance(points, Mapping) and "x" in points:
        return len(points["x"]) > 1
    return bool(points)


def _cells(edges: Sequence[float]) -> list[str]:
    told = [f"{edge:.3g}" for edge in edges]
    between = [f"{low} – {high}" for low, high in pairwise(told)]
    return [f"< {told[0]}", *between, f"> {told[-1]}"]


def _curve(line: Data, *, x: str, y: str, most: float | None = 1.0) -> Any:
    import altair as alt

    rows = [
        {"x": a, "y": b, "threshold": t, "at": at}
        for at, (a, b, t) in enumerate(zip(line["x"], line["y"], line["threshold"], strict=True))
    ]
    scale = alt.Scale(domain=[0, most]) if most else alt.Scale(zero=True)
    return (
        alt.Chart(theme.table(rows))
        .mark_line(color=theme.ink("current"), strokeWidth=2)
        .encode(
            x=_share("x", x),
            y=alt.Y("y:Q", title=y, scale=scale, axis=alt.Axis(tickCount=4, format="~g")),
            order="at:Q",
            tooltip=[
                alt.Tooltip("x:Q", title=x, format=".3~r"),
                alt.Tooltip("y:Q", title=y, format=".3~r"),
                alt.Tooltip("threshold:Q", title=tell("threshold"), format=".3~r"),
            ],
        )
    )


def _share(name: str, title: str) -> Any:
    import altair as alt

    shape = alt.X if name in ("x", "said") else alt.Y
    return shape(
        f"{name}:Q",
        title=title,
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=4),
    )


def _diagonal() -> Any:
    """Draw chance, or perfect calibration, as a dashed hairline."""
    import altair as alt

    ends = theme.table([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    line = alt.Chart(ends).mark_line(strokeDash=[4, 3], strokeWidth=1, color=theme.ink("unknown"))
    return line.encode(x="x:Q", y="y:Q")


def _level(value: float, name: str) -> Any:
    import altair as alt

    data = theme.table([{"at": value, "name": name}])
    rule = alt.Chart(data).mark_rule(strokeDash=[4, 3], strokeWidth=1, color=theme.ink("unknown"))
    word = alt.Chart(data).mark_text(align="left", fontSize=11, x=4, dy=-7, color=theme.ink("text"))
    return rule.encode(y="at:Q") + word.encode(y="at:Q", text="name:N")


def _figure(data: Data, name: str, said: str) -> str:
    """Return a measure with its interval, as one reads it."""
    found = data.get("metrics", {}).get(name) or {}
    if found.get("value") is None:
        return ""
    if found.get("low") is None or found.get("high") is None:
        return f"{said} {found['value']:.3g}"
    return tell(
        "{name} {value}, with 95 % confidence {low} to {high}.",
        name=said,
        value=f"{found['value']:.3g}",
        low=f"{found['low']:.3g}",
        high=f"{found['high']:.3g}",
    )


def _bins() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("said:Q", title=tell("it says"), format=".1%"),
        alt.Tooltip("came:Q", title=tell("it happens"), format=".1%"),
        alt.Tooltip("low:Q", title=tell("at least"), format=".1%"),
        alt.Tooltip("high:Q", title=tell("at most"), format=".1%"),
        alt.Tooltip("n:Q", title=tell("cases"), format=","),
    ]
