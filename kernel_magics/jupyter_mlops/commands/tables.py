"""Which few columns of an answer are shown, and how each cell reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.commands import documents, governing, private, rows, signed
from jupyter_mlops.commands.figures import (
    SHAPES,
    marked,
    moment,
    number,
    severity_word,
    state_word,
)
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
    """A small table below a sentence; ``more`` rows are not shown, one of several has a title."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    more: int = 0
    title: str = ""


def table_of(verb: str, data: Data) -> Table | None:
    """Return the table of an answer, or None when its sentence says it all."""
    asked = next((name for name in _ASKED if name in data), verb)
    keys, rows_of = _TABLES.get(asked, ((), None))
    if verb in _LISTS and "items" in data:
        keys, rows_of = _listed(data), _items
    rows = rows_of(data) if rows_of else []
    if not rows:
        return None
    shown = [[cell(key, row.get(key)) for key in keys] for row in rows[:MOST_ROWS]]
    return Table([_header(key) for key in keys], shown, max(len(rows) - MOST_ROWS, 0))


def _items(data: Data) -> list[Row]:
    return list(data["items"])


def _listed(data: Data) -> Sequence[str]:
    """Return the columns of the list that was asked for beside the figures."""
    first = data["items"][0] if data["items"] else {}
    return next((keys for keys in _LISTED if keys[-1] in first), _LISTED[-1])


_ASKED: Final = (
    "rehearsal",
    "explained",
    "together",
    "weighed",
    "words",
    "deciders",
    "past",
    "known",
)
"""What an answer holds only when somebody asked for it: that is what its table shows."""
_FIGURES: Final = ("metric", "value", "low", "high")
_LISTS: Final = frozenset({"accuracy"})
_LISTED: Final = (
    ("id", "at", "version", "prediction", "actual", "loss"),
    ("segment", "rows", "loss", "difference", "low", "high", "p_value"),
    ("id", "prediction_id", "at", "version"),
)
_ALERT: Final = (
    "id",
    "severity",
    "state",
    "deployment",
    "subject",
    "because",
    "since",
    "cause",
    "next",
)
_ANCHOR: Final = ("status", "where", "state", "events", "behind", "signed_at", "because")
_MASK: Final = ("deployment", "column", "unless", "by", "reason", "at", "lifted_at")
_EVIDENCE: Final = ("outcome", "title", "figure", "because")

_TABLES: Final[Mapping[str, tuple[Sequence[str], Callable[[Data], list[Row]]]]] = {
    "overview": (("status", "subject", "because", "next"), rows.attention),
    "register": (_FIGURES, rows.metrics),
    "show": (_FIGURES, rows.metrics),
    "unbundle": (_FIGURES, rows.metrics),
    "import_mlflow": (("became", "was", "ref", "stage", "aliases", "because"), rows.imported),
    "aliases": (("alias", "ref", "since", "until", "by", "action", "reason"), rows.meant),
    "holds": (("subject", "because", "by", "at", "released_at"), rows.meant),
    "models": (("ref", "metric", "value", "risk", "owner", "deployments", "created_at"), _items),
    "words": (("ref", "metric", "value", "risk", "owner", "deployments", "because"), _items),
    "check": (_EVIDENCE, rows.checks),
    "request": (_EVIDENCE, rows.checks),
    "requests": (("id", "ref", "deployment", "state", "risk", "requested_at"), _items),
    "known": (("person", "name", "roles", "digest", "until"), governing.known),
    "send": (("meaning",), signed.lines),
    "receive": (("by", "state", "assurance", "at", "comment"), signed.decisions),
    "deployments": (("status", "name", "version", "state", "predictions", "because"), rows.fleet),
    "rules": (("name", "when", "then", "value", "features"), _items),
    "predict": (("id", "prediction", "probabilities", "interval", "warnings"), _items),
    "monitor": (("status", "part", "because"), rows.parts),
    "service": (("metric", "value"), rows.traffic),
    "drift": (("status", "feature", "finding", "psi", "p_value", "because"), rows.unwell),
    "explained": (("feature", "value", "psi", "share", "before", "now"), rows.segments),
    "together": (("feature", "lost"), rows.drivers),
    "weighed": (("feature", "before", "now", "low", "high", "since"), rows.weighed),
    "accuracy": (_FIGURES, rows.metrics),
    "challengers": (
        ("ref", "state", "rows", "agreement", "difference", "p95", "errors", "dropped"),
        rows.beside,
    ),
    "humility": (("name", "when", "then", "fired", "refused", "share", "waiting"), _items),
    "alerts": (_ALERT, rows.raised),
    "acknowledge": (("id", "state", "deployment", "subject", "comment"), _items),
    "notify": (("at", "alert", "event", "state", "attempts", "answer"), rows.deliveries),
    "rehearsal": (("since", "severity", "subject", "because", "resolved_at"), rows.rehearsed),
    "receipt": (("holds", "step", "because"), rows.proved),
    "subject": (("place", "deployment", "piece", "rows"), private.standing),
    "erase": (("place", "deployment", "piece", "rows"), private.standing),
    "mask": (_MASK, rows.meant),
    "masks": (_MASK, rows.meant),
    "retention": (("part", "kept", "due", "files"), private.lifetimes),
    "audit": (("seq", "at", "actor", "action", "subject", "reason"), rows.events),
    "anchor": (_ANCHOR, rows.anchored),
    "anchors": (_ANCHOR, rows.anchored),
    "plan": (("step", "subject", "because"), rows.planned),
    "apply": (("step", "subject", "because"), rows.planned),
    "doctor": (("status", "subject", "because", "hint"), _items),
    "policy": (("name", "speaks_of", "needs", "by", "at"), rows.laid_down),
    "deciders": (("person", "roles", "counts", "because"), governing.people),
    "past": (("id", "ref", "deployment", "enough", "needed", "given", "because"), governing.past),
    "document": (("question", "stands", "asks"), documents.questions),
}


