"""What a caller is told when something is wrong: problem+json, one stable code, never an echo."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jupyter_mlops import errors
from jupyter_mlops.serving.saying import say

STATUS: Final[dict[type[errors.MlopsError], int]] = {
    errors.UsageError: 400,
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.Unsafe: 422,
    errors.Refused: 403,
    errors.Conflict: 409,
    errors.Unavailable: 503,
    errors.Corrupt: 500,
}
TIMED_OUT: Final = 504
GUARDS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
]
"""Headers of every answer: a browser makes nothing of it."""


SILENT: Final = {
    "found": "a value",
    "text": "a value",
    "name": "of that name",
    "meant": "another",
    "columns": "not repeated here",
}
"""What stands for a caller's own words, which an answer does not repeat."""


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is not the one that was hoped for; the log is told what it is about."""

    status: int
    code: str
    detail: str
    hint: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    about: str = ""
    version: str | None = None
    """Whose failure it is, where it is a model's."""

    def body(self) -> bytes:
        """Return the problem document (RFC 9457) in ASCII; ``error`` is for OIP v2's clients."""
        told = {
            "type": f"about:blank#{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
            "error": self.detail,
        }
        return json.dumps(told).encode()


def of_error(error: errors.MlopsError) -> Problem:
    """Return an error of ours as a problem."""
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 500)
    headers = {"Retry-After": "1"} if status == STATUS[errors.Unavailable] else {}
    if error.code == "deadline_exceeded":
        status = TIMED_OUT
    return Problem(status, error.code, error.message, error.hint, headers)


def internal(error: Exception) -> Problem:
    """Return a fault of our own as a problem; where it happened goes to the server's own log."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"
    say(f"fault: {type(error).__name__} at {place}")
    return Problem(
        500, "internal_error", "The server failed.", "server.log says where; nothing was answered."
    )


def discreet(error: errors.MlopsError) -> Problem:
    """Return an error of ours as a problem that repeats nothing of what was sent."""
    error.values |= {name: SILENT[name] for name in error.values.keys() & SILENT.keys()}
    return of_error(error)
