"""What changed since somebody said their last word about a deployment, told to them alone.

A look writes nothing, so nobody's looks are remembered; what people said is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.domain.remarks import WAITING
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import accuracy, differences, lookup, people, registry, standing
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.release.findings import TITLES
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

MOST: Final = 5
"""Names that stand in a sentence."""


@dataclass(frozen=True)
class LastWord:
    """When somebody last spoke of a deployment, and about which version they decided there."""

    at: str
    decided: tables.Request | None


def since_you_looked(ws: Workspace, session: Session, asked: tables.Request) -> list[str]:
    """Return, sentence by sentence, what is new to who asks; of a request that is over, nothing."""
    if asked.state not in WAITING:
        return []
    last = _last_word(ws, session, asked)
    if last is None:
        return []
    if asked.version_id is None:
        return _said(ws, session, asked, last)
    version = session.get_one(tables.Version, asked.version_id)
    return [
        *_said(ws, session, asked, last),
        *_checked_again(session, asked, version),
        *_newer(session, version),
        *_against(session, asked, version, last),
    ]


def _last_word(ws: Workspace, session: Session, asked: tables.Request) -> LastWord | None:
    """Return the last word of who looks, on any request for this deployment."""
    request, decision, remark = tables.Request, tables.Decision, tables.Remark
    me = people.stand_for(session, ws.actor).id
    decided = session.exec(
        sqlmodel.select(request, decision.at)
        .where(decision.request_id == request.id, decision.person == me)
        .where(request.deployment == asked.deployment)
        .order_by(sqlmodel.col(decision.id).desc())
    ).all()
    said = session.exec(
        sqlmodel.select(remark.at)
        .where(remark.request_id == request.id, remark.person == me)
        .where(request.deployment == asked.deployment, remark.kind != "reminder")
        .order_by(sqlmodel.col(remark.id).desc())
    ).first()
    moments = [moment for moment in (decided[0][1] if decided else "", said or "") if moment]
    if not moments:
        return None
    others = [one for one, _ in decided if one.version_id not in (None, asked.version_id)]
    return LastWord(max(moments), others[0] if others else None)


def _said(ws: Workspace, session: Session, asked: tables.Request, last: LastWord) -> list[str]:
    me = people.stand_for(session, ws.actor).id
    new = [
        one
        for one in standing.remarks(session, asked)
        if one.at > last.at and one.person != me and one.kind != "reminder"
    ]
    if not new:
        return []
    others = ", ".join(dict.fromkeys(one.person for one in new))
    return [tell("Said since by {people}: {n}.", people=others, n=len(new))]


def _checked_again(session: Session, asked: tables.Request, version: tables.Version) -> list[str]:
    """Say which release checks come out otherwise now than in the frozen evidence."""
    now = {row.name: row.outcome for row in remembered.newest(session, version)}
    told = []
    for was in json.loads(asked.evidence)["checks"]:
        outcome = now.get(was["check"], was["outcome"])
        if outcome != was["outcome"]:
            told.append(
                tell(
                    "The check “{check}” says {now} by now; in the evidence it says {was}.",
                    check=_title(was["check"]),
                    now=differences.outcome(outcome),
                    was=differences.outcome(was["outcome"]),
                )
            )
    return told


def _newer(session: Session, version: tables.Version) -> list[str]:
    parent = session.get_one(tables.Model, version.model_id)
    newest = lookup.last_number(session, parent)
    if newest <= version.number:
        return []
    ref = f"{parent.name}:{newest}"
    return [tell("A newer version is registered: {ref}.", ref=ref)]


def _against(
    session: Session, asked: tables.Request, version: tables.Version, last: LastWord
) -> list[str]:
    """Say in what the version differs from the one that who looks decided about last."""
    if last.decided is None:
        return []
    before = session.get_one(tables.Version, last.decided.version_id)
    if before.model_id != version.model_id:
        return []
    try:
        first = _told(session, before, last.decided)
        other = _told(session, version, asked)
    except MlopsError:  # the manifest of one is not what was registered
        return []
    frozen = [json.loads(one.evidence)["metrics"] for one in (last.decided, asked)]
    return [
        tell("You last decided about {ref}.", ref=first.ref),
        *_measured(other, frozen),
        *_changed(first, other),
    ]


def _told(session: Session, version: tables.Version, asked: tables.Request) -> differences.Told:
    """Return a version with the checks as they were frozen in a request for it."""
    checked = {one["check"]: one["outcome"] for one in json.loads(asked.evidence)["checks"]}
    return differences.Told(
        lookup.ref_of(session, version),
        registry.read_manifest(version),
        version.lineage,
        version.risk,
        checked,
    )


def _measured(other: differences.Told, frozen: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how the first metric differs, where both have it."""
    name = FIRST_METRIC.get(other.manifest["task"], "")
    was, now = (one.get(name, {}).get("value") for one in frozen)
    if was is None or now is None or was == now:
        return []
    said = {"metric": tell(accuracy.NAMES[name]), "was": f"{was:.3g}", "now": f"{now:.3g}"}
    return [tell("{metric} is {now}, it was {was}.", **said)]


def _changed(first: differences.Told, other: differences.Told) -> list[str]:
    """Say part by part what differs: features, parameters, data, environment, checks, code."""
    parts: dict[str, list[str]] = {}
    for change in differences.changes(first, other):
        parts.setdefault(change["part"], []).append(change["name"])
    words = {
        "features": tell("features"),
        "parameters": tell("parameters"),
        "data": tell("data"),
        "environment": tell("environment"),
        "registration": tell("registration"),
        "release checks": tell("release checks"),
    }
    told = [
        tell("Differs in {part}: {names}.", part=words[part], names=_few(names))
        for part, names in parts.items()
    ]
    code = differences.code(first, other)
    return [*told, *([code["because"]] if code["lines"] else [])]


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST
    shown = ", ".join(names[:MOST])
    return f"{shown} {tell('… and {n} more', n=more)}" if more > 0 else shown


def _title(check: str) -> str:
    return tell(TITLES[check]) if check in TITLES else check
