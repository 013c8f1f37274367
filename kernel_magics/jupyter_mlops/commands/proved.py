"""What is said of the audit log: how much of it matches, whether it is whole, where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.commands.figures import count
from jupyter_mlops.commands.states import DOT, bare
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]


def sentence(data: Data) -> str:
    """Return the line that an answer about the audit log begins with."""
    if "export" in data:
        return DOT.join([*_verified(data), *_exported(data["export"])])
    if "ok" in data:
        return f"{'✓' if data['ok'] else '✗'} {data['because']}"
    return _counted(len(data["items"]))


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
