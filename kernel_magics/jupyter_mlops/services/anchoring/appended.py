"""An anchor that is a file: checkpoints are appended to it, and nothing there is ever changed.

It may belong to somebody else, and be one that can only be appended to (`chattr +a`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from jupyter_mlops.domain import checkpoints as rules

_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
"""What is no file must not hold us up, and nobody may put another file in its place by a link."""
_EVERYBODY_READS: Final = 0o644
_END: Final = "\n\n"


class Unreached(Exception):
    """The place could not be read or written to; its text says why."""


def read(address: str) -> str | None:
    """Return what a file holds; None where it may be written to and not read.

    Raises:
        Unreached: it is not there, or no file.
    """
    try:
        with os.fdopen(os.open(address, os.O_RDONLY | _FLAGS), "rb") as file:
            _check(os.fstat(file.fileno()))
            return file.read(rules.LARGEST).decode("utf-8", errors="replace")
    except PermissionError:
        if os.access(address, os.W_OK):
            return None
        raise Unreached("Permission denied") from None
    except OSError as error:
        raise Unreached(error.strerror or str(error)) from error


def append(address: str, notes: list[str]) -> None:
    """Append checkpoints and wait until they are on the disk; a torn end is left behind a blank line.

    Raises:
        Unreached: the file cannot be written to.
    """
    try:
        known = read(address)
    except Unreached:
        known = ""
    is_torn = known is None or not (known == "" or known.endswith(_END))
    data = ((_END if is_torn else "") + rules.joined(notes)).encode()
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS
        with os.fdopen(os.open(address, flags, _EVERYBODY_READS), "ab", buffering=0) as file:
            _check(os.fstat(file.fileno()))
            written = file.write(data)
            os.fsync(file.fileno())
    except OSError as error:
        raise Unreached(error.strerror or str(error)) from error
    if written != len(data):
        raise Unreached("the disk is full")


def _check(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Unreached("it is no file")
    if found.st_size > rules.LARGEST:
        raise Unreached("it is too large")


def resolved(address: str) -> Path:
    """Return the file that is meant, without links on the way."""
    return Path(address).expanduser().absolute().resolve()