def _header(key: str) -> str:
    return {**_words(), **_governing(), **_measures()}.get(key, key)


def _words() -> dict[str, str]:
    return {
        "status": tell("status"),
        "subject": tell("subject"),
        "because": tell("because"),
        "next": tell("next"),
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
        "state": tell("state"),
        "name": tell("name"),
        "warnings": tell("warnings"),
        "part": tell("part"),
        "feature": tell("feature"),
        "finding": tell("finding"),
        "at": tell("when"),
        "actor": tell("who"),
        "action": tell("what"),
        "reason": tell("reason"),
        "hint": tell("hint"),
        "step": tell("step"),
        "holds": tell("holds"),
        "segment": tell("segment"),
        "severity": tell("severity"),
        "cause": tell("likeliest cause"),
        "since": tell("since"),
        "resolved_at": tell("over"),
        "alert": tell("alert"),
        "event": tell("what"),
        "answer": tell("answer"),
        "comment": tell("comment"),
        "alias": tell("alias"),
        "until": tell("until"),
        "by": tell("who"),
        "released_at": tell("released"),
        "question": tell("question"),
        "stands": tell("state"),
        "asks": tell("what is asked"),
        "became": tell("what it became"),
        "was": tell("in MLflow"),
        "stage": tell("stage"),
        "aliases": tell("aliases"),
    }


def _governing() -> dict[str, str]:
    """Return headers of what is said of decisions, anchors and people."""
    return {
        "speaks_of": tell("speaks of"),
        "needs": tell("asks for"),
        "person": tell("who"),
        "roles": tell("roles"),
        "counts": tell("would count"),
        "enough": tell("would have done"),
        "needed": tell("asks for"),
        "given": tell("was given"),
        "where": tell("where"),
        "events": tell("events"),
        "behind": tell("not there yet"),
        "signed_at": tell("signed"),
        "meaning": tell("what it means"),
        "digest": tell("digest"),
        "assurance": tell("assurance"),
        "place": tell("where"),
        "piece": tell("day or version"),
        "column": tell("column"),
        "unless": tell("unless for"),
        "lifted_at": tell("lifted"),
        "kept": tell("kept for"),
        "due": tell("older than that"),
        "files": tell("files"),
    }


def _measures() -> dict[str, str]:
    return {
        "metric": tell("metric"),
        "value": tell("value"),
        "low": tell("at least"),
        "high": tell("at most"),
        "figure": tell("figure"),
        "predictions": tell("predictions"),
        "prediction": tell("prediction"),
        "probabilities": tell("probabilities"),
        "interval": tell("interval"),
        "before": tell("reference"),
        "now": tell("now"),
        "lost": tell("what is lost without it (AUC)"),
        "rows": tell("rows"),
        "agreement": tell("says the same"),
        "difference": tell("score less the champion's"),
        "actual": tell("what happened"),
        "loss": tell("loss"),
        "p95": tell("p95 (ms)"),
        "errors": tell("errors"),
        "dropped": tell("dropped"),
        "fired": tell("fired"),
        "refused": tell("refused"),
        "share": tell("share"),
        "waiting": tell("open cases"),
        "windows": tell("windows"),
        "attempts": tell("attempts"),
    }


def cell(key: str, value: Any) -> Cell:
    """Return a value as the column of this name shows it."""
    if look := _LOOKS.get(key):
        return look(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(number(value), "number")
    return Cell(_plain(value))


def _status(value: Any) -> Cell:
    return Cell(marked(str(value)), str(value))


def _severity(value: Any) -> Cell:
    looks = {"critical": "failing", "warning": "warning", "info": "unknown"}
    look = looks.get(str(value), "unknown")
    return Cell(f"{SHAPES[look]} {severity_word(str(value))}", look)


def _state(value: Any) -> Cell:
    return Cell(state_word(str(value)))


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
    "severity": _severity,
    "state": _state,
    "outcome": _outcome,
    "ref": _chip,
    "version": _chip,
    "next": _chip,
    "action": _chip,
    "at": _time,
    "created_at": _time,
    "requested_at": _time,
    "since": _time,
    "resolved_at": _time,
    "until": _time,
    "released_at": _time,
    "signed_at": _time,
    "where": _chip,
    "lifted_at": _time,
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
