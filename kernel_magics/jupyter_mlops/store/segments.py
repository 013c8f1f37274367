"""The prediction log while it is being written: checksummed frames, one sync per group.

A frame is ``magic, kind, crc32, length`` and its content, padded to eight bytes. The requests of a
group lie together in one frame, each the lengths of its head and body and the two as they are: to make
Arrow of JSON that is parsed only when it is sealed cost more than all the rest of the write. Tables
that come as Arrow are kept as they come, behind their schema, as Arrow IPC messages. The file is filled with
zeros beforehand, so that a sync writes data only; the first frame that does not add up is the torn
tail of a crash, and nothing after it was ever acknowledged.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import pyarrow as pa

from jupyter_mlops.errors import Unavailable
from jupyter_mlops.store.disk import make_folder, sync_folder, write_whole

MAGIC: Final = b"JML2"
SIZE: Final = 8 << 20
BULK: Final = 32 << 20
SUFFIX: Final = ".log"
AGAIN_SECONDS: Final = 1.0
"""How long a log that the disk failed under waits before it tries the disk again."""
RAW: Final = pa.schema({"head": pa.binary(), "body": pa.binary()})
_HEADER: Final = struct.Struct("<4sIIQ4x")
_BATCH, _SCHEMA, _TABLE, _REQUESTS = 1, 2, 3, 4
"""Kinds of frames; in a batch, older releases kept requests as Arrow, of the schema ``RAW``."""
_LENGTHS: Final = struct.Struct("<II")
_ZEROS: Final = bytes(1 << 20)
_OLD_HEADER: Final = struct.Struct("<4sIII")
_OLD_MAGIC: Final = b"JML1"

Part: TypeAlias = "bytes | pa.Buffer"


@dataclass(frozen=True)
class Frame:
    """One request as it was logged: what was answered, and the rows it was answered for."""

    head: dict[str, Any]
    body: bytes


class Log:
    """Appends to the segment of one deployment; the only writer of its file.

    ``append`` and ``append_table`` gather, ``commit`` writes what was gathered and makes it durable.
    After an error of the disk nothing that was gathered is acknowledged and the segment is left
    behind; a new one is tried a second later, since room may have been made.
    """

    def __init__(self, folder: Path, *, size: int = SIZE) -> None:
        self._folder = folder
        self._size = size
        self._handle = -1
        self._at = self._capacity = 0
        self._path = folder
        self._requests: list[bytes] = []
        self._parts: list[Part] = []
        self._why = ""
        self._again = 0.0
        self._spare: _Spare | None = None
        try:
            self._begin(_made(folder, size))
        except OSError as error:
            self._failed(error)

    @property
    def segment(self) -> str:
        """Return the name of the segment that is being written."""
        return self._path.stem

    @property
    def is_broken(self) -> bool:
        """Say whether the disk has failed under this log, and has not taken another segment since."""
        return bool(self._why)

    def mend(self) -> None:
        """Try the disk again where it has failed, if the last time is long enough ago."""
        if self._why:
            with contextlib.suppress(Unavailable):
                self._mend()

    def append(self, head: bytes, body: bytes) -> None:
        """Gather one request; it is on disk after the next :meth:`commit`.

        Raises:
            Unavailable: the disk is full or failing.
        """
        if self._why:
            self._mend()
        self._requests += (_LENGTHS.pack(len(head), len(body)), head, body)

    def append_table(self, batch: pa.RecordBatch) -> None:
        """Gather predictions that come as Arrow; they are on disk after the next :meth:`commit`."""
        if self._why:
            self._mend()
        self._gather_requests()
        self._parts += _frame(_SCHEMA, batch.schema.serialize())
        self._parts += _frame(_TABLE, batch.serialize())

    def commit(self) -> None:
        """Make everything gathered durable with one sync, however much it is.

        Raises:
            Unavailable: the disk did not take it.
        """
        if self._why:
            self._mend()
        try:
            self._gather_requests()
            parts, self._parts = self._parts, []
            self._write(parts)
            os.fdatasync(self._handle)
        except (OSError, MemoryError, ValueError, struct.error) as error:
            raise self._failed(error) from None

    def make_ready(self) -> None:
        """Have the next segment made beside, so that the turn to it takes no time."""
        if self._spare is None:
            self._spare = _Spare(self._folder, self._size)

    def roll(self) -> None:
        """End this segment, so that it can be sealed, and begin another.

        Raises:
            Unavailable: the disk is full or failing.
        """
        if self._at:
            self.commit()
            try:
                self._next(0)
            except OSError as error:
                raise self._failed(error) from None

    def close(self) -> None:
        """End this segment; an empty one leaves no file."""
        if self._spare is not None:
            self._spare.discard()
            self._spare = None
        if self._handle >= 0:
            if not self._at:
                self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1

    def _gather_requests(self) -> None:
        if self._requests:
            self._parts += _frame(_REQUESTS, b"".join(self._requests))
            self._requests = []

    def _write(self, parts: list[Part]) -> None:
        needed = sum(map(len, parts))
        if self._at + needed > self._capacity:
            self._next(needed)
        write_whole(self._handle, parts, self._at)
        self._at += needed
        if 2 * self._at > self._capacity and self._capacity == self._size:
            self.make_ready()

    def _next(self, needed: int) -> None:
        """Go on in a new segment: the one that was made ready beside, or one made now."""
        if self._handle >= 0:
            os.fdatasync(self._handle)
            os.close(self._handle)
            self._handle = -1
        spare, self._spare = self._spare, None
        is_bulky = needed > self._size // 4
        ready = spare.taken() if spare is not None and not is_bulky else None
        if spare is not None and ready is None:
            spare.discard()
        self._begin(ready or _made(self._folder, self._size if not is_bulky else 0, needed))

    def _begin(self, made: _Made) -> None:
        self._path, self._handle, self._capacity = made.path, made.handle, made.size
        self._at = 0

    def _mend(self) -> None:
        """Begin a new segment after the disk has failed, but not more often than once a second.

        Raises:
            Unavailable: it is too early, or the disk still fails.
        """
        if time.monotonic() < self._again:
            raise self._unavailable()
        try:
            self._begin(_made(self._folder, self._size))
        except OSError as error:
            raise self._failed(error) from None
        self._why = ""

    def _failed(self, error: Exception) -> Unavailable:
        """Leave the segment behind: what the disk has of the last group nobody knows."""
        self._why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self._again = time.monotonic() + AGAIN_SECONDS
        self._requests, self._parts = [], []
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        return self._unavailable()

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            "The prediction log cannot be written: {why}.",
            "nothing is answered that is not on disk; make room, and it goes on by itself.",
            code="log_unavailable",
            why=self._why,
        )


@dataclass(frozen=True)
class _Made:
    """A segment that exists on disk, empty and locked by us."""

    path: Path
    handle: int
    size: int


class _Spare:
    """The segment after this one, made ready by a thread while this one fills."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = size
        self._made: _Made | None = None
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def taken(self) -> _Made | None:
        """Return the segment; None where the disk did not give one."""
        self._thread.join()
        return self._made

    def discard(self) -> None:
        """Remove the segment that nobody needs."""
        made = self.taken()
        if made is not None:
            made.path.unlink(missing_ok=True)
            os.close(made.handle)

    def _make(self) -> None:
        try:
            self._made = _made(self._folder, self._size)
        except OSError:
            self._made = None  # whoever needs it will try again, and say why it cannot be


