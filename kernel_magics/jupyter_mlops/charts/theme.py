"""One look for every picture: its colours, its shapes, and how little of both it uses.

A picture does not know whether the page that shows it is light or dark; its viewer does. So every
colour is an expression over the ``background`` that the viewer's own theme sets, and text carries
no colour of ours at all.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from jupyter_mlops.domain.answers import Status
from jupyter_mlops.locale import current_language, tell

LIGHT: Final[dict[str, str]] = {
    "passing": "#0F766E",
    "warning": "#B45309",
    "failing": "#B91C1C",
    "unknown": "#6B7280",
    "reference": "#9CA3AF",
    "current": "#2563EB",
    "challenger": "#D97706",
    "line": "#D1D5DB",
    "text": "#374151",
    "ground": "#FFFFFF",
}
DARK: Final[dict[str, str]] = {
    "passing": "#2DD4BF",
    "warning": "#FBBF24",
    "failing": "#F87171",
    "unknown": "#9CA3AF",
    "reference": "#6B7280",
    "current": "#60A5FA",
    "challenger": "#FCD34D",
    "line": "#4B5563",
    "text": "#E5E7EB",
    "ground": "#0B1220",
}
STATUSES: Final[tuple[Status, ...]] = ("failing", "warning", "passing", "unknown")
SIGNS: Final[dict[Status, str]] = {"passing": "●", "warning": "▲", "failing": "■", "unknown": "○"}
SHAPES: Final[dict[Status, str]] = {
    "passing": "circle",
    "warning": "triangle-up",
    "failing": "square",
    "unknown": "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1M0,-.7A.7,.7,0,1,0,0,.7A.7,.7,0,1,0,0,-.7",
}
FONT: Final = (
    "system-ui, -apple-system, 'Segoe UI', 'Hiragino Sans', 'Noto Sans', "
    "'Noto Sans CJK JP', 'Noto Sans JP', sans-serif"
)
LONGEST: Final = 28


def colour(token: str) -> dict[str, str]:
    """Return the token's colour on whatever ground the viewer has."""
    return {"expr": f"luminance(background) < 0.5 ? '{DARK[token]}' : '{LIGHT[token]}'"}


def ink(token: str) -> Any:
    """Return the token's colour as a mark takes it."""
    import altair as alt

    return alt.ExprRef(**colour(token))


def strength(status: str) -> float:
    """Return the opacity that keeps quiet what is well, so that colour is spent on what is not."""
    return 0.4 if status == "passing" else 1.0


def status_colours() -> dict[str, Any]:
    """Return the scale that gives each status its colour."""
    return {"domain": list(STATUSES), "range": [colour(status) for status in STATUSES]}


def status_shapes() -> dict[str, Any]:
    """Return the scale that gives each status its shape, so that colour is never alone."""
    return {"domain": list(STATUSES), "range": [SHAPES[status] for status in STATUSES]}


def status_word(status: str) -> str:
    """Return the word of a status in the reader's language."""
    words = {
        "passing": tell("passing"),
        "warning": tell("warning"),
        "failing": tell("failing"),
        "unknown": tell("unknown"),
    }
    return words.get(status, status)


def plain(text: object, longest: int = LONGEST) -> str:
    """Return a caller's string as one short visible line, with nothing in it that turns text around."""
    seen = "".join(c if _is_visible(c) else f"\\u{ord(c):04x}" for c in str(text))
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"


def counts(title: str | None = None) -> dict[str, Any]:
    """Return an axis for counts: short numbers, in the units of the reader's language."""
    form = _SHORT.get(current_language(), _SHORT["en"])
    return {"title": title, "labelExpr": form, "tickMinStep": 1}


def days(*, ticks: int = 6) -> dict[str, Any]:
    """Return an axis for time, written as the reader writes dates."""
    form = "%-m/%-d" if current_language() == "ja" else "%-d %b"
    return {
        "title": None,
        "format": form,
        "tickCount": ticks,
        "grid": False,
        "labelFlush": True,
        "labelSeparation": 10,
    }


def day_format() -> str:
    """Return how a day is written in a tooltip."""
    return "%Y年%-m月%-d日" if current_language() == "ja" else "%-d %b %Y"


def moment_format() -> str:
    """Return how a day and its hour are written in a tooltip."""
    return f"{day_format()} %H:%M"


def distinct(names: Sequence[str]) -> list[str]:
    """Keep two names apart that look the same once shortened."""
    seen: dict[str, int] = {}
    kept = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        kept.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return kept


def dressed(chart: Any, question: str, *, answer: str = "", height: int | None = None) -> Any:
    """Return the chart with its question as title, its answer below, and the one theme."""
    title = {"text": lines(question, 52), "subtitle": lines(answer, 72)}
    sized = chart if height is None else chart.properties(height=height, width="container")
    return sized.properties(title=title, config=config())


def empty(question: str, sentence: str) -> Any:
    """Return a picture of nothing that says why, so that no chart is ever a blank."""
    import altair as alt

    chart = alt.Chart(table([{"sentence": sentence}])).mark_text(
        align="left", fontSize=13, x=0, color=ink("text"), limit=0
    )
    chart = chart.encode(text="sentence:N")
    return dressed(chart, question, height=48)


def table(rows: Sequence[dict[str, Any]]) -> Any:
    """Return rows as Altair data, without a frame in between."""
    import altair as alt

    return alt.InlineData(values=list(rows))


def config() -> dict[str, Any]:
    """Return what every picture has in common."""
    axis = {
        "domain": False,
        "ticks": False,
        "labelFontSize": 12,
        "labelOpacity": 0.75,
        "labelPadding": 6,
        "labelLimit": 200,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleOpacity": 0.75,
        "titlePadding": 8,
        "gridColor": colour("line"),
        "gridWidth": 1,
        "gridOpacity": 0.6,
    }
    return {
        "font": FONT,
        "axis": axis,
        "axisX": {"grid": False},
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "fontSize": 14,
            "fontWeight": 600,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "offset": 12,
            "limit": 0,
        },
        "legend": {"disable": True},
        "bar": {"cornerRadiusEnd": 2},
        "text": {"fontSize": 12},
    }


def lines(text: str, longest: int) -> list[str]:
    """Return a sentence broken where a picture would cut it off; Japanese signs are twice as wide."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text) > len(text) / 3
    return textwrap.wrap(text, longest // 2 if wide else longest)


def _is_visible(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"


def _short(units: Sequence[tuple[float, str]]) -> str:
    steps = "".join(
        f"abs(datum.value) >= {size} ? format(datum.value / {size}, '.3~r') + '{sign}' : "
        for size, sign in units
    )
    return steps + "format(datum.value, '.3~f')"


_SHORT: Final = {
    "en": _short([(1e9, " bn"), (1e6, " M"), (1e3, " k")]),
    "ja": _short([(1e8, "億"), (1e4, "万")]),
}
