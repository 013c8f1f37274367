"""Pictures of drift: what moved, whether it matters, and how one feature looks now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from jupyter_mlops.charts import theme
from jupyter_mlops.errors import NotFound
from jupyter_mlops.locale import tell

NOTICE: Final = 0.1
ACT: Final = 0.25
MOST: Final = 15
ROW: Final = 26


def moved(data: Mapping[str, Any], *, most: int = MOST, picked: Any = None) -> Any:
    """Show how far each feature moved, the furthest first, against the two thresholds."""
    import altair as alt

    question = tell("Which features moved?")
    rows = _rows(data)
    if not rows:
        return theme.empty(question, tell("No features have been compared yet."))
    shown = rows[:most]
    base = alt.Chart(theme.table(shown)).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=150)),
    )
    size = alt.X(
        "psi:Q",
        title=tell("how far it moved (PSI)"),
        scale=alt.Scale(domain=[0, max(0.3, *(row["psi"] for row in shown)) * 1.12]),
        axis=alt.Axis(grid=False, tickCount=4),
    )
    bars = base.mark_bar(height=10).encode(
        x=size, color=_colour(), opacity=alt.Opacity("strength:Q", scale=None), tooltip=_tooltip()
    )
    signs = base.mark_text(align="left", dx=6, fontSize=13).encode(
        x=size, text="sign:N", color=_colour(), tooltip=_tooltip()
    )
    layers = bars if picked is None else bars.add_params(picked) + _chosen(base, picked)
    return theme.dressed(
        layers + signs + _thresholds(),
        question,
        answer=_answer(rows, len(shown)),
        height=ROW * len(shown) + 8,
    )


def is_weighed(data: Mapping[str, Any]) -> bool:
    """Say whether the importance of any feature is known, so that moves can be weighed."""
    return any(row["importance"] is not None and row["known"] for row in _rows(data))


def quadrants(data: Mapping[str, Any], *, picked: Any = None) -> Any:
    """Show drift against importance, so that a move that matters stands apart from one that does not."""
    import altair as alt

    question = tell("Which moves matter?")
    rows = [row for row in _rows(data) if row["importance"] is not None and row["known"]]
    if not rows:
        return theme.empty(question, tell("The importance of the features is not known yet."))
    base = alt.Chart(theme.table(rows)).encode(
        x=alt.X(
            "psi:Q",
            title=tell("how far it moved (PSI)"),
            scale=alt.Scale(type="sqrt", domain=[0, max(0.35, *(r["psi"] for r in rows)) * 1.25]),
            axis=alt.Axis(values=[0, 0.02, 0.1, 0.25, 0.5, 1, 2, 5], format="~g"),
        ),
        y=alt.Y(
            "importance:Q",
            title=tell("how much the model leans on it"),
            scale=alt.Scale(domain=[0, max(r["importance"] for r in rows) * 1.15 or 1]),
            axis=alt.Axis(tickCount=4, format="~g"),
        ),
    )
    points = base.mark_point(filled=True, size=110, opacity=0.9).encode(
        color=_colour(),
        shape=alt.Shape("status:N", scale=alt.Scale(**theme.status_shapes()), legend=None),
        tooltip=_tooltip(),
    )
    half = (
        max(0.35, *(row["psi"] for row in rows)) * 1.25 / 4
    )  # half of the way on a scale of roots
    names = _names(base, f"datum.named && datum.psi < {half}", "left") + _names(
        base, f"datum.named && datum.psi >= {half}", "right"
    )
    layers = points if picked is None else points.add_params(picked) + _ring(base, picked)
    layers = _corners(_mean(rows)) + layers + names + _thresholds() + _typical(rows)
    return theme.dressed(layers, question, answer=_worst(rows), height=260)


def feature(data: Mapping[str, Any], name: str) -> Any:
    """Show one feature, now against its reference: shares of rows, bin by bin."""
    row = _find(data, name)
    label = theme.plain(name, 60)
    question = tell("How has {feature} changed?", feature=label)
    found = bins(row)
    if not found:
        return theme.empty(question, tell("There are too few rows to draw it."))
    draw = _across if row["kind"] == "number" else _down
    chart, height = draw(found)
    answer = tell(
        "grey: reference ({before} rows) · blue: now ({after} rows)",
        before=f"{row['n_reference']:,}",
        after=f"{row['n_current']:,}",
    )
    return theme.dressed(chart, question, answer=answer, height=height)


def _across(bins: Sequence[dict[str, Any]]) -> tuple[Any, int]:
    """Draw ordered bins: the reference as grey columns, now as a line of steps."""
    import altair as alt

    base = alt.Chart(theme.table(bins)).encode(
        x=alt.X("bin:O", sort=None, title=None, axis=alt.Axis(labelAngle=-35, labelLimit=90)),
        tooltip=bin_tooltip(),
    )
    before = base.mark_bar(color=theme.ink("reference"), opacity=0.55)
    after = base.mark_line(
        color=theme.ink("current"),
        strokeWidth=2,
        point=alt.OverlayMarkDef(filled=True, size=45, color=theme.ink("current")),
    )
    share = alt.Axis(format=".0%", tickCount=4, title=None)
    return before.encode(y=alt.Y("reference:Q", axis=share)) + after.encode(y="current:Q"), 220


def _down(bins: Sequence[dict[str, Any]]) -> tuple[Any, int]:
    """Draw levels without an order: a thin bar for now upon a broad grey one for the reference."""
    import altair as alt

    base = alt.Chart(theme.table(bins)).encode(
        y=alt.Y("bin:N", sort=None, title=None, axis=alt.Axis(labelLimit=150)),
        tooltip=bin_tooltip(),
    )
    before = base.mark_bar(color=theme.ink("reference"), opacity=0.55, height=18)
    after = base.mark_bar(color=theme.ink("current"), height=7)
    share = alt.Axis(format=".0%", tickCount=4, title=None, grid=True)
    layers = before.encode(x=alt.X("reference:Q", axis=share)) + after.encode(x="current:Q")
    return layers, ROW * len(bins) + 8


def _rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [{**_row(item), "k": k} for k, item in enumerate(data.get("items", []))]
    return sorted(rows, key=lambda row: (-row["psi"], row["name"]))


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    status = item["status"]
    name = theme.plain(item["feature"])
    return {
        "name": name,
        "label": name,
        "sign": theme.SIGNS[status],
        "status": status,
        "strength": theme.strength(status),
        "word": theme.status_word(status),
        "psi": item["psi"] or 0.0,
        "known": item["psi"] is not None,
        "importance": item["importance"],
        "named": status in ("warning", "failing"),
        "because": theme.plain(item["because"], 200),
    }


def _names(base: Any, which: str, side: Literal["left", "right"]) -> Any:
    """Write names on the side where there is room for them."""
    mark = base.transform_filter(which).mark_text(
        align=side, dx=14 if side == "left" else -14, color=theme.ink("text"), limit=130
    )
    return mark.encode(text="name:N")


def _chosen(base: Any, picked: Any) -> Any:
    """Point at the bar of the chosen feature."""
    return base.transform_filter(picked).mark_text(
        text="◀", fontSize=10, align="left", dx=4, x="width", color=theme.ink("current")
    )


def _ring(base: Any, picked: Any) -> Any:
    """Draw a ring around the chosen feature."""
    return base.transform_filter(picked).mark_point(
        filled=False, size=340, strokeWidth=1.5, color=theme.ink("current"), opacity=1
    )


def _corners(typical: float) -> Any:
    """Write into each quarter what it means to stand there."""
    import altair as alt

    return alt.layer(
        _corner(tell("steady · leaned on"), "left", None),
        _corner(tell("moved · leaned on"), "right", None),
        _corner(tell("steady · matters little"), "left", typical),
        _corner(tell("moved · matters little"), "right", typical),
    )


def _corner(name: str, side: Literal["left", "right"], below: float | None) -> Any:
    import altair as alt

    mark = alt.Chart(theme.table([{"name": name, "at": below}])).mark_text(
        align=side,
        x=0 if side == "left" else "width",
        dx=4 if side == "left" else -4,
        dy=12,
        fontSize=alt.ExprRef("windowSize()[0] < 600 ? 8 : 11"),
        fontStyle="italic",
        opacity=0.7,
        color=theme.ink("text"),
    )
    return mark.encode(text="name:N", y=alt.value(0) if below is None else alt.Y("at:Q"))


def _colour() -> Any:
    import altair as alt

    return alt.Color("status:N", scale=alt.Scale(**theme.status_colours()), legend=None)


def _tooltip() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("name:N", title=tell("feature")),
        alt.Tooltip("word:N", title=tell("status")),
        alt.Tooltip("psi:Q", title="PSI", format=".3~r"),
        alt.Tooltip("because:N", title=tell("because")),
    ]


def bin_tooltip() -> list[Any]:
    """Return what is said of a bin that is pointed at."""
    import altair as alt

    return [
        alt.Tooltip("bin:N", title=tell("value")),
        alt.Tooltip("reference:Q", title=tell("reference"), format=".1%"),
        alt.Tooltip("current:Q", title=tell("now"), format=".1%"),
    ]


def _thresholds() -> Any:
    """Draw the two thresholds as dashed hairlines, their names on either side however close they are."""
    import altair as alt

    rules = alt.Chart(theme.table([{"at": NOTICE}, {"at": ACT}])).mark_rule(
        strokeDash=[4, 3], strokeWidth=1, opacity=0.9
    )
    drawn = rules.encode(x="at:Q", color=alt.value(theme.colour("unknown")))
    return drawn + _name(NOTICE, tell("notice"), "right") + _name(ACT, tell("act"), "left")


def _name(at: float, name: str, side: Literal["left", "right"]) -> Any:
    import altair as alt

    mark = alt.Chart(theme.table([{"at": at, "name": name}])).mark_text(
        align=side, dx=3 if side == "left" else -3, dy=-5, y=0, fontSize=11, color=theme.ink("text")
    )
    return mark.encode(x="at:Q", text="name:N")


def _mean(rows: Sequence[Mapping[str, Any]]) -> float:
    return float(sum(row["importance"] for row in rows) / len(rows))


def _typical(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Draw the importance of a feature if all mattered alike: above it, a move matters."""
    import altair as alt

    rule = alt.Chart(theme.table([{"at": _mean(rows)}])).mark_rule(strokeDash=[4, 3], strokeWidth=1)
    return rule.encode(y="at:Q", color=alt.value(theme.colour("unknown")))


