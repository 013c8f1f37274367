"""What is said of a document: how complete it is, where it was written, what is still open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.commands.states import DOT
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]


def sentence(data: Data) -> str:
    """Return the line that an answer about a document begins with."""
    parts = []
    if data["written"]:
        said = tell("✓ {title} of {subject} is written to {where}", **_named(data))
        parts.append(said)
    else:
        parts.append(tell("{title} of {subject}", **_named(data)))
    if data["kept"]:
        parts.append(tell("answers kept: {n}", n=len(data["kept"])))
    if data["blanks"]:
        parts.append(
            tell("{n} of {all} questions answered", n=data["answered"], all=data["blanks"])
        )
    if data["carried"]:
        parts.append(tell("{n} carried over and not confirmed", n=data["carried"]))
    return DOT.join(parts)


def questions(data: Data) -> list[Data]:
    """Return the questions that wait for a person: open ones, then those that were carried over."""
    words = {"open": tell("to be answered"), "carried": tell("to be confirmed")}
    waiting = [row for row in data["items"] if row["state"] in words]
    return [
        {"question": row["id"], "stands": words[row["state"]], "asks": row["asks"]}
        for row in sorted(waiting, key=lambda row: row["state"] == "carried")
    ]


def _named(data: Data) -> dict[str, str]:
    return {"title": data["title"], "subject": data["subject"], "where": data["written"]}
