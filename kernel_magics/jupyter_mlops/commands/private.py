"""What is said of data subjects, of columns that are hidden, and of how long rows are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mlops.commands.figures import count
from jupyter_mlops.commands.states import DOT, bare
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
Row = Mapping[str, Any]


def subject(data: Data) -> str:
    """Say where a data subject stands, and where its rows were written."""
    parts = [bare(data["because"])]
    if told := data.get("export"):
        where = told.get("written") or told["digest"]
        parts.append(tell("✓ {n} rows are written to {where}", n=count(told["rows"]), where=where))
    if data["masked"]:
        parts.append(tell("masked for you: {columns}", columns=", ".join(data["masked"])))
    return DOT.join(parts)


def erase(data: Data) -> str:
    """Say what was erased, what waits, and what nobody can reach from here."""
    parts = [
        f"✓ {bare(data['because'])}",
        tell("erasure {id}", id=data["id"]),
        tell("out of reach: {beyond}", beyond=" ".join(data["beyond"])),
    ]
    return DOT.join(parts)


def masks(data: Data) -> str:
    """Say which columns are hidden."""
    n = sum(not row["lifted_at"] for row in data["items"])
    if not n:
        return tell("Nothing is masked. Type: %mlops mask DEPLOYMENT COLUMN --unless ROLE")
    return (
        tell("{n} column is masked", n=n) if n == 1 else tell("{n} columns are masked", n=count(n))
    )


def mask(data: Data) -> str:
    """Say which columns are hidden now, or are no more."""
    rows = data["items"]
    names = ", ".join(row["column"] for row in rows)
    name, unless = rows[0]["deployment"], rows[0]["unless"]
    if rows[0]["lifted_at"]:
        return tell("✓ masked no more at {name}: {columns}", columns=names, name=name)
    return tell(
        "✓ masked at {name}, unless for {unless}: {columns}",
        columns=names,
        name=name,
        unless=unless,
    )


def retention(data: Data) -> str:
    """Say for how long a deployment's rows are kept, and what is doubtful about it."""
    parts = [f"{data['deployment']}: {bare(data['because'])}"]
    return DOT.join([*parts, *(f"▲ {bare(one)}" for one in data["warnings"])])


def standing(data: Data) -> list[Row]:
    """Return where rows of a subject are, each place in the reader's words."""
    words = {
        "predictions": tell("prediction log"),
        "unsealed": tell("prediction log, not sealed yet"),
        "actuals": tell("actuals"),
        "reviews": tell("of these, waiting for a person"),
        "repeats": tell("answers kept for repeats"),
        "sample": tell("sample of a version"),
    }
    return [{**row, "place": words[row["place"]], "piece": row["where"]} for row in data["items"]]


def lifetimes(data: Data) -> list[Row]:
    """Return for how long each kind is kept."""
    words = {
        "predictions": tell("predictions"),
        "actuals": tell("actuals"),
        "samples": tell("samples"),
    }
    return [
        {
            **row,
            "part": words[row["part"]],
            "kept": tell("{n} days", n=row["days"]) if row["days"] else tell("for good"),
        }
        for row in data["items"]
    ]