def _answer(rows: Sequence[Mapping[str, Any]], shown: int) -> str:
    drifted = sum(row["named"] for row in rows)
    rest = len(rows) - shown
    said = (
        tell("{n} of {all} features moved far enough to matter.", n=drifted, all=len(rows))
        if drifted
        else tell("None of {all} features moved far enough to matter.", all=len(rows))
    )
    return f"{said} {tell('{n} more moved less.', n=rest)}" if rest else said


def _worst(rows: Sequence[Mapping[str, Any]]) -> str:
    mean = _mean(rows)
    names = [r["name"] for r in rows if r["named"] and r["importance"] >= mean]
    if not names:
        return tell("No feature that the model leans on has moved.")
    return tell("Look first at {features}.", features=", ".join(names[:3]))


def _find(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    rows = {item["feature"]: item for item in data.get("items", [])}
    if name in rows:
        return dict(rows[name])
    raise NotFound(
        "There is no feature {feature} in this comparison.",
        "Its features are {known}.",
        code="feature_not_found",
        feature=name,
        known=", ".join(rows),
    )


def bins(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the shares of one feature bin by bin, before and now."""
    before, after = _shares(row["reference"]), _shares(row["current"])
    names = theme.distinct([theme.plain(name) for name in row["bins"]])
    return [
        {"bin": name, "reference": was, "current": now}
        for name, was, now in zip(names, before, after, strict=False)
    ]


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
