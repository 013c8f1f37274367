"""What was said of a request besides deciding, and what it makes of the request."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_mlops.domain import remarks as rules
from jupyter_mlops.domain.access import Actor, as_person, said_label
from jupyter_mlops.domain.requested import Comment
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import people, proof, standing
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session


def add(
    ws: Workspace,
    act: Deed,
    asked: tables.Request,
    kind: str,
    text: str,
    *,
    decision: int | None = None,
    person: str = "",
) -> None:
    """Write down what somebody says of a request: whoever acts, or a person whose decision comes in."""
    act.session.add(
        tables.Remark(
            request_id=asked.id,
            decision_id=decision,
            kind=kind,
            person=person or acting(ws, act.session).id,
            actor=ws.actor.to_dict(),
            text=text,
            at=ws.now(),
        )
    )
    act.session.flush()


def acting(ws: Workspace, session: Session) -> Actor:
    """Return the person whom whoever acts stands for."""
    return people.stand_for(session, ws.actor)


def changes_by(session: Session, asked: tables.Request) -> list[str]:
    """Return who asks for changes still."""
    said = standing.remarks(session, asked)
    return rules.standing_changes((one.person, one.kind) for one in said)


def state_after(session: Session, asked: tables.Request) -> str:
    """Return the state of a request that waits, by what was said and decided of it."""
    if changes_by(session, asked):
        return "changes asked"
    return "approved" if proof.is_complete(session, asked) else "open"


def told_of(ws: Workspace, session: Session, asked: tables.Request) -> rules.Asked:
    """Return a request as the rules have to know it."""
    gone = standing.withdrawn_decisions(session, asked)
    return rules.Asked(
        request=asked.id,
        ref=json.loads(asked.evidence)["ref"],
        state=proof.state_of(asked, now=ws.now()),
        requester=people.stand_for(session, Actor(asked.requester["id"])).id,
        decisions=[
            rules.Given(found.person, found.outcome, withdrawn=found.id in gone)
            for found in proof.decisions(session, asked)
        ],
        changes_by=changes_by(session, asked),
    )


def yours(
    ws: Workspace, session: Session, asked: tables.Request
) -> list[Literal["settle", "withdraw"]]:
    """Return what whoever looks may take back of a request."""
    if asked.state not in (*rules.WAITING, "carried out"):
        return []
    told = told_of(ws, session, asked)
    found: list[Literal["settle", "withdraw"]] = []
    actor = acting(ws, session)
    if told.state in rules.WAITING and actor.id in told.changes_by:
        found.append("settle")
    with suppress(MlopsError):
        rules.what_to_withdraw(actor, told)
        found.append("withdraw")
    return found


def comments(said: Sequence[tables.Remark]) -> list[Comment]:
    """Return what people said, in the order they did; reminders are nobody's words."""
    return [_comment(one) for one in said if one.kind != "reminder"]


def _comment(said: tables.Remark) -> Comment:
    actor: dict[str, Any] = said.actor
    label = tell(said_label(actor["assurance"]), name=said.person)
    return Comment(
        kind=cast("Any", said.kind),
        by=as_person({**actor, "id": said.person}, label=label),
        text=said.text,
        at=said.at,
    )
