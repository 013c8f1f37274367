"""The executive page: how the fleet is, in words a leader uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_mlops.charts.theme import SIGNS, STATUSES, plain, status_word
from jupyter_mlops.domain.answers import DeploymentRow, Request, Status
from jupyter_mlops.domain.governing import VERSION
from jupyter_mlops.domain.health import worst
from jupyter_mlops.locale import current_language, tell
from jupyter_mlops.papers import figures, models
from jupyter_mlops.papers.facts import Facts, Week, gather, reader, starts

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

ILL = ("failing", "warning")
REQUESTS = 5


def executive(
    ws: Workspace, *, now: datetime, days: int = 30, as_of: str | None = None
) -> dict[str, Any]:
    """Return the executive page of a workspace, as it is or was, worded in the reader's language."""
    return told(gather(reader(ws, as_of), now=now, days=days, progress=ws.progress))


def told(facts: Facts) -> dict[str, Any]:
    """Return what the page says of the facts, in the reader's language; nothing is invented."""
    return {
        "language": current_language(),
        "title": tell("AI models"),
        "workspace": facts.workspace,
        "as_of": tell("as of {moment}", moment=figures.moment(facts.now.astimezone())),
        "headline": headline(facts),
        "status": worst([row["status"] for row in facts.rows]),
        "tiles": _tiles(facts),
        "attention": [_ill(facts, row) for row in facts.rows if row["status"] in ILL]
        + [_asked(request) for request in facts.requests[:REQUESTS]],
        "more": _more(facts),
        "health": _health(facts),
        "work": _daily(facts),
        "models": [models.told(row, facts.weeks[row["name"]]) for row in facts.shown],
        "key": [_sign(status) for status in STATUSES],
        "source": _source(facts),
        "words": _words(facts),
    }


def headline(facts: Facts) -> str:
    """Return the one sentence to read when only one is read."""
    fleet = len(facts.rows)
    if not fleet:
        return tell("No model works for you yet.")
    works = (
        tell("1 model works for you.")
        if fleet == 1
        else tell("{n} models work for you.", n=figures.count(fleet))
    )
    return f"{works}{'' if current_language() == 'ja' else ' '}{_need(facts)}"


def _need(facts: Facts) -> str:
    ill = [row for row in facts.rows if row["status"] in ILL]
    if not ill:
        known = any(row["status"] == "passing" for row in facts.rows)
        return tell("None needs attention.") if known else tell("How well is not known yet.")
    names = figures.listed([plain(row["name"], 40) for row in ill])
    since = _since(facts, ill[0]["name"]) if len(ill) == 1 else None
    if since:
        return tell("1 needs attention: {name}, since {day}.", name=names, day=figures.day(since))
    if len(ill) == 1:
        return tell("1 needs attention: {name}.", name=names)
    return tell("{n} need attention: {names}.", n=len(ill), names=names)


def _since(facts: Facts, name: str) -> datetime | None:
    """Return the first day of the week since which it has been ill, or its own first day."""
    since = None
    for week in reversed(facts.weeks.get(name, [])):
        if week.status not in ILL:
            break
        since = week.start
    began = facts.began(name)
    return None if since is None else max(since, began or since).astimezone()


def _tiles(facts: Facts) -> list[dict[str, Any]]:
    """Return the figures that exist; a tile without one is not shown."""
    if not facts.rows and not facts.requests:
        return []
    tiles = (_predictions(facts), _healthy(facts), _waiting(facts), _kept(facts))
    return [tile for tile in tiles if tile]


def _tile(
    label: str, value: str, *, note: str = "", change: str = "", line: str = ""
) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "change": change, "line": line}


def _predictions(facts: Facts) -> dict[str, Any] | None:
    since = facts.now - timedelta(days=facts.days)
    now = facts.predicted(since, facts.now)
    before = facts.predicted(since - timedelta(days=facts.days), since)
    if not now and not before:
        return None
    return _tile(
        tell("predictions, last {n} days", n=facts.days),
        figures.count(now),
        change=figures.change(now, before),
        note=tell("{n} in the {days} days before", n=figures.count(before), days=facts.days)
        if before
        else tell("none in the {days} days before", days=facts.days),
        line=_line([point["n"] for point in _daily(facts)]),
    )


def _healthy(facts: Facts) -> dict[str, Any] | None:
    if not facts.rows:
        return None
    well = sum(row["status"] == "passing" for row in facts.rows)
    unknown = sum(row["status"] == "unknown" for row in facts.rows)
    return _tile(
        tell("models healthy"),
        tell("{n} of {all}", n=well, all=len(facts.rows)),
        note=tell("{n} not known yet", n=unknown) if unknown else "",
    )


def _waiting(facts: Facts) -> dict[str, Any]:
    n = len(facts.requests)
    oldest = min((request["requested_at"] for request in facts.requests), default=None)
    note = ""
    if oldest:
        age = facts.now - datetime.fromisoformat(oldest)
        note = tell("the oldest came {ago}", ago=figures.ago(age))
    return _tile(tell("approvals waiting for you"), figures.count(n), note=note)


def _kept(facts: Facts) -> dict[str, Any] | None:
    """Say how many models are still as right as they were; absent while nobody can know."""
    judged = [models.accuracy_status(weeks) for weeks in facts.weeks.values()]
    known = [status for status in judged if status != "unknown"]
    if not known:
        return None
    notes = []
    if unknown := len(judged) - len(known):
        notes.append(tell("{n} not measured yet", n=unknown))
    if len(judged) < len(facts.rows):
        notes.append(tell("of the {n} models below", n=len(judged)))
    return _tile(
        tell("models as accurate as promised"),
        tell("{n} of {all}", n=known.count("passing"), all=len(known)),
        note=" · ".join(notes),
    )


