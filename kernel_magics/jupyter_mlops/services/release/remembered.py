"""What release checks found is kept as rows, a run after the other."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain.registered import Check
from jupyter_mlops.services.release.findings import TITLES, Found, Outcome, filled
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def remember(
    session: Session, version: tables.Version, found: Mapping[str, Found], *, now: str
) -> None:
    """Keep what one run found about a version; values stand beside the sentences they fill."""
    run = secrets.token_hex(8)
    for name, result in found.items():
        values = {"values": dict(result.values)} if result.values else {}
        session.add(
            tables.CheckResult(
                version_id=version.id,
                run=run,
                name=name,
                outcome=result.outcome,
                figure=result.figure,
                because=result.because,
                detail={**result.detail, **values},
                at=now,
            )
        )


def newest(
    session: Session, version: tables.Version, known_until: str = ""
) -> list[tables.CheckResult]:
    """Return what the newest run found about a version, or the newest there was at a moment."""
    kept = tables.CheckResult
    rows = sqlmodel.select(kept).where(kept.version_id == version.id)
    if known_until:
        rows = rows.where(kept.at <= known_until)
    last = session.exec(rows.order_by(sqlmodel.col(kept.id).desc())).first()
    if last is None:
        return []
    run = rows.where(kept.run == last.run).order_by(sqlmodel.col(kept.id))
    return list(session.exec(run).all())


def told(rows: Sequence[tables.CheckResult]) -> list[Check]:
    """Return what was found in the reader's language, as answers carry it."""
    return [_told(row, row.detail.get("values") or {}) for row in rows]


def _told(row: tables.CheckResult, values: Mapping[str, Any]) -> Check:
    return Check(
        check=row.name,
        title=filled(TITLES.get(row.name, row.name), {}),
        outcome=cast("Outcome", row.outcome),
        figure=filled(row.figure, values),
        because=filled(row.because, values),
    )


def importance(session: Session, version: tables.Version) -> dict[str, float]:
    """Return the newest permutation importance of a version's features; empty before a check."""
    row: Any = session.exec(
        sqlmodel.select(tables.CheckResult)
        .where(
            tables.CheckResult.version_id == version.id,
            tables.CheckResult.name == "importance",
            tables.CheckResult.outcome == "passed",
        )
        .order_by(sqlmodel.col(tables.CheckResult.id).desc())
    ).first()
    return dict(row.detail) if row else {}
