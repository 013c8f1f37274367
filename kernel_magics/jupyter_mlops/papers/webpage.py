"""A paper as one self-contained HTML file: no script, no request, readable on a screen and printed."""

from __future__ import annotations

from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING

from jupyter_mlops.charts.theme import DARK, LIGHT
from jupyter_mlops.locale import tell
from jupyter_mlops.papers import html
from jupyter_mlops.papers.paper import Gap, Paper, Picture

if TYPE_CHECKING:
    from markupsafe import Markup

WIDE = 620


def written(paper: Paper) -> str:
    """Return the paper; the same one gives the same bytes."""
    from markupsafe import Markup

    numbers = count(1)

    def drawn(block: Picture) -> Markup:
        says = f"{block.asks} {block.says}".strip()
        return html.drawing(block.chart, width=WIDE, says=says, name=f"d{next(numbers)}-")

    style = files("jupyter_mlops.papers").joinpath("templates/document.css").read_text("utf-8")
    return html.template("document.html.j2").render(
        paper=paper,
        style=Markup(style),  # noqa: S704 - our own file
        light=Markup(html.variables(LIGHT)),  # noqa: S704 - our own tokens
        dark=Markup(html.variables(DARK)),  # noqa: S704 - our own tokens
        kind_of=lambda block: type(block).__name__,
        drawn=drawn,
        unsure=unsure,
        who=who,
        words={"write": tell("To be written by a person.")},
    )


def unsure(block: Gap) -> str:
    """Say that an answer was given for an earlier version."""
    return tell("from {ref}, not confirmed for this version", ref=block.ref)


def who(block: Gap) -> str:
    """Say who answered, when and for which version."""
    return tell("{by}, {at}, for {ref}", by=block.by, at=block.at, ref=block.ref)
