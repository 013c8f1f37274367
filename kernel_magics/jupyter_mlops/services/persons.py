"""Who may decide here, as policies look at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mlops.domain.access import OWNER
from jupyter_mlops.domain.answers import Assurance
from jupyter_mlops.services import people
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True)
class Known:
    """Somebody a workspace knows: which roles they have, and how sure it can be of them at best."""

    person: str
    roles: tuple[str, ...] = ()
    assurance: Assurance = "recorded"


def known(ws: Workspace, session: Session) -> list[Known]:
    """Return the people who may decide here; without an identity provider or keys there is one."""
    listed = people.known(session)
    if listed is None:
        return [Known(ws.actor.id if ws.actor.kind == "person" else OWNER, (), ws.actor.assurance)]
    now = ws.now()
    return [
        Known(one.id, one.roles, "signed" if one.keys else "recorded")
        for one in listed.people
        if one.is_here(now)
    ]


def is_alone(ws: Workspace, session: Session) -> bool:
    """Say whether whoever acts is the only person there is."""
    return ws.actor.id == OWNER and len(known(ws, session)) == 1
