"""The one way to HTML: everything a caller supplied is text, and no page needs a script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from jupyter_mlops.charts import accuracy, render, service, theme

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

WIDE: Final = 500
NARROW: Final = 310
SVG: Final = "http://www.w3.org/2000/svg"
ELEMENTS: Final = frozenset(
    {"svg", "g", "path", "rect", "line", "text", "tspan", "defs", "clipPath"}
)
ATTRIBUTES: Final = frozenset(
    {
        "class", "clip-path", "d", "dominant-baseline", "dx", "dy", "fill", "fill-opacity",
        "font-family", "font-size", "font-style", "font-weight", "height", "id", "opacity",
        "pointer-events", "stroke", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
        "stroke-miterlimit", "stroke-opacity", "stroke-width", "text-anchor", "transform",
        "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
    }
)  # fmt: skip

_numbers = count(1)


def document(page: Mapping[str, Any]) -> str:
    """Return a page as one self-contained file: no script, no request, light and dark."""
    return _templates().get_template("page.html.j2").render(**_facts(page))


def fragment(page: Mapping[str, Any]) -> str:
    """Return the same page as a piece of HTML, for a dashboard that has its own frame."""
    return _templates().get_template("fragment.html.j2").render(**_facts(page))


def head(page: Mapping[str, Any]) -> str:
    """Return the words of a deployment's page, without its pictures, which a dashboard has alive."""
    told = {"page": page, "body": "deployment.html.j2", "sections": []}
    return _templates().get_template("fragment.html.j2").render(**told, **_sheets())


def template(name: str) -> Template:
    """Return one of our templates, in which everything is escaped."""
    return _templates().get_template(name)


def variables(tokens: Mapping[str, str]) -> str:
    """Return colours as variables of a style sheet."""
    return ";".join(f"--{name}:{value}" for name, value in tokens.items())


def drawing(
    chart: Any, *, width: int, height: int | None = None, says: str = "", name: str = ""
) -> Markup:
    """Return a chart as inline SVG of known elements only, in the page's own colours.

    Its ids begin with ``name``, else with a number that no other has in this process.
    """
    from markupsafe import Markup

    root = ET.fromstring(render.svg(chart, width=width, height=height, bare=True))  # noqa: S314 - drawn by ourselves a moment ago
    _clean(root, name or f"p{next(_numbers)}-")
    root.set("role", "img")
    root.set("aria-label", says or render.question_of(chart.to_dict()))
    root.attrib.pop("height", None)
    ET.register_namespace("", SVG)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - serialised from a tree


def _facts(page: Mapping[str, Any]) -> dict[str, Any]:
    if "seen" in page:
        from jupyter_mlops.papers import drawn

        return {"page": page, "body": "deployment.html.j2", **drawn.sections(page), **_sheets()}
    pictures = {"work": _work(page), "pictures": _pictures(page)}
    return {"page": page, "body": "body.html.j2", **pictures, **_sheets()}


def _work(page: Mapping[str, Any]) -> list[Markup]:
    if not any(point["n"] for point in page["work"]):
        return []
    chart = theme.dressed(service.columns(page["work"]), page["words"]["work"], height=180)
    says = page["words"]["work_note"]
    return [drawing(chart, width=width, says=says) for width in (WIDE, NARROW)]


def _pictures(page: Mapping[str, Any]) -> list[Markup | None]:
    return [_accuracy(model) for model in page["models"]]


def _accuracy(model: Mapping[str, Any]) -> Markup | None:
    series = model["series"]
    if not series or not any(point["value"] is not None for point in series["series"]):
        return None
    chart = accuracy.over_time(series)
    return drawing(chart, width=NARROW, height=130, says=model["accuracy"])


def _clean(element: ET.Element, prefix: str) -> None:
    """Keep known elements and attributes, give ids a name of their own, and colours a meaning."""
    for child in list(element):
        if _local(child.tag) in ELEMENTS:
            _clean(child, prefix)
        else:
            element.remove(child)
    for name, value in list(element.attrib.items()):
        if name not in ATTRIBUTES:
            del element.attrib[name]
        elif name == "id":
            element.set(name, prefix + value)
        elif name == "clip-path":
            element.set(name, value.replace("url(#", f"url(#{prefix}"))
    _coloured(element)


def _coloured(element: ET.Element) -> None:
    """Turn a colour into the page's variable of that name, so that light and dark need one drawing."""
    styles = []
    for name in ("fill", "stroke"):
        value = element.get(name, "")
        if token := _tokens().get(value.upper()):
            styles.append(f"{name}:var(--{token})")
            del element.attrib[name]
        elif value == "white":
            element.set(name, "none")
    if styles:
        element.set("style", ";".join(styles))


@cache
def _tokens() -> dict[str, str]:
    return {**{value.upper(): name for name, value in theme.LIGHT.items()}, "#000": "text"}


def _local(tag: str) -> str:
    return re.sub(r"^\{[^}]*\}", "", tag)


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("jupyter_mlops.papers", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _sheets() -> dict[str, Markup]:
    """Return our own style sheet and the two sets of colours it speaks of."""
    from importlib.resources import files

    from markupsafe import Markup

    style = files("jupyter_mlops.papers").joinpath("templates/style.css").read_text("utf-8")
    return {
        "style": Markup(style),  # noqa: S704 - our own file
        "light": Markup(variables(theme.LIGHT)),  # noqa: S704 - our own tokens
        "dark": Markup(variables(theme.DARK)),  # noqa: S704 - our own tokens
    }