def _ill(facts: Facts, row: DeploymentRow) -> dict[str, Any]:
    weeks = facts.weeks.get(row["name"], [])
    since = _since(facts, row["name"])
    return {
        **_sign(row["status"]),
        "subject": plain(row["name"], 60),
        "because": models.because(row, weeks),
        "since": tell("since {day}", day=figures.day(since)) if since else "",
        "who": tell("owner: {name}", name=plain(row["owner"], 60)) if row["owner"] else "",
        "next": "%mlops serve"
        if row["state"] == "down"
        else f"%mlops monitor {plain(row['name'], 100)}",
    }


def _asked(request: Request) -> dict[str, Any]:
    values = {
        "ref": plain(request["ref"], 60),
        "deployment": plain(request["deployment"], 60),
        "replaces": plain(request["replaces"] or "", 60),
    }
    because = (
        tell("{ref} is to replace {replaces} on {deployment}: your decision.", **values)
        if request["replaces"]
        else tell("{ref} is to be changed: your decision.", **values)
        if request["kind"] != VERSION
        else tell("{ref} is to begin on {deployment}: your decision.", **values)
    )
    return {
        **_sign("unknown"),
        "word": tell("waiting"),
        "subject": tell("request {id}", id=request["id"]),
        "because": because,
        "since": "",
        "who": tell("asked by {name}", name=plain(_asker(request), 60)),
        "next": f"%mlops approve {request['id']}",
    }


def _more(facts: Facts) -> str:
    rest = len(facts.requests) - REQUESTS
    return tell("and {n} more requests", n=rest) if rest > 0 else ""


def _asker(request: Request) -> str:
    person = request["requested_by"]
    return person["claims"].get("user") or person["id"]


def _health(facts: Facts) -> dict[str, Any]:
    first = starts(facts.now.astimezone())
    return {
        "weeks": [figures.day(start) for start in first],
        "rows": [
            {
                "name": plain(row["name"], 40),
                "cells": _cells(facts.weeks[row["name"]], facts.began(row["name"])),
            }
            for row in facts.shown
        ],
        "rest": _rest(facts),
    }


def _rest(facts: Facts) -> str:
    rest = len(facts.rows) - len(facts.shown)
    return tell("and {n} more, none in greater need than these", n=rest) if rest else ""


def _cells(weeks: Sequence[Week], began: datetime | None) -> list[dict[str, Any]]:
    """Return a sign for each week; nothing stands for the weeks before it began to work."""
    return [_cell(week, begun=began is not None and week.end > began) for week in weeks]


def _cell(week: Week, *, begun: bool) -> dict[str, Any]:
    when = tell("week from {day}", day=figures.day(week.start.astimezone()))
    if begun or week.status != "unknown":
        return {**_sign(week.status), "when": when}
    return {"status": "unknown", "sign": "", "word": tell("not at work yet"), "when": when}


def _sign(status: Status) -> dict[str, Any]:
    return {"status": status, "sign": SIGNS[status], "word": status_word(status)}


def _daily(facts: Facts) -> list[dict[str, Any]]:
    """Add up the fleet's predictions day by day over the chosen period."""
    days: dict[str, int] = {}
    since = facts.now - timedelta(days=facts.days)
    for found in facts.services.values():
        for point in found["series"]:
            if datetime.fromisoformat(point["start"]) >= since:
                days[point["start"]] = days.get(point["start"], 0) + point["n"]
    return [{"start": start, "n": n} for start, n in sorted(days.items())]


def _line(values: Sequence[float], *, width: int = 120, height: int = 24) -> str:
    """Return the points of a sparkline, from zero, in the units of its own small picture."""
    if not any(values[1:]):
        return ""
    top = max(values)
    step = width / (len(values) - 1)
    spots = [(i * step, height - 1 - value / top * (height - 2)) for i, value in enumerate(values)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)


def _source(facts: Facts) -> dict[str, Any]:
    found = facts.audit
    if not found.get("events"):
        return {"ok": False, "text": tell("Nothing is in the audit log yet.")}
    if not found.get("ok"):
        return {"ok": False, "text": tell("The audit chain is broken. Do not rely on this page.")}
    return {
        "ok": True,
        "text": tell(
            "Source: the records of this workspace · audit chain of {n} events verified {moment}",
            n=figures.count(found.get("events", 0)),
            moment=figures.moment(facts.now.astimezone()),
        ),
    }


def _words(facts: Facts) -> dict[str, str]:
    return {
        "attention": tell("Needs attention"),
        "nothing": tell("Nothing needs you today."),
        "health": tell("Health of every model, week by week"),
        "work": tell("How much did your models work?"),
        "work_note": tell("predictions per day, all models, last {n} days", n=facts.days),
        "models": tell("How right is each model, and have its cases changed?"),
        "idle": tell("No predictions have been made yet."),
        "look": tell("Look"),
        "auto": tell("as the system"),
        "light": tell("light"),
        "dark": tell("dark"),
        "next": tell("next"),
        "empty": tell("Deploy a first model; it will appear here."),
        "empty_next": "%mlops register model --name NAME --train train_df --target TARGET",
    }
