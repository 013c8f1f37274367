"""What release checks found is kept as rows, a run after the other."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.services.release.findings import Found
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
