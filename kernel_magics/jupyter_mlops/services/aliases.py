"""What ``name@champion-of-DEPLOYMENT`` means and meant: told from what was carried out, kept nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.arguments import Time, read
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.domain.shelved import Aliases, AliasRow
from jupyter_mlops.locale import tell
from jupyter_mlops.services import emergencies, past
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

_ORDERS: Final = (
    "deployment:rollout:begun",
    "deployment:rollout:carried out",
    "deployment:promotion:begun",
    "deployment:promotion:carried out",
    "deployment:rollback:begun",
)
"""Events by which somebody made a version the champion; what a server then says of itself is none."""


@read()
def aliases(ws: Workspace, query: str = "", *, as_of: Time | None = None) -> Aliases:
    """Tell what each alias means and ever meant: from when until when, by whose word and why.

    An alias such as `churn@champion-of-churn-prod` follows its deployment by itself. The query may hold
    an alias, a version or a deployment. With `as_of` it is told as it stood then.
    """
    at = past.moment(ws, as_of)
    with ws.look() as session:
        rows = [row for row in _rows(session) if not at or row[0].since <= at]
        found = [_row(session, *row) for row in rows]
    words = query.casefold().split()
    told = [
        row
        for row in found
        if all(word in f"{row['alias']} {row['ref']}".casefold() for word in words)
    ]
    if at:
        told = [{**row, "until": row["until"] if row["until"] <= at else ""} for row in told]
    return Aliases(items=sorted(told, key=lambda row: row["since"], reverse=True))


def _rows(session: Session) -> Sequence[tuple[Any, ...]]:
    return session.exec(
        sqlmodel.select(
            tables.Rollout, tables.Deployment.name, tables.Model.name, tables.Version.number
        )
        .where(tables.Rollout.deployment_id == tables.Deployment.id)
        .where(tables.Rollout.version_id == tables.Version.id)
        .where(tables.Version.model_id == tables.Model.id)
        .where(tables.Rollout.role == "champion", tables.Rollout.share >= WHOLE)
        .where(tables.Rollout.since != "")
    ).all()


def _row(
    session: Session, rollout: tables.Rollout, place: str, model: str, number: int
) -> AliasRow:
    ref = f"{model}:{number}"
    asked = session.get_one(tables.Request, rollout.request_id)
    order = _order(session, place, ref, rollout.since)
    actor = order["actor"] if order else asked.requester
    label = tell(assurance_label(actor["assurance"]), name="")
    if emergencies.is_one(session, asked):
        label = tell("Break-glass: one person's word alone")
    return AliasRow(
        alias=f"{model}@champion-of-{place}",
        ref=ref,
        since=rollout.since,
        until=rollout.until,
        by=as_person(actor, label=label),
        action=str(order["action"]) if order else f"deployment:{rollout.action}",
        reason=str((order or {}).get("reason") or asked.reason),
        request=asked.id,
        approved_by=past.approved_by(session, asked),
    )


def _order(session: Session, place: str, ref: str, since: str) -> Mapping[str, Any] | None:
    """Return the last event before a moment by which a person carried a version there."""
    row = tables.AuditEvent
    bodies = session.exec(
        sqlmodel.select(row.body)
        .where(row.subject == f"deployment:{place}", row.at <= since)
        .where(sqlmodel.col(row.action).in_(_ORDERS))
        .order_by(sqlmodel.col(row.seq).desc())
    )
    for body in bodies:
        told: dict[str, Any] = json.loads(body)
        named = (told.get("after") or {}).get("version")
        if named == ref and told["actor"]["kind"] == "person":
            return told
    return None
