"""The picture of an answer, for a page that fetches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.errors import Invalid

NARROWEST: Final = 200
WIDEST: Final = 1600
GROUNDS: Final = ("light", "dark")


def drawn(verb: str, data: Mapping[str, Any], *, width: int, ground: str) -> str:
    """Return the picture of a verb's answer as SVG without a ground of its own, every string escaped.

    Raises:
        UsageError: there is no picture of such an answer.
    """
    from jupyter_mlops import charts
    from jupyter_mlops.charts import render

    return render.svg(charts.picture(verb, data), width=width, bare=True, ground=ground)


def read_size(width: str, ground: str) -> tuple[int, str]:
    """Return how wide a picture is to be, and on which ground.

    Raises:
        Invalid: they are none.
    """
    if not (width.isdecimal() and width.isascii() and len(width) < len(str(WIDEST)) + 1):
        raise _unfit(width, ground)
    if ground not in GROUNDS or not NARROWEST <= int(width) <= WIDEST:
        raise _unfit(width, ground)
    return int(width), ground


def _unfit(width: str, ground: str) -> Invalid:
    return Invalid(
        "A picture cannot be {width} pixels wide on a {ground} ground.",
        "ask for width={narrowest} to {widest}, and ground=light or ground=dark.",
        code="picture_unfit",
        width=width[:20],
        ground=ground[:20],
        narrowest=NARROWEST,
        widest=WIDEST,
    )
