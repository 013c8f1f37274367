"""What a workspace asks of its disk: that SQLite can rely on it, and that a new file stays."""

from __future__ import annotations

import os
from pathlib import Path

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
