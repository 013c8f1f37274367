"""Putting an export where the person is, who may be elsewhere than the workspace."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain.answers import Audit
from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.errors import Conflict, Corrupt, Invalid

NAME: Final = "audit-log.zip"


def prepare(_here: Here, *, export: str = "", **_: Any) -> Prepared:
    """Look at the place before anything is written anywhere: is it free, and can it be written to?"""
    if export:
        target = _target(export)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=target.parent):
                pass
        except (OSError, ValueError) as error:
            raise _not_writable(export, error) from error
    return Prepared({})


def finish(
    answer: Audit, *, export: str = "", fetch: Callable[[str], Iterator[bytes]], **_: object
) -> Audit:
    """Write the file where the person is, whole or not at all, and say where."""
    told = answer.get("export")
    if told is None:
        return answer
    target = _target(export)
    try:
        _place(target, told["digest"], fetch(told["digest"]))
    except OSError as error:
        raise _not_writable(export, error) from error
    return {**answer, "export": {**told, "written": str(target)}}


def _target(to: str) -> Path:
    """Return the file that is meant, which is not there yet."""
    try:
        path = Path(to).expanduser().absolute()
        if path.is_dir() or to.endswith(("/", os.sep)):
            path /= NAME
        there = os.path.lexists(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_writable(to, error) from error
    if there:
        raise Conflict(
            "{path} is there already, and an export replaces nothing.",
            "name a file that is not there yet.",
            code="file_exists",
            path=path,
        )
    return path


def _place(target: Path, digest: str, pieces: Iterator[bytes]) -> None:
    """Write beside the target first, so that nobody ever reads half an export."""
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{NAME}.")
    found = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                found.update(piece)
                file.write(piece)
        _check(f"sha256:{found.hexdigest()}", digest)
        Path(beside).chmod(0o644)
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _check(found: str, digest: str) -> None:
    if found != digest:
        raise Corrupt(
            "What arrived is not the export {digest}.",
            "say it again, with a file that is not there yet.",
            code="export_changed",
            digest=digest,
        )


def _not_writable(to: str, error: Exception) -> Invalid:
    return Invalid(
        "The export cannot be written to {to}: {reason}.",
        "name a file in a folder that is yours: --export audit-log.zip",
        code="export_not_writable",
        to=to,
        reason=getattr(error, "strerror", "") or error,
    )
