"""Where a version was trained and where it answers: the libraries that differ, and what it takes up."""

from __future__ import annotations

import json
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain.registered import Footprint, Surrounding
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session


def differing(version: tables.Version) -> list[Surrounding]:
    """Return what a version was trained with and is otherwise here, where the server is started.

    Of Python the first two numbers count. A library that is not here is the empty text. A compiled
    version answers without those it was trained with; they still make its original answer.
    """
    trained = _trained(version)
    stamp = _stamp()
    here = {name: _here(name, stamp) for name in trained}
    return [
        Surrounding(name=name, trained=trained[name], here=here[name])
        for name in sorted(trained)
        if _counted(name, trained[name]) != _counted(name, here[name])
    ]


def footprint(session: Session, version: tables.Version) -> Footprint | None:
    """Return what a version took up in the process of its newest release check; None before one."""
    row: Any = session.exec(
        sqlmodel.select(tables.CheckResult)
        .where(tables.CheckResult.version_id == version.id)
        .where(tables.CheckResult.name == "footprint", tables.CheckResult.outcome == "passed")
        .order_by(sqlmodel.col(tables.CheckResult.id).desc())
    ).first()
    if row is None:
        return None
    return Footprint(
        bytes=int(row.detail["bytes"]),
        memory_mib=float(row.detail["memory_mib"]),
        load_seconds=float(row.detail["load_seconds"]),
        at=row.at,
    )


def _trained(version: tables.Version) -> dict[str, str]:
    told: Mapping[str, Any] = json.loads(version.manifest)
    found = {**(version.lineage.get("packages") or {}), **(told.get("requirements") or {})}
    if python := version.lineage.get("python"):
        found["python"] = python
    found.pop("jupyter-mlops", None)
    return {str(name): str(number) for name, number in found.items()}


@lru_cache(maxsize=1024)
def _here(name: str, stamp: tuple[int, ...]) -> str:  # noqa: ARG001  (asked again when it differs)
    """Return the version of a library that is installed now; reading it takes milliseconds."""
    if name == "python":
        return platform.python_version()
    try:
        return installed(name)
    except (PackageNotFoundError, ValueError):
        return ""


def _stamp() -> tuple[int, ...]:
    """Return what changes when something is installed or removed: the age of each folder of libraries."""
    return tuple(Path(place).stat().st_mtime_ns for place in sys.path if Path(place).is_dir())


def _counted(name: str, number: str) -> str:
    return ".".join(number.split(".")[:2]) if name == "python" else number
