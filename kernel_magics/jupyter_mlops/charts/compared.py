"""Pictures of versions side by side: the difference, every metric, ranking, and numbers said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

HEIGHT: Final = 240
ROW: Final = 26
BINS: Final = 24
Data = Mapping[str, Any]

_FURTHER: Final = ("#009E73", "#CC79A7", "#D55E00", "#56B4E9")
"""Okabe & Ito's colours for what comes after the first two versions."""
_DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4])
_LINES: Final = ("━━", "╍╍", "┈┈", "━┄", "┄┄", "╌╌")
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_METRICS: Final = {
    "binary": ("roc_auc", "pr_auc", "accuracy", "balanced_accuracy", "f1", "mcc", "tpr", "ppv"),
    "multiclass": ("accuracy", "macro_f1", "weighted_f1"),
    "regression": ("rmse", "mae", "mad", "mape"),
}
_NAMES: Final = {"roc_auc": "AUC", "pr_auc": "PR AUC", "f1": "F1", "mcc": "MCC", "tpr": "TPR"}
_LOUD: Final = {"ppv": "PPV", "rmse": "RMSE", "mae": "MAE", "mape": "MAPE", "mad": "MAD"}


def of(data: Data) -> list[Any]:
    """Return the pictures there is something to draw for, the test's first."""
    same = data["same_rows"]
    told = [one["ref"] for one in same["pictures"]]
    drawn = [difference(data)] if _tests(data) else []
    drawn += [metrics(data)] if _shown(data) else []
    if any("roc" in one for one in same["pictures"]):
        drawn += [roc(data), lift(data)]
    if data["refs"][0] in told and len(told) > 1 and same["pictures"][0].get("predicted"):
        drawn.append(against(data))
    if any(one.get("residuals") for one in same["pictures"]):
        drawn.append(residuals(data))
    return drawn or [theme.empty(tell("How do they differ?"), theme.plain(data["because"], 200))]


def difference(data: Data) -> Any:
    """Show how much each version is better or worse than the first, with its interval."""
    import altair as alt

    tests = _tests(data)
    rows = [
        {"ref": theme.plain(one["ref"]), "because": one["because"], **one["difference"]}
        for one in tests
    ]
    names = [row["ref"] for row in rows]
    title = tell("{metric} less that of {ref}", metric=_name(data["metric"]), ref=_first(data))
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("ref:N", sort=names, title=None),
        tooltip=[alt.Tooltip("because:N", title=tell("verdict"))],
    )
    span = base.mark_rule(strokeWidth=3, opacity=0.4, color=theme.ink("current"))
    dot = base.mark_point(filled=True, size=70, color=theme.ink("current"))
    zero = alt.Chart(theme.table([{"at": 0}])).mark_rule(
        strokeDash=[4, 3], color=theme.ink("unknown")
    )
    chart = (
        zero.encode(x="at:Q")
        + span.encode(x=alt.X("low:Q", title=title, axis=_ticks()), x2="high:Q")
        + dot.encode(x=alt.X("value:Q", title=title))
    )
    answer = " ".join(one["because"] for one in tests[:2])
    question = tell("Is it better on the same rows?")
    return theme.dressed(chart, question, answer=answer, height=ROW * len(rows) + 20)


def metrics(data: Data) -> Any:
    """Show every metric of every version with its interval; of errors, in terms of the first's."""
    import altair as alt

    rows, is_error = _shown(data), data["task"] == "regression"
    names = list(dict.fromkeys(row["metric"] for row in rows))
    title = tell("times that of {ref}", ref=_first(data)) if is_error else None
    base = alt.Chart(theme.table(rows)).encode(
        y=alt.Y("metric:N", sort=names, title=None, scale=alt.Scale(padding=0.4)),
        yOffset=alt.YOffset("ref:N", sort=_refs(data)),
        tooltip=[
            alt.Tooltip("ref:N", title=tell("version")),
            alt.Tooltip("metric:N", title=tell("metric")),
            alt.Tooltip("said:N", title=tell("figure")),
        ],
    )
    along = alt.X("low:Q", title=title, scale=alt.Scale(zero=False), axis=_ticks())
    span = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        x=along, x2="high:Q", color=_colours(data)
    )
    dot = base.mark_point(filled=True, size=50, opacity=1).encode(
        x=alt.X("value:Q", title=title),
        color=_colours(data),
        shape=alt.Shape("ref:N", scale=alt.Scale(domain=_refs(data), range=list(_SHAPES))),
    )
    height = len(names) * (12 * len(data["refs"]) + 12)
    question = tell("Which version is better at what?")
    return theme.dressed(span + dot, question, answer=_key(data, _signs()), height=height)


