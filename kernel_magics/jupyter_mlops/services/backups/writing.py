"""Writing a whole workspace into one file: one moment of it, that says what it is."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import backups
from jupyter_mlops.domain.arguments import NewFile, deed
from jupyter_mlops.domain.backups import Backup
from jupyter_mlops.errors import Conflict, Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services import checkpoints
from jupyter_mlops.services.backups import files
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables
from jupyter_mlops.store.disk import sync_folder

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.formats.archive import Writer


@deed(here=True)
def backup(ws: Workspace, *, to: NewFile) -> Backup:
    """Write the whole workspace into one file: store, models, prediction log, actuals, audit log.

    It is one moment of the workspace, while everybody goes on working, and any tar program reads it.
    Secrets stay where they are: the server's token and the webhook are left out. The file
    replaces none, and is there whole or not at all. `restore FILE --to WHERE` makes a workspace of it;
    `restore FILE --drill` tries that and says how long it takes.
    """
    began = time.monotonic()
    target = _target(ws, to)
    handle, name = _beside(ws, target)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, files.moment(ws) as (session, held):
            told, digest = _written(ws, session, held, file)
            file.flush()
            os.fsync(file.fileno())
        return _remembered(ws, beside, target, told, digest, time.monotonic() - began)
    except OSError as error:
        with ws.act("workspace:backup", subject="workspace"):
            raise _not_writable(to, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _remembered(
    ws: Workspace, beside: Path, target: Path, told: dict[str, Any], digest: str, seconds: float
) -> Backup:
    """Put the file in its place, with the event that says so, or neither."""
    answer = Backup(
        written=str(target),
        digest=digest,
        bytes=beside.stat().st_size,
        tables=len(told["tables"]),
        rows=sum(table["rows"] for table in told["tables"]),
        files=len(told["files"]),
        events=told["events"],
        head=told["head"],
        ok=told["first_bad"] is None,
        seconds=round(seconds, 2),
        left_out=told["left_out"],
        differing=told["differing"],
    )
    try:
        with ws.act("workspace:backup", subject="workspace") as act:
            act.outcome = "written"
            counted = ("digest", "bytes", "rows", "files", "events", "head")
            act.after = {"to": target.name, **{name: dict(answer)[name] for name in counted}}
            _place(beside, target)
    except BaseException:
        if target.exists() and beside.exists() and target.samefile(beside):
            target.unlink()
        raise
    return answer


def _written(
    ws: Workspace, session: Session, held: list[files.Held], file: IO[bytes]
) -> tuple[dict[str, Any], str]:
    """Write every part, then the manifest; return it with its digest."""
    from jupyter_mlops.formats.archive import Writer

    archive = Writer(file)
    ws.progress(tell("the store"), 0.0)
    verdict = checkpoints.walk(checkpoints.links(session))
    told: dict[str, Any] = {
        "form": backups.FORM,
        "product": f"jupyter-mlops {metadata.version('jupyter-mlops')}",
        "revision": _revision(session),
        "database": "sqlite" if ws.home.is_sqlite else "postgresql",
        "workspace": session.get_one(tables.Setting, "id").value,
        "at": ws.now(),
        "events": verdict.events,
        "head": verdict.head,
        "first_bad": verdict.first_bad,
        "left_out": list(backups.LEFT_OUT),
        "tables": list(_tables(session, archive)),
        "files": list(_files(ws, archive, held)),
    }
    told["differing"] = _differing(session, told["files"])
    ws.progress(tell("written"), 1.0)
    return told, archive.end(told)


def _tables(session: Session, archive: Writer) -> Iterator[dict[str, Any]]:
    from jupyter_mlops.store import dumping

    for table in dumping.known():
        names = [column.name for column in dumping.columns(table)]
        counted = _Counted(dumping.lines(session.connection(), table, names))
        told = archive.add(f"store/{table.name}.jsonl", counted)
        yield {
            "name": table.name, "columns": names, "rows": counted.n, "digest": told["digest"],
        }  # fmt: skip


def _files(ws: Workspace, archive: Writer, held: list[files.Held]) -> Iterator[dict[str, Any]]:
    whole, done = sum(file.size for file in held) or 1, 0
    for file in held:
        ws.progress(tell("the files"), min(done / whole, 0.99))
        yield archive.add(file.name, files.pieces(file))
        done += file.size


def _differing(session: Session, told: list[dict[str, Any]]) -> list[str]:
    """Return the files that are not what the store says of them, or are gone; they are kept as they are."""
    digests = {file["name"]: file["digest"] for file in told}
    wrong = [
        name
        for name, digest in digests.items()
        if name.startswith("artifacts/") and not digest.endswith(name.rpartition("/")[2])
    ]
    segment = tables.Segment
    for path, rows, digest in session.exec(
        sqlmodel.select(segment.path, segment.rows, segment.digest).order_by(segment.path)
    ):
        name = f"{'predictions' if rows else 'requests'}/{path}"
        if digests.get(name) != digest:
            wrong.append(name)
    return wrong


def _revision(session: Session) -> str:
    from sqlalchemy import text

    return str(session.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


class _Counted:
    """Goes through pieces and knows how many there were."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.n = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.n += 1
            yield piece


def _target(ws: Workspace, to: str) -> Path:
    """Return the file that is meant, which is not there yet; a refusal is remembered.

    Raises:
        Conflict: it is there.
        Invalid: there can be no such file.
    """
    with ws.act("workspace:backup", subject="workspace") as act:
        act.nothing()
        try:
            path = Path(to).expanduser().absolute()
            if path.is_dir() or to.endswith(("/", os.sep)):
                path /= f"jupyter-mlops-{ws.now()[:19].replace(':', '')}.tar"
            there = os.path.lexists(path)
        except (OSError, ValueError, RuntimeError) as error:
            raise _not_writable(to, error) from error
        if there:
            raise Conflict(
                "{path} is there already, and a backup replaces nothing.",
                "name a file that is not there yet, or a folder.",
                code="file_exists",
                path=path,
            )
    return path


def _beside(ws: Workspace, target: Path) -> tuple[int, str]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    except (OSError, ValueError) as error:
        with ws.act("workspace:backup", subject="workspace"):
            raise _not_writable(str(target), error) from error


def _place(beside: Path, target: Path) -> None:
    """Give the finished file its name; where somebody else took it meanwhile, theirs stays.

    Raises:
        Conflict: the name is taken.
    """
    try:
        os.link(beside, target)
    except FileExistsError:
        raise Conflict(
            "{path} is there already, and a backup replaces nothing.",
            "name a file that is not there yet, or a folder.",
            code="file_exists",
            path=target,
        ) from None
    except OSError:  # a disk that knows no links
        beside.rename(target)
    sync_folder(target.parent)


def _not_writable(to: str, error: Exception) -> Invalid:
    return Invalid(
        "The backup cannot be written to {to}: {reason}.",
        "name a file in a folder that is yours, on a disk with room: --to /backups/monday.tar",
        code="backup_not_writable",
        to=to,
        reason=getattr(error, "strerror", "") or error,
    )
