"""Who decided what, under which policy, and what proves that none of it was changed afterwards."""

from __future__ import annotations

from typing import Final

from jupyter_mlops.domain.answers import Comment, Decision
from jupyter_mlops.locale import tell
from jupyter_mlops.papers.blocks.of_version import facts
from jupyter_mlops.papers.blocks.writing import NONE, moment, person, short
from jupyter_mlops.papers.known import Known
from jupyter_mlops.papers.paper import Block, Paragraph, Table

MOST_EVENTS: Final = 15


def decisions(known: Known) -> list[Block]:
    """List every request for the version, who decided, and what each decision is worth."""
    if not known.requests:
        return [
            Paragraph(tell("Nobody has asked that the version may serve a deployment."), "note")
        ]
    rows = []
    for asked in known.requests:
        what = tell("request {id} for {name}", id=asked["id"], name=asked["deployment"])
        by = person(asked["requested_by"])
        rows.append(
            (
                what,
                _state(asked["state"]),
                by,
                moment(asked["requested_at"]),
                short(asked["reason"]) or NONE,
            )
        )
        rows += [
            (
                tell("decision on request {id}", id=asked["id"]),
                _outcome(given),
                person(given["by"]),
                moment(given["at"]),
                short(given["comment"]) or NONE,
            )
            for given in asked["decisions"]
        ]
        rows += [_comment(asked["id"], said) for said in asked["comments"]]
    head = (tell("step"), tell("outcome"), tell("who"), tell("when"), tell("reason or comment"))
    return [Table("decisions", head, rows), Paragraph(_honest(), "note")]


def _outcome(given: Decision) -> str:
    words = {
        "approved": tell("approved"),
        "rejected": tell("rejected"),
        "break-glass": tell("carried out alone (break-glass)"),
    }
    said = words[given["outcome"]]
    if not given["withdrawn_at"]:
        return said
    return f"{said} ({tell('withdrawn at {at}', at=moment(given['withdrawn_at']))})"


def _comment(request: int, said: Comment) -> tuple[str, str, str, str, str]:
    words = {
        "comment": tell("said"),
        "changes": tell("asked for changes"),
        "settled": tell("asked for changes no more"),
        "withdrawal": tell("withdrew"),
    }
    what = tell("comment on request {id}", id=request)
    text = short(said["text"]) or NONE
    return (what, words[said["kind"]], person(said["by"]), moment(said["at"]), text)


def policy(known: Known) -> list[Block]:
    """Tell who must decide about a version of this risk."""
    version = known.version
    rows = [(tell("risk class"), str(version["risk"]))]
    if known.requests:
        asked = known.requests[0]
        rows += [(tell("needs"), asked["needs"]), (tell("policy (digest)"), asked["policy"])]
    return [facts("policy", rows)]


def audit(known: Known) -> list[Block]:
    """Tell whether the audit log is whole, and list the newest events about the subject."""
    newest = known.events[0] if known.events else None
    whole = tell("whole: every event follows from the one before")
    rows = [
        (tell("audit log"), whole if known.audit.get("ok") else known.audit.get("because", NONE)),
        (tell("events about this subject"), f"{len(known.events):,}"),
        (tell("newest event"), f"{newest['seq']} · {newest['digest']}" if newest else NONE),
        (tell("manifest of the version"), known.version["digest"]),
        (tell("anchors outside of this store"), f"{len(known.audit.get('anchors') or []):,}"),
    ]
    note = tell(
        "A chain alone shows edits, deletions and changes of order; a cut tail or a rewrite of"
        " everything shows only against an anchor kept elsewhere."
    )
    blocks: list[Block] = [facts("audit", rows), Paragraph(note, "note")]
    events = [
        (
            str(event["seq"]),
            moment(event["at"]),
            event["action"],
            event["subject"],
            person(event["actor"]),
        )
        for event in known.events[:MOST_EVENTS]
    ]
    if events:
        head = (tell("number"), tell("when"), tell("what"), tell("subject"), tell("who"))
        title = tell("The newest events")
        blocks.append(Table("audit events", head, events, right=(0,), title=title))
    return blocks


def _honest() -> str:
    return tell(
        "Self-recorded means: the person of this workspace said so in a notebook or terminal. It is"
        " no independent approval; one that is signed in or signed with a key is."
    )


def _state(name: str) -> str:
    words = {
        "open": tell("open"),
        "approved": tell("approved"),
        "rejected": tell("rejected"),
        "expired": tell("expired"),
        "carried out": tell("carried out"),
        "changes asked": tell("changes asked"),
        "superseded": tell("superseded"),
        "withdrawn": tell("withdrawn"),
        "void": tell("void"),
    }
    return words.get(name, name)
