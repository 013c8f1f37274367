"""A disk on which the power may be cut at any moment, and what is on it afterwards."""

from __future__ import annotations

import os
import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path

PAGE = 4096


class Disk:
    """Remembers what is durable below a folder: contents by their last sync, names by that of their folder.

    It takes the place of ``os.fsync`` and ``os.fdatasync`` of this process. After a cut there is the
    worst that a file system may leave: a name that was made and not synced is not there, one that was
    removed is gone at once, and of each page that was written and not synced chance decides.
    ``deaf_to`` leaves out what a kind of sync ("file" or "folder") would have kept.
    """

    def __init__(self, folder: Path, patch, *, deaf_to: str = "") -> None:
        folder.mkdir()
        self.folder = folder
        self.before_each_sync: Callable[[], None] = lambda: None
        self._deaf_to = deaf_to
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._kept: list[int] = []
        self._chance = random.Random(1)
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, self._sync)

    def cut(self, place: Path) -> Path:
        """Lay down in another place what is there after the power was cut now; return that place."""
        self._lay(self.folder, place)
        return place

    def close(self) -> None:
        """Let go of what was synced."""
        for handle in self._kept:
            os.close(handle)

    def _sync(self, handle: int) -> None:
        if threading.current_thread() is threading.main_thread():
            self.before_each_sync()
        told = os.fstat(handle)
        opened = Path(f"/proc/self/fd/{handle}")
        if stat.S_ISDIR(told.st_mode):
            if self._deaf_to != "folder":
                names = os.scandir(opened.readlink())
                self._names[told.st_ino] = {entry.name: entry.inode() for entry in names}
        elif self._deaf_to != "file":
            if told.st_ino not in self._contents:  # while it is open, nothing else gets its number
                self._kept.append(os.open(opened, os.O_RDONLY))
            self._contents[told.st_ino] = opened.read_bytes()

    def _lay(self, folder: Path, place: Path) -> None:
        place.mkdir()
        for name, number in self._names.get(folder.stat().st_ino, {}).items():
            path = folder / name
            if path.is_dir():
                self._lay(path, place / name)
            elif path.exists():
                (place / name).write_bytes(self._left_of(number, path))

    def _left_of(self, number: int, path: Path) -> bytes:
        """Return the synced content of a file, with pages of what was written since by chance."""
        synced = self._contents.get(number, b"")
        if path.stat().st_ino != number:  # another one has taken its name since
            return synced
        now = path.read_bytes()
        return b"".join(
            self._chance.choice((synced, now))[at : at + PAGE] or bytes(PAGE)
            for at in range(0, max(len(synced), len(now)), PAGE)
        )
