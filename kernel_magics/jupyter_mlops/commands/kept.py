"""What is said of backups: where one is, what is in it, what came out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.commands.figures import count, number
from jupyter_mlops.commands.states import DOT
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
_DIGEST: Final = 19
"""Letters of a digest that stand in a sentence."""


def backup(data: Data) -> str:
    """Say where a backup is, and what was left out of it."""
    said = tell("✓ the workspace is written to {where}", where=data["written"])
    return DOT.join(
        [said, *_counted(data), data["digest"][:_DIGEST], *_doubts(data), _left_out(data)]
    )


def restore(data: Data) -> str:
    """Say where the restored workspace is, or how a drill went."""
    if data["drill"]:
        return DOT.join(
            [_drilled(data), *_counted(data), *_proved(data), *_known(data), *_doubts(data)]
        )
    said = tell("✓ restored and proved: {where}", where=data["where"])
    word = tell("next: {word}", word=f"%mlops use {data['where']}")
    return DOT.join([said, *_counted(data), *_proved(data), *_doubts(data), _left_out(data), word])


def _drilled(data: Data) -> str:
    return tell(
        "✓ the backup was restored, proved and removed again in {seconds} s",
        seconds=number(float(data["seconds"])),
    )


def _counted(data: Data) -> list[str]:
    return [
        tell("{n} rows", n=count(data["rows"])),
        tell("{n} files", n=count(data["files"])),
        tell("{n} events", n=count(data["events"])),
    ]


def _proved(data: Data) -> list[str]:
    n = data["segments"]
    return [tell("{n} segments proved by their roots", n=count(n))] if n else []


def _known(data: Data) -> list[str]:
    if "known" not in data or data["known"]:
        return []
    return [tell("▲ this workspace did not write it")]


def _doubts(data: Data) -> list[str]:
    """Say what was wrong with the workspace when the backup was written, and is so in it."""
    doubts = [] if data["ok"] else [tell("▲ its audit log was not whole: audit --verify")]
    if n := len(data["differing"]):
        doubts.append(tell("▲ {n} files were not what the store says of them", n=count(n)))
    return doubts


def _left_out(data: Data) -> str:
    return tell("left out: {names}", names=", ".join(data["left_out"]))