def _made(folder: Path, size: int, needed: int = 0) -> _Made:
    """Make a segment and lock it; ``size`` zeros are written, or none where much comes at once."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    make_folder(folder)
    path = folder / f"{stamp}-{secrets.token_hex(4)}{SUFFIX}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for start in range(0, size, len(_ZEROS)):
            os.pwrite(handle, _ZEROS[: min(len(_ZEROS), size - start)], start)
        os.fsync(handle)
        sync_folder(folder)
    except OSError:
        path.unlink(missing_ok=True)
        os.close(handle)
        raise
    return _Made(path, handle, size or max(BULK, needed + 4096))


def _frame(kind: int, message: Part) -> tuple[Part, Part, Part]:
    header = _HEADER.pack(MAGIC, kind, zlib.crc32(message), len(message))
    return header, message, bytes(-len(message) % 8)


def frames(path: Path) -> Iterator[Frame | pa.RecordBatch]:
    """Read what a segment holds, up to its end or its torn tail: requests, and tables of predictions.

    Raises:
        FileNotFoundError: the segment was sealed in the meantime.
    """
    with path.open("rb") as file, pa.memory_map(str(path)) as mapped:
        data = mapped.read_buffer() if os.fstat(file.fileno()).st_size else pa.py_buffer(b"")
    if data[: len(_OLD_MAGIC)].to_pybytes() == _OLD_MAGIC:
        yield from _old_frames(memoryview(data))
        return
    schema: pa.Schema | None = None
    for kind, message in _messages(data):
        if kind == _SCHEMA:
            schema = pa.ipc.read_schema(message)
        elif kind == _TABLE and schema is not None:
            yield pa.ipc.read_record_batch(message, schema)
        elif kind == _REQUESTS:
            yield from _requests(memoryview(message))
        elif kind == _BATCH:
            batch = pa.ipc.read_record_batch(message, RAW)
            for head, body in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Frame(json.loads(head), body)


def _requests(content: memoryview) -> Iterator[Frame]:
    at = 0
    while at < len(content):
        head, body = _LENGTHS.unpack_from(content, at)
        start = at + _LENGTHS.size
        at = start + head + body
        yield Frame(parsed(content[start : start + head]), bytes(content[start + head : at]))


def parsed(text: bytes | memoryview) -> Any:
    """Return the value that JSON holds, fast; numbers out of range and broken text Python's way."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(bytes(text))


