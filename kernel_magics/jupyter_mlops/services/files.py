"""Small files that are read and written where the person is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_mlops.domain.decided import LARGEST
from jupyter_mlops.errors import Conflict, Invalid, MlopsError


def free(to: str) -> Path:
    """Return the file that is meant, which is not there yet and can be written.

    Raises:
        Conflict: it is there.
        Invalid: there is no place for it.
    """
    try:
        path = Path(to).expanduser().absolute()
        there, parent = os.path.lexists(path), path.parent.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_writable(to, str(error)) from None
    if there:
        raise Conflict(
            "{path} is there already, and nothing is replaced.",
            "name a file that is not there yet: --to FILE.",
            code="file_exists",
            path=path,
        )
    if not parent or not os.access(path.parent, os.W_OK):
        raise _not_writable(to, "no folder of yours holds it")
    return path


def write(to: str, text: str) -> Path:
    """Write a file for its owner, which replaces none, and return where it is."""
    path = free(to)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _not_writable(to, error.strerror or str(error)) from None
    return path


def read_json(path: Path, wrong: Callable[[str], MlopsError]) -> Any:
    """Return what a file of JSON holds; ``wrong`` makes the error that says why it holds nothing."""
    try:
        found = path.expanduser()
        if found.stat().st_size > LARGEST:
            raise wrong("it is too large")
        return json.loads(found.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(f"{path}: {error.strerror or error}") from None
    except (ValueError, RuntimeError, RecursionError):
        raise wrong("it is no JSON") from None


def _not_writable(to: str, why: str) -> Invalid:
    return Invalid(
        "{to} cannot be written: {why}.",
        "name a file in a folder that is yours: --to FILE.",
        code="file_not_writable",
        to=to,
        why=why,
    )
