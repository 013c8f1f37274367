"""One picture to ask with: choose a feature by a click, and see how it changed and when.

All of it is in the picture, as counts; no row of anybody travels with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import drift, heat, theme
from jupyter_mlops.locale import tell

MOST: Final = 40
HEIGHT: Final = 250
WIDTH: Final = 400
MARGIN: Final = 126
_ROOM: Final = "windowSize()[0] < 600 ? 220 : 440"


def closely(data: Mapping[str, Any]) -> Any:
    """Show which moves matter and when they came; a click on a feature shows it below or beside."""
    import altair as alt

    items = list(data.get("items", []))[:MOST]
    kept = {**data, "items": items}
    if not items:
        return theme.empty(tell("Which moves matter?"), data.get("because", ""))
    picked = alt.selection_point(
        name="picked", fields=["k"], value=[{"k": 0}], toggle=False, clear=False, empty=False
    )
    cells = heat.cells_of(kept, most=drift.MOST)
    parts = [
        _choice(kept, picked),
        _shares(items, picked),
        _when(cells, picked),
        _course(heat.cells_of(kept, most=MOST), picked),
    ]
    with warnings.catch_warnings():
        # The same choice can be made in two of the parts, which Altair tells as news.
        warnings.filterwarnings("ignore", message="Automatically deduplicated")
        return beside(*parts, columns=2, margin=MARGIN)


def beside(*charts: Any, columns: int, margin: int = 80) -> Any:
    """Put pictures side by side, as wide as the page lets them, or below one another where it is narrow.

    ``margin`` is the room that names at an axis need beside each of them.
    """
    import altair as alt

    page = alt.concat(*charts, columns=columns, spacing={"row": 36, "column": 40})
    page = page.resolve_scale(color="independent", shape="independent", x="independent")
    fluid = {"columns": columns, "margin": margin}
    return page.properties(config=theme.config(), usermeta={"fluid": fluid})


def row(*charts: Any, columns: int, longest: int = 52, margin: int = 80) -> Any:
    """Put finished pictures side by side, their sentences broken to fit."""
    return beside(*(_fitted(chart, longest) for chart in charts), columns=columns, margin=margin)


def _fitted(chart: Any, longest: int) -> Any:
    import altair as alt

    chart = chart.copy()
    chart.config = alt.Undefined
    chart.width = WIDTH
    told = chart.title
    text, below = (" ".join(told[key]) for key in ("text", "subtitle"))
    chart.title = {"text": theme.lines(text, longest - 8), "subtitle": theme.lines(below, longest)}
    return chart


def _choice(data: Mapping[str, Any], picked: Any) -> Any:
    """Draw drift against importance, or drift alone where no importance is known."""
    draw = drift.quadrants if drift.is_weighed(data) else drift.moved
    chart = draw(data, picked=picked)
    asks, says = (" ".join(chart.title[key]) for key in ("text", "subtitle"))
    return _part(chart, _title(asks, says), HEIGHT)


def _shares(items: Sequence[Mapping[str, Any]], picked: Any) -> Any:
    """Draw the chosen feature now against its reference, bin by bin."""
    import altair as alt

    rows = [
        {**row, "k": k, "at": at}
        for k, item in enumerate(items)
        for at, row in enumerate(drift.bins(item))
    ]
    base = alt.Chart(theme.table(rows)).transform_filter(picked)
    base = base.encode(
        x=alt.X(
            "bin:N",
            sort=alt.EncodingSortField("at", op="min"),
            title=None,
            axis=alt.Axis(labelAngle=-35, labelLimit=110),
        ),
        tooltip=drift.bin_tooltip(),
    )
    axis = alt.Axis(format=".0%", tickCount=4, title=None)
    before = base.mark_bar(color=theme.ink("reference"), opacity=0.55, width={"band": 0.8})
    after = base.mark_bar(color=theme.ink("current"), width={"band": 0.34})
    layers = (
        before.encode(y=alt.Y("reference:Q", axis=axis))
        + after.encode(y="current:Q")
        + _named(items, picked)
    )
    question = tell("How has it changed?")
    return _part(layers, _title(question, tell("grey: reference · blue: now")), HEIGHT)


def _when(cells: Sequence[Mapping[str, Any]], picked: Any) -> Any:
    import altair as alt

    rows = len({cell["k"] for cell in cells}) or 1
    chart = heat.drawn(cells, picked=picked)
    first = min((cell["start"] for cell in cells), default=None)
    if first is not None:
        marks = {cell["k"]: cell["name"] for cell in cells}
        data = theme.table([{"k": k, "name": name, "start": first} for k, name in marks.items()])
        sign = (
            alt.Chart(data)
            .transform_filter(picked)
            .mark_text(text="◀", fontSize=10, x="width", dx=8, color=theme.ink("current"))
        )
        chart = chart + sign.encode(y=alt.Y("name:N", sort=None))
    said = heat.answer(cells)
    return _part(chart, _title(tell("When did what move?"), said), max(drift.ROW * rows, 120))


def _course(cells: Sequence[Mapping[str, Any]], picked: Any) -> Any:
    chart = heat.course(cells, picked=picked) + heat.thresholds()
    rows = len({cell["k"] for cell in cells if cell["k"] < drift.MOST}) or 1
    said = tell("PSI against the reference, period by period")
    return _part(chart, _title(tell("Since when?"), said), max(drift.ROW * rows, 120))


def _named(items: Sequence[Mapping[str, Any]], picked: Any) -> Any:
    """Write whose picture it is above it."""
    import altair as alt

    rows = [
        {"k": k, "said": f"{theme.SIGNS[item['status']]} {theme.plain(item['because'], 64)}"}
        for k, item in enumerate(items)
    ]
    chart = alt.Chart(theme.table(rows)).transform_filter(picked)
    mark = chart.mark_text(
        align="left", x=0, y=-8, fontSize=12, color=theme.ink("text"), limit=alt.ExprRef(_ROOM)
    )
    return mark.encode(text="said:N")


def _part(chart: Any, title: Any, height: int) -> Any:
    """Give a part its title and its measures; what they have in common is said once, outside."""
    import altair as alt

    chart.config = alt.Undefined
    return chart.properties(title=title, height=height, width=WIDTH)


def _title(question: str, answer: str) -> dict[str, Any]:
    return {"text": theme.lines(question, 44), "subtitle": theme.lines(answer, 52)}
