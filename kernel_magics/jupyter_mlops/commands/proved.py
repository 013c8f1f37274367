"""What is said of the audit log: how much of it matches, whether it is whole, where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.commands.figures import count
from jupyter_mlops.commands.states import DOT
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]


def sentence(data: Data) -> str:
    """Return the line that an answer about the audit log begins with."""
    if said := [*_verified(data), *_exported(data)]:
        return DOT.join(said)
    n = len(data["items"])
    return tell("{n} event", n=n) if n == 1 else tell("{n} events", n=count(n))


def _verified(data: Data) -> list[str]:
    return [f"{'✓' if data['ok'] else '✗'} {data['because']}"] if "ok" in data else []


def _exported(data: Data) -> list[str]:
    told = data.get("export")
    if told is None:
        return []
    n, where = count(told["events"]), told.get("written") or told["digest"]
    return [
        tell("✓ {n} events are written to {where}", n=n, where=where),
        tell("the last of them is {head}", head=told["head"]),
    ]
