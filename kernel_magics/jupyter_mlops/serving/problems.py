"""What a caller is told when something is wrong: problem+json, one stable code, never an echo."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from jupyter_mlops import errors

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


@dataclass(eq=False)
class Problem(Exception):
    """An answer that is not the one that was hoped for."""

    status: int
    code: str
    detail: str
    hint: str = ""
    headers: dict[str, str] = field(default_factory=dict)

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