def _messages(data: pa.Buffer) -> Iterator[tuple[int, pa.Buffer]]:
    at = 0
    while at + _HEADER.size <= len(data):
        magic, kind, crc, length = _HEADER.unpack_from(data, at)
        start = at + _HEADER.size
        if magic != MAGIC or start + length > len(data):
            return
        message = data.slice(start, length)
        if zlib.crc32(message) != crc:
            return
        yield kind, message
        at = start + length + -length % 8


def _old_frames(data: memoryview) -> Iterator[Frame]:
    """Read the frames of a segment that was left behind by a release before Arrow."""
    at = 0
    while at + _OLD_HEADER.size <= len(data):
        magic, length, crc, split = _OLD_HEADER.unpack_from(data, at)
        start = at + _OLD_HEADER.size
        content = bytes(data[start : start + length])
        if magic != _OLD_MAGIC or len(content) != length or zlib.crc32(content) != crc:
            return
        yield Frame(json.loads(content[:split]), content[split:])
        at = start + length


def is_abandoned(path: Path) -> bool:
    """Say whether nobody writes this segment any more: its writer's lock is gone."""
    with held(path) as is_ours:
        return is_ours


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a segment that nobody writes, so that nobody else seals it; say whether that came to be."""
    with contextlib.ExitStack() as open_files:
        try:
            file = open_files.enter_context(path.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.fstat(file.fileno()).st_ino == path.stat().st_ino
        except (BlockingIOError, FileNotFoundError):  # it is written, or was sealed just now
            is_ours = False
        yield is_ours


def whole_frames(path: Path) -> int:
    """Return how many bytes of a segment are whole frames: what lies behind was never acknowledged."""
    with pa.memory_map(str(path)) as mapped:
        data = mapped.read_buffer() if mapped.size() else pa.py_buffer(b"")
    if data[: len(_OLD_MAGIC)].to_pybytes() == _OLD_MAGIC:
        return int(data.size)
    return sum(_HEADER.size + len(part) + -len(part) % 8 for _, part in _messages(data))
