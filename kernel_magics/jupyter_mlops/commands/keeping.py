"""The words that are said even where the workspace cannot be opened: out of a backup, and what is wrong."""

from __future__ import annotations

from jupyter_mlops.commands.local import Local
from jupyter_mlops.commands.session import Session
from jupyter_mlops.domain.access import the_one_person
from jupyter_mlops.domain.answers import Doctor
from jupyter_mlops.domain.arguments import deed, read
from jupyter_mlops.domain.backups import Restored
from jupyter_mlops.errors import MlopsError, UsageError


@deed(here=True)
def restore(
    session: Session, archive: str, *, to: str = "", drill: bool = False, digest: str = ""
) -> Restored:
    """Make a workspace of a backup, in an empty folder or PostgreSQL database, and prove it.

    Counts, digests, the audit log and the roots of the prediction log's segments are verified before it
    is said to be done; what goes wrong leaves nothing. A backup of SQLite becomes a PostgreSQL store and
    the other way round: `to` is a folder or `postgresql+psycopg://…`. `--drill` does it in a temporary
    place, tells times and counts, and removes it. `digest` is what `backup` told: another archive is
    refused. The audit log goes on with an event that says it was restored.
    """
    if drill == bool(to):
        raise UsageError(
            "A restore needs a place, a drill has none.",
            "restore {archive} --to FOLDER, or restore {archive} --drill.",
            code="argument_missing",
            archive=archive,
        )
    from jupyter_mlops.services.backups import restoring

    actor, progress = the_one_person(session.claims), session.here.progress
    if not drill:
        return restoring.restore(archive, to=to, digest=digest, actor=actor, progress=progress)
    try:
        door = _near(session, "restore --drill")
    except UsageError:
        raise
    except MlopsError:  # a workspace that is damaged still wants to know what its backups are worth
        return restoring.drill(archive, digest=digest, actor=actor, progress=progress)
    return restoring.drilled(door.ws, archive, digest=digest)


@read(here=True)
def doctor(session: Session) -> Doctor:
    """Look at store, disk, backups, audit log, prediction server and Jupyter, and say what is wrong.

    It also says what is wrong with a workspace that cannot be opened, and the highest assurance that
    this installation can honestly give to a decision.
    """
    from jupyter_mlops.services import doctor as looking

    try:
        door = _near(session, "doctor")
    except UsageError:
        raise
    except MlopsError as error:
        return looking.of_closed(session.place, error)
    return looking.examined(door.ws)


def _near(session: Session, verb: str) -> Local:
    """Return the door of a workspace on this machine.

    Raises:
        UsageError: the one that is open is elsewhere.
    """
    if isinstance(session.door, Local):
        return session.door
    from jupyter_mlops.commands.remote import said_elsewhere

    raise said_elsewhere(verb)
