"""How whoever writes segments is asked to end them, so that they can be sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TURN: Final = "turn"
"""The file that is touched to ask whoever writes a segment to end it."""


class Turn:
    """Says when writers were asked to end their segments, so that these can be sealed."""

    def __init__(self, spool: Path) -> None:
        self._file = spool / TURN
        self._seen = self._now()

    def is_asked(self) -> bool:
        """Say whether that was asked since the last time."""
        before, self._seen = self._seen, self._now()
        return self._seen != before

    def _now(self) -> int:
        return self._file.stat().st_mtime_ns if self._file.exists() else 0