def roc(data: Data) -> Any:
    """Show what each finds at the price of how many false alarms."""
    curve = _curves(data, "roc", tell("false alarms"), tell("found"), most=1.0)
    question = tell("Which ranks better what happened above what did not?")
    chart = _diagonal(0, 1) + curve + _names(data, right=True, below=True)
    return theme.dressed(chart, question, height=HEIGHT)


def lift(data: Data) -> Any:
    """Show how much likelier it happens among the highest scores of each."""
    names = (tell("share with the highest scores"), tell("times as likely"))
    question = tell("Whose highest scores are better than chance?")
    chart = _curves(data, "lift", *names, most=None) + _names(data, below=True)
    return theme.dressed(chart, question, height=HEIGHT)


def against(data: Data) -> Any:
    """Show what each version predicts where the first predicts what."""
    import altair as alt

    first, *others = data["same_rows"]["pictures"]
    rows = [
        {"ref": theme.plain(one["ref"]), "x": x, "y": y}
        for one in others
        for x, y in zip(first["predicted"], one["predicted"], strict=True)
    ]
    values = [row[axis] for row in rows for axis in ("x", "y")]
    near = alt.Scale(zero=False)
    title = tell("{ref} says", ref=_first(data))
    named = tell("{ref} says", ref=rows[0]["ref"]) if len(others) == 1 else tell("the other says")
    dots = alt.Chart(theme.table(rows)).mark_point(size=22, opacity=0.6, filled=True)
    chart = _diagonal(min(values), max(values)) + dots.encode(
        x=alt.X("x:Q", title=title, scale=near, axis=_ticks()),
        y=alt.Y("y:Q", title=named, scale=near, axis=_ticks()),
        color=_colours(data),
        shape=alt.Shape("ref:N", scale=alt.Scale(domain=_refs(data), range=list(_SHAPES))),
        tooltip=[
            alt.Tooltip("ref:N", title=tell("version")),
            alt.Tooltip("x:Q", title=title, format=".4~g"),
            alt.Tooltip("y:Q", title=named, format=".4~g"),
        ],
    )
    answer = _key(data, _signs()) if len(others) > 1 else ""
    return theme.dressed(
        chart, tell("Do they predict the same?"), answer=answer, height=HEIGHT + 40
    )


def residuals(data: Data) -> Any:
    """Show how often each is off by how much, over the same edges."""
    import altair as alt

    told = {one["ref"]: one.get("residuals") or [] for one in data["same_rows"]["pictures"]}
    rows = _counted({ref: off for ref, off in told.items() if off})
    x = tell("prediction less truth")
    chart = (
        alt.Chart(theme.table(rows))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("from:Q", title=x, axis=_ticks()),
            y=alt.Y(
                "share:Q", title=tell("share of rows"), axis=alt.Axis(format=".0%", tickCount=4)
            ),
            order="from:Q",
            color=_colours(data),
            strokeDash=_dashes(data),
            tooltip=[
                alt.Tooltip("ref:N", title=tell("version")),
                alt.Tooltip("from:Q", title=tell("from"), format=".3~r"),
                alt.Tooltip("share:Q", title=tell("share of rows"), format=".1%"),
            ],
        )
    )
    zero = alt.Chart(theme.table([{"at": 0}])).mark_rule(
        strokeDash=[4, 3], color=theme.ink("unknown")
    )
    question = tell("How far is each off?")
    drawn = zero.encode(x="at:Q") + chart + _names(data)
    return theme.dressed(drawn, question, height=HEIGHT)


