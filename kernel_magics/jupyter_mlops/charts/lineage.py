"""Where a version comes from and where it went, line by line like a family tree, at any width."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.charts import theme
from jupyter_mlops.locale import tell

LAYERS: Final = ("data", "notebook", "script", "cell", "version", "decision", "deployment", "predictions")  # fmt: skip
_PLACES: Final = {kind: n - (n > 1) for n, kind in enumerate(LAYERS)}
"""How far to the right a kind stands; a script stands where a notebook does."""
STEP: Final = 12
ROW: Final = 24
NARROW: Final = 420
KINDS: Final = 98
"""Pixels for the word that says what a thing is; a narrower picture does without."""
LONGEST: Final = 40
MOST: Final = {"data": 8, "cell": 12, "decision": 8, "deployment": 8, "predictions": 8}
"""Lines of a kind; of more, the first and the last of them and how many stand between."""
_SHAPES: Final = {
    "data": "square",
    "notebook": "M-1,-1H1V1H-1Z",
    "script": "M-1,-1H1V1H-1Z",
    "cell": "circle",
    "version": "diamond",
    "decision": "triangle-right",
    "deployment": "cross",
    "predictions": "triangle-down",
}


def traced(data: Mapping[str, Any]) -> Any:
    """Draw data, cells, versions, decisions, deployments and predictions below one another."""
    import altair as alt

    rows = _rows(data["items"], data["ref"])
    question = tell("Where does {ref} come from, and where is it?", ref=theme.plain(data["ref"]))
    if not rows:
        return theme.empty(question, theme.plain(data["because"], 300))
    height = ROW * len(rows)
    x, y = _scales(len(rows))
    lines = alt.Chart(theme.table(list(_lines(rows, data["edges"])))).mark_rule(
        color=theme.ink("reference"), strokeWidth=1.5, strokeCap="round"
    )
    drawn = lines.encode(x=x, y=y, x2="x2:Q", y2="y2:Q")
    return theme.dressed(drawn + _points(rows, x, y) + _texts(rows, y), question, answer=theme.plain(data["because"], 300), height=height)  # fmt: skip


def _rows(items: Sequence[Mapping[str, Any]], ref: str) -> list[dict[str, Any]]:
    """Return the lines of the picture, each with its place; what is many is cut in its middle."""
    words = _words()
    rows: list[dict[str, Any]] = []
    for kind, group in _groups(items):
        most = MOST.get(kind, len(group))
        head, tail = (most - 2, 1) if len(group) > most else (len(group), 0)
        shown = [*group[:head], None, *group[len(group) - tail :]] if tail else group
        for node in shown:
            said = tell("… and {n} more", n=len(group) - head - tail) if node is None else ""
            rows.append(_row(node, kind, words, said, ref, len(rows)))
    return rows


def _row(
    node: Mapping[str, Any] | None,
    kind: str,
    words: Mapping[str, str],
    said: str,
    ref: str,
    at: int,
) -> dict[str, Any]:
    name, detail = (node["name"], node["detail"]) if node else (said, "")
    short = _ending(name) if kind == "data" else theme.plain(name, LONGEST)
    return {
        "id": node["id"] if node else "",
        "kind": kind,
        "word": words[kind],
        "name": short,
        "detail": theme.plain(detail, 110),
        "line": " · ".join(filter(None, [short, theme.plain(detail, 110)])),
        "whole": theme.plain(name, 200),
        "says": theme.plain(detail, 200),
        "when": (node or {}).get("at") or "–",
        "x": _PLACES[kind] * STEP,
        "y": at + 0.5,
        "own": bool(node and node["name"] == ref and kind == "version"),
        "dot": bool(node),
    }


def _groups(
    items: Sequence[Mapping[str, Any]],
) -> Iterable[tuple[str, list[Mapping[str, Any]]]]:
    """Go through what stands together: by kind, in the order of the way."""
    for kind in LAYERS:
        found = [node for node in items if node["kind"] == kind]
        if found:
            yield kind, found


def _ending(path: str) -> str:
    """Return the end of a path, where its name is."""
    shown = theme.plain(path, 400)
    return shown if len(shown) <= LONGEST else "…" + shown[1 - LONGEST :]


def _lines(
    rows: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, str]]
) -> Iterable[dict[str, Any]]:
    """Go down from each thing, then across to what it led to."""
    places = {row["id"]: row for row in rows if row["dot"]}
    seen: set[tuple[float, ...]] = set()
    for edge in edges:
        one, other = places.get(edge["source"]), places.get(edge["target"])
        if one is None or other is None:
            continue
        down = (one["x"], one["y"], one["x"], other["y"])
        across = (one["x"], other["y"], other["x"], other["y"])
        for line in (down, across):
            if line not in seen:
                seen.add(line)
                yield dict(zip(("x", "y", "x2", "y2"), line, strict=True))


def _scales(n: int) -> tuple[Any, Any]:
    """Return places in pixels from the left, and in lines from the top."""
    import altair as alt

    width = STEP * len(set(_PLACES.values()))
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, width], range=[6, 6 + width]))
    return x, alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, n], reverse=True))


def _points(rows: Sequence[dict[str, Any]], x: Any, y: Any) -> Any:
    import altair as alt

    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=list(_SHAPES), range=list(_SHAPES.values())),
        legend=None,
    )
    chart = alt.Chart(theme.table([row for row in rows if row["dot"]]))
    marks = chart.mark_point(filled=True, size=80, opacity=1)
    return marks.encode(
        x=x,
        y=y,
        shape=shape,
        color=alt.condition(
            "datum.own", alt.value(theme.colour("current")), alt.value(theme.colour("unknown"))
        ),
        tooltip=[
            alt.Tooltip("word:N", title=tell("kind")),
            alt.Tooltip("whole:N", title=tell("name")),
            alt.Tooltip("says:N", title=tell("details")),
            alt.Tooltip("when:N", title=tell("when")),
        ],
    )


def _texts(rows: Sequence[dict[str, Any]], y: Any) -> Any:
    """Write what each thing is beside it, the version in question in bold; what is too long is cut."""
    import altair as alt

    left = 14 + STEP * len(set(_PLACES.values()))
    beside = f"(width < {NARROW} ? {left} : {left + KINDS})"
    base = alt.Chart(theme.table(list(rows)))
    look = {"align": "left", "baseline": "middle", "fontSize": 12, "color": theme.ink("text")}
    faint = alt.ExprRef(expr=f"width < {NARROW} ? 0 : 0.7")
    kinds = base.mark_text(**look, opacity=faint, x=left).encode(y=y, text="word:N")
    told = {**look, "x": alt.ExprRef(expr=beside), "limit": alt.ExprRef(expr=f"width - {beside}")}
    own = base.transform_filter("datum.own").mark_text(**told, fontWeight=600)
    rest = base.transform_filter("!datum.own").mark_text(**told)
    return kinds + own.encode(y=y, text="line:N") + rest.encode(y=y, text="line:N")


def _words() -> dict[str, str]:
    return {
        "data": tell("data"),
        "notebook": tell("notebook"),
        "script": tell("script"),
        "cell": tell("cell"),
        "version": tell("version"),
        "decision": tell("decision"),
        "deployment": tell("deployment"),
        "predictions": tell("predictions"),
    }
