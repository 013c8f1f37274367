"""Bytes that nobody can guess, fetched from the system a few thousand at a time."""

from __future__ import annotations

import os
import threading
from typing import Final

FETCHED: Final = 1 << 13


class Chance:
    """Gives each byte once; a request asks for a few, and a call to the system costs more than that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return so many bytes, from the system's own generator."""
        if count > FETCHED:
            return os.urandom(count)
        with self._lock:
            start = self._at
            if start + count > len(self._bytes):
                self._bytes, start = os.urandom(FETCHED), 0
            self._at = start + count
            return self._bytes[start : start + count]


_chance: Final = Chance()
take: Final = _chance.take
