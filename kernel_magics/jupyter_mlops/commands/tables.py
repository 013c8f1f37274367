"""Which few columns of an answer are shown, and how each cell reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.commands.figures import marked, moment, number
from jupyter_mlops.locale import tell

MOST_ROWS: Final = 10

Data = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One value as it is read, and what kind of thing it is: that decides its look."""

    text: str
    look: str = ""


@dataclass(frozen=True)
class Table:
    """The small table below a sentence; ``more`` rows are not shown."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    more: int = 0


def table_of(verb: str, data: Data) -> Table | None:
    """Return the table of an answer, or None when its sentence says it all."""
    keys, rows_of = _TABLES.get(verb, ((), None))
    rows = rows_of(data) if rows_of else []
    if not rows:
        return None
    shown = [[_cell(key, row.get(key)) for key in keys] for row in rows[:MOST_ROWS]]
    return Table([_header(key) for key in keys], shown, max(len(rows) - MOST_ROWS, 0))


def _items(data: Data) -> list[Row]:
    return list(data["items"])


def _fleet(data: Data) -> list[Row]:
    """Return the deployments; a canary stands behind the champion it shares the traffic with."""
    rows = [dict(row) for row in data["items"]]
    for row in rows:
        if row["canary"]:
            row["version"] = f"{row['version']} + {row['canary']} ({row['share']:.1%})"
    return list(rows)


def _attention(data: Data) -> list[Row]:
    return list(data["attention"])


def _checks(data: Data) -> list[Row]:
    return list(data["checks"])


def _metrics(data: Data) -> list[Row]:
    return [{"metric": name, **told} for name, told in data["metrics"].items()]


def _parts(data: Data) -> list[Row]:
    names = {"service": tell("service"), "drift": tell("drift"), "accuracy": tell("accuracy")}
    return [{"part": said, **data[name]} for name, said in names.items()]


def _traffic(data: Data) -> list[Row]:
    spread = {f"{name} (ms)": value for name, value in data["latency_ms"].items()}
    told = {
        tell("requests"): data["requests"],
        tell("predictions"): data["predictions"],
        tell("errors"): data["errors"],
        **spread,
    }
    return [{"metric": name, "value": value} for name, value in told.items()]


def _events(data: Data) -> list[Row]:
    return [{**row, "actor": row["actor"].get("id")} for row in data["items"]]


def _unwell(data: Data) -> list[Row]:
    """Return what moved first, the quiet features after."""
    order = ("failing", "warning", "unknown", "passing")
    return sorted(data["items"], key=lambda row: order.index(row["status"]))


_FIGURES: Final = ("metric", "value", "low", "high")
_EVIDENCE: Final = ("outcome", "title", "figure", "because")

_TABLES: Final[Mapping[str, tuple[Sequence[str], Callable[[Data], list[Row]]]]] = {
    "overview": (("status", "subject", "because", "next"), _attention),
    "register": (_FIGURES, _metrics),
    "show": (_FIGURES, _metrics),
    "models": (("ref", "metric", "value", "risk", "owner", "deployments", "created_at"), _items),
    "check": (_EVIDENCE, _items),
    "request": (_EVIDENCE, _checks),
    "requests": (("id", "ref", "deployment", "state", "risk", "requested_at"), _items),
    "deployments": (("status", "name", "version", "state", "predictions", "because"), _fleet),
    "rules": (("name", "when", "then", "features"), _items),
    "predict": (("id", "prediction", "probabilities", "interval", "warnings"), _items),
    "monitor": (("status", "part", "because"), _parts),
    "service": (("metric", "value"), _traffic),
    "drift": (("status", "feature", "finding", "psi", "p_value", "because"), _unwell),
    "accuracy": (_FIGURES, _metrics),
    "audit": (("seq", "at", "actor", "action", "subject", "reason"), _events),
    "doctor": (("status", "subject", "because", "hint"), _items),
}


def _header(key: str) -> str:
    headers = {
        "status": tell("status"),
        "subject": tell("subject"),
        "because": tell("because"),
        "next": tell("next"),
        "metric": tell("metric"),
        "value": tell("value"),
        "low": tell("at least"),
        "high": tell("at most"),
        "ref": tell("version"),
        "version": tell("version"),
        "risk": tell("risk"),
        "owner": tell("owner"),
        "deployments": tell("deployments"),
        "deployment": tell("deployment"),
        "created_at": tell("registered"),
        "requested_at": tell("asked"),
        "outcome": tell("outcome"),
        "title": tell("check"),
        "figure": tell("figure"),
        "state": tell("state"),
        "name": tell("name"),
        "predictions": tell("predictions"),
        "prediction": tell("prediction"),
        "probabilities": tell("probabilities"),
        "interval": tell("interval"),
        "warnings": tell("warnings"),
        "part": tell("part"),
        "feature": tell("feature"),
        "finding": tell("finding"),
        "at": tell("when"),
        "actor": tell("who"),
        "action": tell("what"),
        "reason": tell("reason"),
        "hint": tell("hint"),
    }
    return headers.get(key, key)


def _cell(key: str, value: Any) -> Cell:
    if look := _LOOKS.get(key):
        return look(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(number(value), "number")
    return Cell(_plain(value))


def _status(value: Any) -> Cell:
    return Cell(marked(str(value)), str(value))


def _chip(value: Any) -> Cell:
    return Cell(str(value), "chip") if value else Cell("–")


def _time(value: Any) -> Cell:
    return Cell(moment(value), "time")


def _exact(value: Any) -> Cell:
    return Cell(str(value), "number" if isinstance(value, int) else "chip")


def _outcome(value: Any) -> Cell:
    if value == "passed":
        return Cell("● " + tell("passed"), "passing")
    if value == "failed":
        return Cell("■ " + tell("failed"), "failing")
    return Cell("○ " + tell("not applicable"), "unknown")


_LOOKS: Final[Mapping[str, Callable[[Any], Cell]]] = {
    "status": _status,
    "outcome": _outcome,
    "ref": _chip,
    "version": _chip,
    "next": _chip,
    "action": _chip,
    "at": _time,
    "created_at": _time,
    "requested_at": _time,
    "id": _exact,
    "seq": _exact,
}


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return number(value) if isinstance(value, float) else str(value)
