"""How sure this place can be of who decides, and what the prediction server goes by."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mlops.domain.answers import Assurance, Diagnosis, Status
from jupyter_mlops.domain.keys import TOUCHED
from jupyter_mlops.domain.people import People
from jupyter_mlops.errors import MlopsError, told
from jupyter_mlops.locale import tell, translate
from jupyter_mlops.services import people, pinned
from jupyter_mlops.services.workspace import Workspace


def most(ws: Workspace) -> Assurance:
    """Return the most that this workspace can honestly say of a decision."""
    with ws.look() as session:
        return _most(ws, people.known(session))


def diagnosed(ws: Workspace) -> Iterator[Diagnosis]:
    """Say whom this workspace knows, and what its prediction server has pinned of that."""
    with ws.look() as session:
        known = people.known(session)
    said = tell(
        "This workspace knows one person; the most it can honestly say of a decision is"
        " '{assurance}'.",
        assurance=_most(ws, known),
    )
    if known is not None:
        said = tell(
            "This workspace knows {n} people, {keys} with a key; a decision can be '{assurance}'.",
            n=len(known.people),
            keys=sum(bool(one.keys) for one in known.people),
            assurance=_most(ws, known),
        )
    yield Diagnosis(subject=tell("assurance"), status="passing", because=said, hint="")
    if ws.home.pinned_file.exists():
        yield _pinned(ws)


def _pinned(ws: Workspace) -> Diagnosis:
    try:
        pin = pinned.told(ws.home.pinned_file)
    except MlopsError as error:
        return _copy("failing", told(error, translate))
    if pin is None or not pin.held:
        n = len(pin.people.people) if pin and pin.people else 0
        said = tell("The server goes by its own copy of who decides: it knows {n} people.", n=n)
        return _copy("passing", said)
    said = tell("The server's own copy does not accept {held}.", held="; ".join(pin.held))
    return _copy("warning", said)


def _copy(status: Status, because: str) -> Diagnosis:
    hint = "%mlops policy people" if status == "warning" else ""
    return Diagnosis(subject=tell("pinned copy"), status=status, because=because, hint=hint)


def _most(ws: Workspace, known: People | None) -> Assurance:
    keys = [key for one in known.people for key in one.keys] if known else []
    if any(key.startswith(TOUCHED) for key in keys):
        return "present"
    return "signed" if keys else ws.actor.assurance
