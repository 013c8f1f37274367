"""What is said of the audit log: how much of it matches, whether it is whole, where it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jupyter_mlops.commands.figures import count
from jupyter_mlops.commands.states import DOT, bare
from jupyter_mlops.commands.tables import Cell, Table, cell, table_of
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
MOST: Final = 60
"""Fields of an event that are shown; the details have all of them."""


def sentence(data: Data) -> str:
    """Return the line that an answer about the audit log begins with."""
    if "export" in data:
        return DOT.join([*_verified(data), *_exported(data["export"])])
    if "ok" in data:
        return _whole(data)
    parts = [_counted(len(data["items"]))]
    if data["older"]:
        parts.append(tell("older ones: --before {seq}", seq=data["older"]))
    return DOT.join(parts)


def added(data: Data) -> str:
    """Say which places outside hold checkpoints now; the secret of a webhook is shown this once."""
    parts = [anchors(data)]
    if data.get("secret"):
        parts.append(tell("its secret, shown this once: {secret}", secret=data["secret"]))
    return DOT.join(parts)


def anchors(data: Data) -> str:
    """Say how many places outside hold checkpoints, and which need somebody."""
    n = len(data["items"])
    if not n:
        return tell(
            "No anchor: a cut tail or a whole rewrite would not be seen. Type: %mlops anchor WHERE"
        )
    said = tell("{n} anchor", n=n) if n == 1 else tell("{n} anchors", n=n)
    parts = [said, _counted(data["events"])]
    ill = [row["where"] for row in data["items"] if row["state"] in ("unreachable", "disagrees")]
    return DOT.join([*parts, *(f"▲ {where}" for where in ill)])


def tables(data: Data) -> list[Table]:
    """Return what anchors say of the log, what one event changed, and the events that match."""
    found = [_verdicts(data.get("anchors") or []), _changes(data.get("changes") or [])]
    events = table_of("audit", data)
    return [*(one for one in found if one.rows), *([events] if events else [])]


def _whole(data: Data) -> str:
    mark = "✓" if data["ok"] else "✗"
    if not data["anchors"]:
        word = "%mlops anchor WHERE"
        none = tell("no anchor: a cut tail or a whole rewrite would not be seen")
        parts = [f"{mark} {bare(data['because'])}", none, tell("next: {word}", word=word)]
        return DOT.join(parts)
    fit = sum(row["ok"] is True for row in data["anchors"])
    agree = tell("{fit} of {n} anchors agree", fit=fit, n=len(data["anchors"]))
    return DOT.join([f"{mark} {bare(data['because'])}", agree])


def _verdicts(found: Sequence[Data]) -> Table:
    marks = {True: ("✓", "passing"), False: ("✗", "failing"), None: ("○", "unknown")}
    rows = [
        [
            Cell(*marks[one["ok"]]),
            Cell(one["where"], "chip"),
            cell("events", one["events"]),
            cell("at", one["signed_at"]),
            Cell(one["because"]),
        ]
        for one in found
    ]
    headers = [tell("fits"), tell("anchor"), tell("events"), tell("signed"), tell("because")]
    return Table(headers, rows)


def _changes(found: Sequence[Data]) -> Table:
    rows = [[Cell(row["field"], "chip"), Cell(row["before"]), Cell(row["after"])] for row in found]
    return Table([tell("field"), tell("before"), tell("after")], rows[:MOST])


def _verified(data: Data) -> list[str]:
    return [f"{'✓' if data['ok'] else '✗'} {bare(data['because'])}"] if "ok" in data else []


def _exported(told: Data) -> list[str]:
    return [
        tell("✓ the audit log is written to {where}", where=told.get("written") or told["digest"]),
        _counted(told["events"]),
        tell("the last of them is {head}", head=told["head"]),
    ]


def _counted(n: int) -> str:
    return tell("{n} event", n=n) if n == 1 else tell("{n} events", n=count(n))
