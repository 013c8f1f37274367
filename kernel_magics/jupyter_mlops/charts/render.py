"""How a picture is shown: one bundle that every viewer of notebooks understands, offline.

Altair's own renderers fetch their library from a network or speak a type that JupyterLab does not
know. Ours carries the specification for a live picture, a PNG for those that cannot draw it (and
without which Voilà prints an error), and a line of text.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

MIME: Final = "application/vnd.vegalite.v5+json"
VEGA: Final = "application/vnd.vega.v5+json"
SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
ENGINE: Final = "5.21"
WIDTH: Final = 560
SCALE: Final = 1.5

GROUNDS: Final = {None: "white", "light": "rgba(255,255,255,.004)", "dark": "rgba(0,0,0,.004)"}
"""What a drawing stands on: paper, or the page that shows it, seen through what is not quite nothing:

of nothing, Vega knows no luminance.
"""

_ROOM: Final = f"clamp(windowSize()[0] - 180, 200, {WIDTH})"
_AS_WIDE_AS_THERE_IS_ROOM: Final = {
    "op": "add",
    "path": "/signals",
    "value": [
        {"name": "width", "init": _ROOM, "on": [{"events": "window:resize", "update": _ROOM}]}
    ],
}
"""JupyterLab draws into a box that has no width of its own, so the window's has to do."""


_AGAIN: Final = {"type": "pad", "resize": True}
"""Pictures that are laid out anew whenever something in them changed, not once for all."""
_ROOMY: Final = "windowSize()[0]"
_WIDE: Final = f"{_ROOMY} >= 1000"
_NARROW: Final = f"{_ROOMY} < 600"
"""What pictures ask of the window; asked through a signal, it is asked again when that is resized."""


def bundle(chart: Any) -> dict[str, Any]:
    """Return the chart as MIME types: live, as an image, and as text."""
    return _bundle_of(chart.to_dict())


def live(chart: Any) -> dict[str, Any]:
    """Return pictures that follow the page, for a page that draws them itself: no image is made."""
    spec = chart.to_dict()
    return {VEGA: fluid(spec), "text/plain": question_of(spec) or "A picture"}


def enable() -> None:
    """Make our bundle the way Altair shows a chart, in this process."""
    import altair as alt

    alt.renderers.register("mlops", _renderer)
    if alt.renderers.active != "mlops":
        alt.renderers.enable("mlops")


def fluid(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return pictures side by side as Vega, which can put them below one another in a narrow window.

    Vega-Lite knows no width that follows the page for more than one picture; what it compiles to does.
    """
    import vl_convert

    asked = spec["usermeta"]["fluid"]
    compiled = vl_convert.vegalite_to_vega(dict(spec), vl_version=ENGINE)
    drawn: dict[str, Any] = json.loads(json.dumps(compiled).replace(_NARROW, "narrow"))
    for key in ("background", "usermeta"):  # the ground is the viewer's own, light or dark
        drawn.pop(key, None)
    each = _each(asked["columns"], asked["margin"])
    follows = [_follows("wide", _WIDE), _follows("narrow", _NARROW)]
    if "width" in drawn:  # one picture alone is as wide as all
        follows.append(_follows("width", each))
    for signal in drawn["signals"]:
        is_width = signal["name"].lower().endswith("width")
        follows.append(_follows(signal["name"], each) if is_width else signal)
    columns = {"signal": f"wide ? {asked['columns']} : 1"}
    layout = {**drawn["layout"], "columns": columns}
    return {**drawn, "autosize": _AGAIN, "signals": follows, "layout": layout}


def _each(columns: int, margin: int) -> str:
    """Return how wide one of the pictures is: what its column has left beside the names at its axis."""
    wide = f"clamp(({_ROOMY} - 72) / {columns} - {margin}, 180, {1120 // columns})"
    return f"{_WIDE} ? {wide} : clamp({_ROOMY} - {margin} - 60, 160, 560)"


def _follows(name: str, expression: str) -> dict[str, Any]:
    on = [{"events": "window:resize", "update": expression}]
    return {"name": name, "init": expression, "on": on}


def svg(
    chart: Any,
    *,
    width: int = WIDTH,
    height: int | None = None,
    bare: bool = False,
    ground: str | None = None,
) -> str:
    """Return the chart as a drawing whose every string is escaped text, for a page without scripts.

    A ``bare`` one leaves its title to the page. One for a ``light`` or ``dark`` ground has none itself.
    """
    import vl_convert

    spec = {**_sized(chart.to_dict(), width), "background": GROUNDS[ground]}
    if height is not None:
        spec["height"] = height
    if bare:
        spec.pop("title", None)
    theme: Literal["dark"] | None = "dark" if ground == "dark" else None
    return vl_convert.vegalite_to_svg(spec, vl_version=ENGINE, theme=theme)


def png(chart: Any, *, width: int = WIDTH, dark: bool = False, bare: bool = False) -> bytes:
    """Return the chart as an image, one and a half times as fine as a plain screen.

    A ``bare`` one leaves its title to the page.
    """
    spec = _sized(chart.to_dict(), width)
    if bare:
        spec.pop("title", None)
    return _png(spec, dark=dark)


def question_of(spec: dict[str, Any]) -> str:
    """Return what a picture asks and answers, in words; of several, each in turn."""
    title = spec.get("title") or {}
    if isinstance(title, str):
        return title
    lines = [*_list(title.get("text", "")), *_list(title.get("subtitle") or [])]
    parts = [*spec.get("vconcat", []), *spec.get("concat", [])]
    below = [question_of(part) for part in parts]
    return " ".join(str(line) for line in [*lines, *below] if line)


def _renderer(spec: dict[str, Any], **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return _bundle_of(spec), {}


def _bundle_of(spec: dict[str, Any]) -> dict[str, Any]:
    sized = _sized(spec, WIDTH)
    if (spec.get("usermeta") or {}).get("fluid"):
        image = base64.b64encode(_png(sized, dark=False)).decode()
        return {VEGA: fluid(sized), "image/png": image, "text/plain": question_of(spec)}
    image = base64.b64encode(_png(sized, dark=False)).decode()
    if spec.get("width") == "container":
        sized["usermeta"] = {"embedOptions": {"patch": [_AS_WIDE_AS_THERE_IS_ROOM]}}
    return {MIME: sized, "image/png": image, "text/plain": question_of(spec) or "A picture"}


def _png(spec: dict[str, Any], *, dark: bool) -> bytes:
    import vl_convert

    drawn = vl_convert.vegalite_to_png(
        spec, vl_version=ENGINE, scale=SCALE, theme="dark" if dark else None
    )
    return _packed(drawn)


def _packed(png: bytes) -> bytes:
    """Pack an image's pixels again, harder: a third of the size, so that notebooks stay small."""
    chunks = list(_chunks(png))
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    kept = [(kind, data) for kind, data in chunks if kind not in (b"IDAT", b"IEND")]
    kept += [(b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return png[:8] + b"".join(_chunk(kind, data) for kind, data in kept)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + check


def _sized(spec: dict[str, Any], width: int) -> dict[str, Any]:
    """Give a fluid picture a width, where there is no page to fill."""
    sized = {**spec, "$schema": SCHEMA}
    for parts in ("vconcat", "hconcat", "concat"):
        if parts in sized:
            sized[parts] = [_sized(part, width) for part in sized[parts]]
    if sized.get("width") == "container":
        sized["width"] = width
    return sized


def _list(text: object) -> list[object]:
    return text if isinstance(text, list) else [text]
