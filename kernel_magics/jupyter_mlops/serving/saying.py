"""What a server says of itself: lines of its own log, ``server.log``."""

from __future__ import annotations

import contextlib
import sys


def say(line: str) -> None:
    """Say a line; a disk that does not take it costs the line, not whoever says it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
