"""Pictures of drift over time: which feature moved when, and the course of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.charts.drift import ACT, MOST, NOTICE, ROW
from jupyter_mlops.domain.answers import Status
from jupyter_mlops.locale import tell

FEWEST: Final = 50
"""Rows of a period below which its PSI is mostly chance, and is drawn as not known."""
LABEL: Final = {"expr": "windowSize()[0] < 600 ? 84 : 130"}
SIGNED: Final = 46
"""Periods beyond which a cell is too narrow for a sign in it."""


def heat(data: Mapping[str, Any], *, most: int = MOST) -> Any:
    """Show feature by feature and period by period how far each had moved, those in need first."""
    question = tell("When did what move?")
    cells = cells_of(data, most=most)
    if not any(cell["n"] for cell in cells):
        return theme.empty(question, tell("Nothing has been asked of it in this time."))
    rows = len({cell["k"] for cell in cells})
    return theme.dressed(drawn(cells), question, answer=answer(cells), height=ROW * rows + 8)


def cells_of(data: Mapping[str, Any], *, most: int = MOST) -> list[dict[str, Any]]:
    """Return a row for each cell, numbered as the features are in the answer."""
    numbers = {item["feature"]: k for k, item in enumerate(data.get("items", []))}
    heat = [row for row in data.get("heat", []) if row["feature"] in numbers]
    heat.sort(key=lambda row: numbers[row["feature"]])
    names = theme.distinct([theme.plain(row["feature"]) for row in heat[:most]])
    periods = _wide(data["periods"]) if "batches" in data else data.get("periods", [])
    return [
        _cell(period, numbers[row["feature"]], name, psi, is_unusual=_is_unusual(row, period))
        for row, name in zip(heat, names, strict=False)
        for period, psi in zip(periods, row["psi"], strict=True)
    ]


def _is_unusual(row: Mapping[str, Any], period: Mapping[str, Any]) -> bool:
    return bool(row.get("unusual")) and row["unusual"]["start"] == period["start"]


def _wide(batches: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give each batch room up to the next one: a moment has no width that could be seen."""
    starts = [datetime.fromisoformat(batch["start"]) for batch in batches]
    usual = (starts[-1] - starts[0]) / (len(starts) - 1) if len(starts) > 1 else timedelta(hours=1)
    ends = [*starts[1:], starts[-1] + usual] if starts else []
    return [{**batch, "end": end.isoformat()} for batch, end in zip(batches, ends, strict=True)]


def drawn(cells: Sequence[Mapping[str, Any]], *, picked: Any = None) -> Any:
    """Draw the cells; only those that need a person have a colour, and a sign with it."""
    import altair as alt

    base = alt.Chart(theme.table([dict(cell) for cell in cells])).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL, grid=False)),
        tooltip=_tooltip(),
    )
    colour = alt.Color("status:N", scale=alt.Scale(**theme.status_colours()), legend=None)
    rects = base.transform_filter("datum.n > 0").mark_rect(
        stroke=theme.ink("ground"), strokeWidth=1
    )
    rects = rects.encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days())),
        x2="end:T",
        color=colour,
        opacity=alt.Opacity("strength:Q", scale=None),
    )
    layers = rects if picked is None else rects.add_params(picked)
    if any(cell["unusual"] for cell in cells):
        layers += _rings(base)
    if len({cell["start"] for cell in cells}) > SIGNED:
        return alt.layer(layers)
    signs = base.transform_filter("datum.sign != ''").mark_text(
        fontSize=10, color=theme.ink("ground")
    )
    return layers + signs.encode(x=alt.X("middle:T", axis=alt.Axis(**theme.days())), text="sign:N")


def _rings(base: Any) -> Any:
    """Draw a frame around what is unusual against its own history."""
    import altair as alt

    frames = base.transform_filter("datum.unusual").mark_rect(
        filled=False, stroke=theme.ink("warning"), strokeWidth=2
    )
    return frames.encode(x=alt.X("start:T", axis=alt.Axis(**theme.days())), x2="end:T")


