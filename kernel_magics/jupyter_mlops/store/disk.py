"""What a workspace asks of its disk: SQLite can rely on it, a new file stays, a write is whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.errors import Invalid

_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "fuse",
    "9p",
    "afs",
    "ceph",
    "gluster",
    "lustre",
    "beegfs",
    "gpfs",
)
MOUNTS = Path("/proc/self/mountinfo")
_MOST_PARTS: Final = 1024
"""IOV_MAX of Linux and macOS: one more, and the system takes none of them."""


def check_local(folder: Path, *, mounts: Path | None = None) -> None:
    """Refuse a folder on a network disk, where SQLite's write-ahead log loses data.

    Raises:
        Invalid: the folder is on NFS, SMB, FUSE or another network file system.
    """
    kind = _file_system(folder.absolute(), mounts or MOUNTS)
    if not kind.startswith(_NETWORK):
        return
    raise Invalid(
        "{folder} is on a network disk ({kind}), where a SQLite store would lose data.",
        "set JUPYTER_MLOPS_WORKSPACE to a local folder, or to a postgresql+psycopg:// address.",
        code="workspace_on_network_disk",
        folder=folder,
        kind=kind,
    )


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone; it and those above it that were missing survive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Wait until files made or renamed in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(handle: int, parts: Sequence[Any], at: int) -> None:
    """Write parts behind one another, however many they are and however little is taken at once.

    Raises:
        OSError: the disk did not take all of it.
    """
    for first in range(0, len(parts), _MOST_PARTS):
        some = parts[first : first + _MOST_PARTS]
        needed = sum(map(len, some))
        written = os.pwritev(handle, some, at)
        if written < needed:  # a disk that is nearly full, or more than the 2 GB of one call
            rest = memoryview(b"".join(some))
            while written < needed:
                written += os.pwrite(handle, rest[written:], at + written)
        at += needed


def _file_system(folder: Path, mounts: Path) -> str:
    """Return the type of the file system that holds the folder; empty where it cannot be told."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        point = Path(fields[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[fields.index("-") + 1]
    return kind
