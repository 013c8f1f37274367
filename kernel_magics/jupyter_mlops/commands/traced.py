"""How a lineage and what trains it again are shown: what led to what, the cells, the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.commands.tables import Cell, Table, cell
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
MOST: Final = 40
MOST_LINES: Final = 120


def lineage(data: Data) -> list[Table]:
    """Return what led to the version and what came of it, and what is not known."""
    rows = [
        [
            Cell(kind(one["kind"]), "whole"),
            Cell(one["name"]),
            Cell(one["detail"]),
            cell("at", one["at"]),
        ]
        for one in data["items"][:MOST]
    ]
    headers = [tell("kind"), tell("name"), tell("details"), tell("when")]
    more = max(len(data["items"]) - MOST, 0)
    unknown = [Cell(f"○ {one}", "unknown") for one in data["unknown"]]
    not_known = [_table(unknown, tell("Not known"))] if unknown else []
    return [*warned(data), Table(headers, rows, more), *not_known]


def warned(data: Data) -> list[Table]:
    """Return what a registration warns of."""
    said = data.get("warnings") or []
    return (
        [_table([Cell(f"▲ {one}", "warning") for one in said], tell("Its lineage"))] if said else []
    )


def reproduced(data: Data) -> list[Table]:
    """Return the metrics as they were and as they came out again, and what to know of the files."""
    headers = [tell("metric"), tell("registered"), tell("now"), tell("verdict")]
    rows = [
        [
            Cell(str(one["metric"])),
            cell("value", one["before"]),
            cell("value", one["now"]),
            Cell(verdict(one["verdict"])),
        ]
        for one in data["items"]
    ]
    files = [[Cell(name), Cell(where, "chip")] for name, where in data["files"].items()]
    found = [Table(headers, rows), Table([tell("file"), tell("where")], files)]
    return [*[one for one in found if one.rows], *warned(data)]


def code(data: Data) -> list[str]:
    """Return the cells in the order they ran, each under its name."""
    lines: list[str] = []
    for one in data["cells"]:
        if len(lines) > MOST_LINES:
            return [*lines, tell("… and {n} more", n=len(data["cells"]))]
        count = one["execution_count"]
        lines += [f"# [{'–' if count is None else count}] {one['cell'] or ''}".rstrip()]
        lines += [*(line.expandtabs(4) for line in one["source"].splitlines()), ""]
    return lines[:-1]


def kind(word: str) -> str:
    """Return what a thing of a lineage is, in the reader's language."""
    words = {
        "data": tell("data"),
        "notebook": tell("notebook"),
        "script": tell("script"),
        "cell": tell("cell"),
        "version": tell("version"),
        "decision": tell("decision"),
        "deployment": tell("deployment"),
        "predictions": tell("predictions"),
    }
    return words.get(word, word)


def verdict(word: str) -> str:
    """Return how a metric came out again, in the reader's language."""
    words = {
        "the same": tell("the same"),
        "within the interval": tell("within the interval"),
        "different": tell("different"),
        "not measured": tell("not measured"),
    }
    return words.get(word, word)


def _table(cells: list[Cell], title: str) -> Table:
    return Table([title], [[one] for one in cells])
