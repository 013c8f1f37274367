"""The prediction log while it is being written: frames in a zero-filled file, one sync per group.

A frame is ``magic, length, crc32, head length`` followed by its head (JSON) and the raw body of the
request. The file is filled with zeros beforehand, so that a sync writes data only; the first frame
that does not add up is the torn tail of a crash, and nothing after it was ever acknowledged.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.errors import Unavailable

MAGIC: Final = b"JML1"
SIZE: Final = 8 << 20
SUFFIX: Final = ".log"
_HEADER: Final = struct.Struct("<4sIII")
_ZEROS: Final = bytes(1 << 20)


@dataclass(frozen=True)
class Frame:
    """One request as it was logged: what was answered, and the rows it was answered for."""

    head: dict[str, Any]
    body: bytes


class Log:
    """Appends frames to the segment of one deployment; the only writer of its file.

    ``append`` copies into the file, ``commit`` makes everything appended so far durable. After an
    error of the disk the log is broken and says so at every further call: what may or may not have
    reached the disk is not acknowledged.
    """

    def __init__(self, folder: Path, *, size: int = SIZE) -> None:
        self._folder = folder
        self._size = size
        self._broken = ""
        self._handle = -1
        self._at = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open(size)

    @property
    def segment(self) -> str:
        """Return the name of the segment that is being written."""
        return self._path.stem

    @property
    def is_broken(self) -> bool:
        """Say whether the disk has failed under this log."""
        return bool(self._broken)

    def append(self, head: bytes, body: bytes) -> None:
        """Write one frame; it is on disk after the next :meth:`commit`.

        Raises:
            Unavailable: the disk is full or failing.
        """
        data = b"".join((head, body))
        frame = _HEADER.pack(MAGIC, len(data), zlib.crc32(data), len(head)) + data
        if self._broken:
            raise self._failed(self._broken)
        try:
            if self._at + len(frame) > self._capacity:
                self._roll(len(frame))
            written = os.pwrite(self._handle, frame, self._at)
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from None
        if written < len(frame):
            raise self._failed(os.strerror(errno.ENOSPC))
        self._at += len(frame)

    def commit(self) -> None:
        """Make every appended frame durable: one sync, however many there are.

        Raises:
            Unavailable: the disk did not take it.
        """
        if self._broken:
            raise self._failed(self._broken)
        try:
            os.fdatasync(self._handle)
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from None

    def roll(self) -> None:
        """End this segment, so that it can be sealed, and begin another."""
        if self._at:
            self._roll(0)

    def close(self) -> None:
        """End this segment; an empty one leaves no file."""
        if self._handle >= 0:
            if not self._at:
                self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1

    def _roll(self, needed: int) -> None:
        os.fdatasync(self._handle)
        self.close()
        self._open(max(self._size, needed))

    def _open(self, size: int) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        self._path = self._folder / f"{stamp}-{secrets.token_hex(4)}{SUFFIX}"
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            for start in range(0, size, len(_ZEROS)):
                os.pwrite(self._handle, _ZEROS[: min(len(_ZEROS), size - start)], start)
            os.fsync(self._handle)
            _sync_folder(self._folder)
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from None
        self._at, self._capacity = 0, size

    def _failed(self, why: str) -> Unavailable:
        self._broken = why
        return Unavailable(
            "The prediction log cannot be written: {why}.",
            "nothing is answered that is not on disk; make room, then restart the server.",
            code="log_unavailable",
            why=why,
        )


def frames(path: Path) -> Iterator[Frame]:
    """Read the frames of a segment up to its end or its torn tail.

    Raises:
        FileNotFoundError: the segment was sealed in the meantime.
    """
    data = path.read_bytes()
    at = 0
    while at + _HEADER.size <= len(data):
        magic, length, crc, split = _HEADER.unpack_from(data, at)
        start = at + _HEADER.size
        content = data[start : start + length]
        if magic != MAGIC or len(content) != length or zlib.crc32(content) != crc:
            return
        yield Frame(json.loads(content[:split]), content[split:])
        at = start + length


def is_abandoned(path: Path) -> bool:
    """Say whether nobody writes this segment any more: its writer's lock is gone."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
