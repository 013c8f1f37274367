"""Which files belong to a workspace, and how they are held still while they are copied.

They are linked beside the workspace at one moment: whoever seals, compacts or removes one afterwards
changes no link. Segments that are still being written grow, and are copied up to their last whole frame.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from sqlmodel import Session

_STEM: Final = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
_DAY: Final = r"\d{4}-\d\d-\d\d"
_KEPT: Final = {
    "artifacts": r"sha256/[0-9a-f]{2}/[0-9a-f]{64}",
    "predictions": rf"deployment={_STEM}/day={_DAY}/{_STEM}\.parquet",
    "requests": rf"deployment={_STEM}/day={_DAY}/{_STEM}\.parquet",
    "actuals": rf"deployment={_STEM}/\.?{_STEM}\.parquet",
    "spool": rf"{_STEM}/{_STEM}\.log",
    "access": rf"{_DAY}\.jsonl",
}
"""Folders of a workspace, and what the files are called that belong to it."""
_NAME: Final = re.compile("|".join(f"{root}/{name}" for root, name in _KEPT.items()), re.ASCII)
_PAGE: Final = 1 << 20
_PREFIX: Final = ".backup-"
_A_DAY: Final = 86_400.0
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})


@dataclass(frozen=True)
class Held:
    """A file as it was at one moment: its name in the workspace, and its link."""

    name: str
    path: Path
    size: int


def belongs(name: str) -> bool:
    """Say whether a file of this name belongs to a workspace."""
    return bool(_NAME.fullmatch(name))


def names(folder: Path) -> Iterator[str]:
    """Return the names of all files that belong to a workspace, in their order."""
    for root in _KEPT:
        for place, folders, files in os.walk(folder / root):
            folders.sort()
            for file in sorted(files):
                name = (Path(place) / file).relative_to(folder).as_posix()
                if belongs(name) and not (folder / name).is_symlink():
                    yield name


@contextmanager
def moment(ws: Workspace) -> Iterator[tuple[Session, list[Held]]]:
    """Hold one moment of a workspace: what the store said, and the files there were.

    Nobody writes to the store while the files are linked; predictions are answered all the time.
    """
    from sqlalchemy import text

    from jupyter_mlops.store.engine import writing

    _forget_old(ws.home.folder)
    beside = Path(tempfile.mkdtemp(dir=ws.home.folder, prefix=_PREFIX))
    try:
        with ExitStack() as stack:
            with writing(ws.engine, ws.home):
                session = stack.enter_context(ws.look())
                session.execute(
                    text("SELECT count(*) FROM setting")
                )  # from here on it is one moment
                held = [_held(ws.home.folder, beside, name) for name in names(ws.home.folder)]
            yield session, [file for file in held if file]
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def pieces(file: Held) -> Iterator[bytes]:
    """Return the bytes of a file up to what is whole of it."""
    left = _whole(file)
    with file.path.open("rb") as opened:
        while left and (page := opened.read(min(_PAGE, left))):
            left -= len(page)
            yield page


def _whole(file: Held) -> int:
    """Return how much of a file is whole: frames of a segment, lines of an access log."""
    from jupyter_mlops.store.segments import whole_frames

    if file.name.startswith("spool/"):
        return whole_frames(file.path)
    if not file.name.startswith("access/"):
        return file.size
    with file.path.open("rb") as opened:
        opened.seek(max(file.size - _PAGE, 0))
        tail = opened.read(min(file.size, _PAGE))
    return file.size - (len(tail) - (tail.rfind(b"\n") + 1))


def _held(folder: Path, beside: Path, name: str) -> Held | None:
    """Link a file, or copy it where there are no links; one that was sealed just now is its Parquet."""
    link = beside / name
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(folder / name, link)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(folder / name, link)
    return Held(name, link, link.stat().st_size)


def _forget_old(folder: Path) -> None:
    """Remove what a backup left behind that was killed."""
    for place in folder.glob(f"{_PREFIX}*"):
        if time.time() - place.stat().st_mtime > _A_DAY:
            shutil.rmtree(place, ignore_errors=True)
