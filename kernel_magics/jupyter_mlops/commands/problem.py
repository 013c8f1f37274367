"""Errors on their way over HTTP: the one map from class to status, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops import errors
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import translate

TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[type[MlopsError], int]] = {
    errors.UsageError: 400,
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.Unsafe: 422,
    errors.Refused: 403,
    errors.Conflict: 409,
    errors.Unavailable: 503,
    errors.Corrupt: 500,
}


def status_of(error: MlopsError) -> int:
    """Return the HTTP status of an error."""
    return next((code for known, code in STATUS.items() if isinstance(error, known)), 500)


def to_problem(error: MlopsError) -> dict[str, Any]:
    """Return an error as ``application/problem+json`` has it, in the reader's language."""
    return {
        "type": f"urn:jupyter-mlops:{error.code}",
        "title": type(error).__name__,
        "status": status_of(error),
        "code": error.code,
        "detail": translate(error.template).format_map(error.values),
        "hint": translate(error.hint_template).format_map(error.values),
    }


def from_problem(told: Mapping[str, Any]) -> MlopsError:
    """Return the error that a problem describes, of the class it had on the other side."""
    known = {one.__name__: one for one in STATUS}
    error = known.get(str(told.get("title")), errors.Unavailable)
    return error(
        "{detail}",
        "{advice}" if told.get("hint") else "",
        code=str(told.get("code") or "server_error"),
        detail=told.get("detail") or told.get("title") or "",
        advice=told.get("hint") or "",
    )
