"""The pictures of a deployment's page: charts for a dashboard, drawings for a page without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.charts import accuracy, closely, curves, drift, events, heat, service
from jupyter_mlops.papers import deployment, html
from jupyter_mlops.papers.seen import ILL, Seen

WIDEST: Final = 1000
NAMES: Final = 124
"""The room that both the names of classes and a title need beside a picture."""
MOST_FEATURES: Final = 6
LEAST_FEATURES: Final = 3
ROW: Final = 3


def of_service(seen: Seen) -> list[Any]:
    """Return traffic, latency and errors over time, and what the objectives still allow."""
    if seen.monitor is None or not seen.monitor["service"]["requests"]:
        return []
    found = seen.monitor["service"]
    drawn = [service.traffic, service.latency_over_time, service.errors_over_time]
    if found.get("budgets"):
        drawn.append(service.budgets)
    return [draw(found) for draw in drawn]


def of_drift(seen: Seen) -> list[Any]:
    """Return what matters and when it moved, as still pictures."""
    if seen.monitor is None or not is_compared(seen):
        return []
    found = seen.monitor["drift"]
    first = drift.quadrants if drift.is_weighed(found) else drift.moved
    return [first(found), heat.heat(found)]


def is_compared(seen: Seen) -> bool:
    """Say whether anything was asked of it that can be compared with a reference."""
    found = seen.monitor
    return bool(found and found["service"]["predictions"] and found["drift"]["items"])


def of_accuracy(seen: Seen) -> list[Any]:
    """Return how right it was over time, with what was done meanwhile."""
    if seen.monitor is None or not seen.monitor["service"]["predictions"]:
        return []
    found = seen.monitor["accuracy"]
    return [events.marked(accuracy.over_time(found), deployment.events(seen), found["series"])]


def of_curves(seen: Seen) -> list[Any]:
    """Return what it is right and wrong about: curves of the labels that have come."""
    if seen.monitor is None or not seen.monitor["service"]["predictions"]:
        return []
    return curves.of(seen.monitor["accuracy"])


def live(seen: Seen) -> dict[str, list[Any]]:
    """Return the pictures of each part of the page, as a dashboard shows them."""
    if seen.monitor is None:
        return {}
    found, served, right = seen.monitor["drift"], of_service(seen), of_curves(seen)
    parts = {
        "service": [_square(served)] if served else [],
        "drift": [closely.closely(found)] if is_compared(seen) else [],
        "accuracy": [closely.row(chart, columns=1) for chart in of_accuracy(seen)],
        "curves": [closely.row(*right, columns=3, longest=32, margin=NAMES)] if right else [],
    }
    return {name: charts for name, charts in parts.items() if charts}


def _square(served: list[Any]) -> Any:
    """Put three pictures in a row, but four two by two: names at an axis need more room."""
    if len(served) > ROW:
        return closely.row(*served, columns=2, margin=NAMES)
    return closely.row(*served, columns=ROW)


def sections(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of the page with their drawings; one without any is left out."""
    seen, words = page["seen"], page["words"]
    parts = [
        (words["service"], "", of_service(seen), "three", html.NARROW),
        (words["drift"], "", of_drift(seen), "two", html.WIDE),
        (words["features"], "", _features(seen), "three", html.NARROW),
        (words["accuracy"], words["events"], of_accuracy(seen), "one", WIDEST),
        (words["curves"], "", of_curves(seen), "three", html.NARROW),
    ]
    return {
        "sections": [
            {
                "title": title,
                "note": note,
                "fits": fits,
                "pictures": [_drawing(c, wide) for c in charts],
            }
            for title, note, charts, fits, wide in parts
            if charts
        ]
    }


def _features(seen: Seen) -> list[Any]:
    """Return the features that moved, or the first few where none has, now against their reference."""
    if seen.monitor is None or not is_compared(seen):
        return []
    found = seen.monitor["drift"]
    ill = [item["feature"] for item in found["items"] if item["status"] in ILL]
    first = [item["feature"] for item in found["items"]][:LEAST_FEATURES]
    return [drift.feature(found, name) for name in (ill or first)[:MOST_FEATURES]]


def _drawing(chart: Any, wide: int) -> dict[str, Any]:
    title = chart.title
    asks, says = (" ".join(title[key]) for key in ("text", "subtitle"))
    spoken = f"{asks} {says}".strip()
    widths = dict.fromkeys((wide, html.NARROW))
    drawings = [html.drawing(chart, width=width, says=spoken) for width in widths]
    return {"asks": asks, "says": says, "wide": drawings[0], "narrow": drawings[-1]}
