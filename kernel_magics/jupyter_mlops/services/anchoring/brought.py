"""Checkpoints that somebody brings along to verify with: a copy of an anchor's file, or a clone."""

from __future__ import annotations

import hashlib
from typing import Any

from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.anchoring import appended, pushed
from jupyter_mlops.services.anchoring.appended import Unreached
from jupyter_mlops.services.export import placing


def prepare(here: Here, *, anchor: Any = None, export: str = "", **_: Any) -> Prepared:
    """Read the checkpoints where the person is, and look at the place for an export there."""
    placing.prepare(here, export=export)
    if anchor is None:
        return Prepared({})
    kind, text = _read(str(anchor))
    data = text.encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    given = {"$blob": digest, "where": str(anchor)[:200], "kind": kind}
    return Prepared({"anchor": given}, (data,))


def _read(where: str) -> tuple[str, str]:
    if "://" in where:
        raise Invalid(
            "{where} is no file and no clone.",
            "clone it first: git clone --branch mlops-anchor {where} anchor",
            code="anchor_not_here",
            where=where,
        )
    try:
        path = appended.resolved(where)
        if path.is_dir():
            return "git", pushed.of_clone(path)
        held = appended.read(str(path))
    except (Unreached, OSError, RuntimeError, ValueError) as error:
        raise _unreadable(where, error) from error
    if held is None:
        raise _unreadable(where, "Permission denied")
    return "file", held


def _unreadable(where: str, why: object) -> Invalid:
    return Invalid(
        "The checkpoints in {where} cannot be read: {why}.",
        "name an anchor's file, or a clone with its branch mlops-anchor: --anchor PATH",
        code="anchor_unreadable",
        where=where,
        why=getattr(why, "strerror", "") or why,
    )