def _counted(told: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Count over equal steps between the least and the greatest of all."""
    import numpy as np

    every = np.concatenate([np.asarray(off) for off in told.values()])
    edges = np.histogram_bin_edges(every, bins=BINS)
    rows = []
    for ref, off in told.items():
        counts = np.histogram(off, bins=edges)[0] / len(off)
        shares = [*counts.tolist(), float(counts[-1])]
        rows += [
            {"ref": theme.plain(ref), "from": at, "share": share}
            for at, share in zip(edges.tolist(), shares, strict=True)
        ]
    return rows


def _tests(data: Data) -> list[Data]:
    return [one for one in data["same_rows"]["tests"] if one["difference"]["low"] is not None]


def _shown(data: Data) -> list[dict[str, Any]]:
    """Return the metrics that share a scale: of the same rows where there are any."""
    measured = {row["measured"] for row in data["items"]}
    which = "same rows" if "same rows" in measured else "registered"
    told = {
        (row["metric"], row["ref"]): row
        for row in data["items"]
        if row["measured"] == which and row["value"] is not None
    }
    rows = []
    for name in _METRICS[data["task"]]:
        unit = told.get((name, data["refs"][0]), {}).get("value")
        if data["task"] != "regression":
            unit = 1.0
        rows += [
            _point(told[name, ref], unit) for ref in data["refs"] if (name, ref) in told and unit
        ]
    return rows


def _point(row: Data, unit: float) -> dict[str, Any]:
    ends = {
        end: (row["value"] if row[end] is None else row[end]) / unit
        for end in ("value", "low", "high")
    }
    said = f"{row['value']:.3g} ({row['value'] if row['low'] is None else row['low']:.3g}"
    said += f" – {row['value'] if row['high'] is None else row['high']:.3g})"
    return {"metric": _name(row["metric"]), "ref": theme.plain(row["ref"]), "said": said, **ends}


def _curves(data: Data, name: str, x: str, y: str, *, most: float | None) -> Any:
    import altair as alt

    rows = [
        {"ref": theme.plain(one["ref"]), "x": a, "y": b, "at": at}
        for one in data["same_rows"]["pictures"]
        for at, (a, b) in enumerate(zip(one[name]["x"], one[name]["y"], strict=True))
    ]
    scale = alt.Scale(domain=[0, most]) if most else alt.Scale(zero=True)
    return (
        alt.Chart(theme.table(rows))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X(
                "x:Q",
                title=x,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", tickCount=4),
            ),
            y=alt.Y("y:Q", title=y, scale=scale, axis=alt.Axis(tickCount=4, format="~g")),
            order="at:Q",
            color=_colours(data),
            strokeDash=_dashes(data),
            tooltip=[
                alt.Tooltip("ref:N", title=tell("version")),
                alt.Tooltip("x:Q", title=x, format=".3~r"),
                alt.Tooltip("y:Q", title=y, format=".3~r"),
            ],
        )
    )


def _colours(data: Data) -> Any:
    import altair as alt

    inks: list[Any] = [theme.colour("current"), theme.colour("challenger"), *_FURTHER]
    return alt.Color("ref:N", scale=alt.Scale(domain=_refs(data), range=inks[: len(data["refs"])]))


def _dashes(data: Data) -> Any:
    import altair as alt

    kinds = list(_DASHES[: len(data["refs"])])
    return alt.StrokeDash("ref:N", scale=alt.Scale(domain=_refs(data), range=kinds))


def _refs(data: Data) -> list[str]:
    return theme.distinct([theme.plain(ref) for ref in data["refs"]])


def _first(data: Data) -> str:
    return theme.plain(data["refs"][0])


def _name(metric: str) -> str:
    return {**_NAMES, **_LOUD}.get(metric) or theme.plain(metric.replace("_", " "))


def _signs() -> tuple[str, ...]:
    return ("●", "■", "▲", "◆", "✚", "▼")


def _key(data: Data, signs: Sequence[str]) -> str:
    """Return which sign is which version."""
    return " · ".join(f"{sign} {ref}" for sign, ref in zip(signs, _refs(data), strict=False))


def _names(data: Data, *, right: bool = False, below: bool = False) -> Any:
    """Name lines in a corner that they leave free: their ends lie on one another."""
    import altair as alt

    layers = []
    for place, (sign, ref) in enumerate(zip(_LINES, _refs(data), strict=False)):
        row = theme.table([{"ref": ref, "name": f"{sign} {ref}"}])
        y = HEIGHT - 12 - 16 * (len(data["refs"]) - 1 - place) if below else 12 + 16 * place
        words = alt.Chart(row).mark_text(
            align="right" if right else "left", dx=-6 if right else 6, fontSize=12
        )
        layers.append(
            words.encode(
                x=alt.value("width" if right else 0),
                y=alt.value(y),
                text="name:N",
                color=_colours(data),
            )
        )
    return alt.layer(*layers)


def _ticks() -> Any:
    import altair as alt

    return alt.Axis(tickCount=5, format=".3~g")


def _diagonal(low: float, high: float) -> Any:
    import altair as alt

    ends = theme.table([{"x": low, "y": low}, {"x": high, "y": high}])
    line = alt.Chart(ends).mark_line(strokeDash=[4, 3], strokeWidth=1, color=theme.ink("unknown"))
    return line.encode(x="x:Q", y="y:Q")
