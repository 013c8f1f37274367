"""What is said of policies: what is in force, who would have to approve, what the past would have needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.commands.figures import count
from jupyter_mlops.commands.states import DOT
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
Row = Mapping[str, Any]


def sentence(data: Data) -> str:
    """Return the line that an answer about policies begins with."""
    if told := data.get("deciders"):
        return str(told["because"])
    if told := data.get("past"):
        return _past(told)
    if data["code"]:
        word = f"%mlops policy {data['code']} --from {data['code']}"
        shown = tell("Policies for {name}, not in force", name=data["code"])
        return DOT.join([shown, tell("next: {word}", word=word)])
    items = [row for row in data["items"] if "people" not in row]
    if not items:
        return DOT.join([_known(data), _follows(data["items"][0])])
    if len(data["items"]) == 1:
        return _one(items[0])
    said = tell("{n} policies are in force", n=count(len(items)))
    return DOT.join([said, _known(data)]) if len(items) < len(data["items"]) else said


def _known(data: Data) -> str:
    """Say how many people are known."""
    people = [one for row in data["items"] for one in row.get("people", ())]
    keys = sum(bool(one["keys"]) for one in people)
    return tell("people: {n}, with a key: {keys}", n=len(people), keys=keys)


def _follows(row: Row) -> str:
    """Say what the next list of people has to say."""
    return tell("a change says: follows: {digest}", digest=row["digest"])


def _one(row: Row) -> str:
    if not row["number"]:
        return tell("policy {name}, as it came with the workspace", name=row["name"])
    return tell("✓ policy {name} is in force, version {number}", **_named(row))


def _named(row: Row) -> dict[str, Any]:
    return {"name": row["name"], "number": row["number"]}


def _past(told: Data) -> str:
    n, short = told["changes"], told["short"]
    if not n:
        return tell("Nothing was requested in that time; nothing was written.")
    return tell(
        "Of {n} past changes {short} would have needed more than was given; nothing was written.",
        n=count(n),
        short=count(short),
    )


def text(data: Data) -> list[str]:
    """Return the YAML of the one policy that is shown, or of ready-made ones, line by line."""
    items = data["items"]
    if "deciders" in data or "past" in data or (len(items) != 1 and not data["code"]):
        return []
    lines: list[str] = []
    for row in items:
        lines += [*([f"# {row['name']}"] if data["code"] else []), *row["text"].splitlines(), ""]
    return lines[:-1]


def known(data: Data) -> list[Row]:
    """Return the people a workspace knows."""
    return [
        {
            **row,
            "person": row["id"],
            "roles": ", ".join(row["roles"]) or "–",
            "digest": ", ".join(row["keys"]),
            "until": row["until"] or None,
        }
        for row in data["known"]
    ]


def people(data: Data) -> list[Row]:
    """Return who could approve."""
    words = {True: tell("yes"), False: tell("no")}
    return [
        {
            **row,
            "counts": words[row["counts"]],
            "roles": ", ".join(row["roles"]) or "–",
        }
        for row in data["deciders"]["people"]
    ]


def past(data: Data) -> list[Row]:
    """Return past changes, those first that would have needed more."""
    words = {True: tell("yes"), False: tell("no")}
    rows = sorted(data["past"]["items"], key=lambda row: row["enough"])
    return [{**row, "enough": words[row["enough"]]} for row in rows]
