"""Checks of one's own are kept by content, each version with its line in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Conflict, NotFound, did_you_mean
from jupyter_mlops.services import lookup
from jupyter_mlops.services.release.findings import TITLES
from jupyter_mlops.services.release.own import function_in
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def keep(ws: Workspace, name: str, source: str, *, model: str, reason: str) -> int:
    """Keep a function as a check of every version, or of one model's; return its number.

    Raises:
        Invalid: the text is no function of what checks are given.
        Conflict: the name is that of one of our own checks.
    """
    check_name(name, what="check")
    if name in TITLES:
        raise Conflict(
            "{name} is a check that is always run.", "choose another name.",
            code="check_taken", name=name,
        )  # fmt: skip
    function_in(source)
    with ws.act("check:definition", subject=f"check:{name}", reason=reason) as act:
        parent = lookup.model_named(act.session, model) if model else None
        if model and parent is None:
            raise NotFound(
                "There is no model {name}.", "`models` lists what is registered.",
                code="model_not_found", name=model,
            )  # fmt: skip
        digest = ws.artifacts.put(source.encode())
        before = _newest(act.session, name)
        model_id = parent.id if parent else None
        if before and (before.digest, before.model_id) == (digest, model_id):
            act.nothing()
            return before.number
        return _added(ws, act, name, digest, model_id, before)


def withdraw(ws: Workspace, name: str, *, reason: str) -> int:
    """End a check of one's own; what it found stays. Return the number of its end.

    Raises:
        NotFound: there is no such check.
    """
    with ws.act("check:withdrawal", subject=f"check:{name}", reason=reason) as act:
        before = _newest(act.session, name)
        if before is None or not before.digest:
            known = [row.name for row in _all(act.session) if row.digest]
            meant = did_you_mean(name, known)
            raise NotFound(
                "There is no check of your own called {name}.",
                "did you mean {meant}?" if meant else "`%%mlops check NAME` keeps one.",
                code="check_not_found",
                name=name,
                meant=meant,
            )
        return _added(ws, act, name, "", before.model_id, before)


def of_model(session: Session, model_id: int) -> list[dict[str, str]]:
    """Return the checks that versions of a model are tried with, by name and digest."""
    return [
        {"name": row.name, "digest": row.digest}
        for row in _all(session)
        if row.digest and row.model_id in (None, model_id)
    ]


def _added(
    ws: Workspace,
    act: Deed,
    name: str,
    digest: str,
    model_id: int | None,
    before: tables.OwnCheck | None,
) -> int:
    number = before.number + 1 if before else 1
    act.session.add(
        tables.OwnCheck(name=name, number=number, digest=digest, model_id=model_id, at=ws.now())
    )
    act.before = {"number": before.number, "digest": before.digest} if before else None
    act.after = {"number": number, "digest": digest}
    return number


def _newest(session: Session, name: str) -> tables.OwnCheck | None:
    return next((row for row in _all(session) if row.name == name), None)


def _all(session: Session) -> list[tables.OwnCheck]:
    """Return the newest of each name, in the order of names."""
    rows = session.exec(
        sqlmodel.select(tables.OwnCheck).order_by(sqlmodel.col(tables.OwnCheck.number))
    ).all()
    newest = {row.name: row for row in rows}
    return [newest[name] for name in sorted(newest)]