def answer(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return what the map says in words: who moved first, and how to read it."""
    ill = [cell for cell in cells if cell["status"] == "failing"]
    read = tell("▲ notice, from PSI 0.1 · ■ act, from PSI 0.25 · grey: as in training")
    if not ill:
        return read
    first = min(ill, key=lambda cell: (cell["start"], cell["k"]))
    return f"{tell('{name} was the first to move far.', name=first['name'])} {read}"


def course(cells: Sequence[Mapping[str, Any]], *, picked: Any = None) -> Any:
    """Draw the PSI of features over time, one line each; a period with too few rows is a gap."""
    import altair as alt

    kept = [{**cell, "shown": cell["psi"] if cell["n"] >= FEWEST else None} for cell in cells]
    top = max([ACT * 1.3, *(cell["shown"] * 1.1 for cell in kept if cell["shown"])])
    base = alt.Chart(theme.table(kept)).encode(
        x=alt.X("start:T", axis=alt.Axis(**theme.days())),
        y=alt.Y(
            "shown:Q",
            title=None,
            scale=alt.Scale(type="sqrt", domain=[0, top]),
            axis=alt.Axis(tickCount=4, format="~g"),
        ),
        detail="k:Q",
    )
    base = base if picked is None else base.transform_filter(picked)
    accent = theme.ink("current")
    line = base.mark_line(color=accent, strokeWidth=2, interpolate="monotone")
    points = base.mark_point(filled=True, size=36, color=accent, opacity=1)
    return line + points.encode(tooltip=_tooltip())


def thresholds() -> Any:
    """Draw the two thresholds as dashed hairlines with their names at the end."""
    import altair as alt

    data = theme.table([{"at": NOTICE, "name": tell("notice")}, {"at": ACT, "name": tell("act")}])
    rule = alt.Chart(data).mark_rule(strokeDash=[4, 3], strokeWidth=1)
    name = alt.Chart(data).mark_text(
        align="left", x=2, dy=-6, fontSize=11, color=theme.ink("text"), opacity=0.75
    )
    return rule.encode(y="at:Q", color=alt.value(theme.colour("unknown"))) + name.encode(
        y="at:Q", text="name:N"
    )


def _cell(
    period: Mapping[str, Any], k: int, name: str, psi: float | None, *, is_unusual: bool
) -> dict[str, Any]:
    known = psi is not None and period["n"] >= FEWEST
    size = psi or 0.0
    status: Status = (
        "unknown" if not known or size < NOTICE else "failing" if size >= ACT else "warning"
    )
    start, end = datetime.fromisoformat(period["start"]), datetime.fromisoformat(period["end"])
    return {
        "k": k,
        "name": name,
        "start": period["start"],
        "end": period["end"],
        "middle": (start + (end - start) / 2).isoformat(),
        "n": period["n"],
        "psi": psi,
        "status": status,
        "sign": theme.SIGNS[status] if status in ("warning", "failing") else "",
        "strength": 0.95 if status != "unknown" else 0.08 + 0.3 * min(1.0, size / NOTICE) * known,
        "word": _word(status, known=known),
        "unusual": is_unusual,
    }


def _word(status: str, *, known: bool) -> str:
    if not known:
        return tell("too few rows to tell")
    return {"failing": tell("act"), "warning": tell("notice")}.get(status, tell("as in training"))


def _tooltip() -> list[Any]:
    import altair as alt

    return [
        alt.Tooltip("name:N", title=tell("feature")),
        alt.Tooltip("start:T", title=tell("from"), format=theme.moment_format()),
        alt.Tooltip("psi:Q", title="PSI", format=".3~r"),
        alt.Tooltip("word:N", title=tell("status")),
        alt.Tooltip("n:Q", title=tell("rows"), format=","),
    ]
