"""Columns that are hidden from those without a role, wherever rows are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.arguments import DeploymentName, Text, deed, read
from jupyter_mlops.domain.masked import (
    OWN,
    MaskRow,
    Masks,
    check_columns,
    check_masked_once,
    masked,
    not_masked,
)
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.domain.shelved import check_reason
from jupyter_mlops.errors import UsageError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, rollouts
from jupyter_mlops.services.registry import read_manifest
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

Hidden = Mapping[str, frozenset[str]]
"""The columns that are hidden from who asks, by deployment."""


@deed()
def mask(
    ws: Workspace,
    deployment: DeploymentName,
    columns: tuple[str, ...] = (),
    *,
    unless: str = "",
    lift: bool = False,
    reason: Text = "",
) -> Masks:
    """Show columns of a deployment's rows to nobody but those in a role: `mask shop income --unless privacy`.

    A column is a feature, or `id`, `prediction` or `actual`. Wherever rows are shown, in notebook, panel,
    terminal and exports, a mark stands in its place; figures and pictures are of all values, as ever.
    What applications are answered is not touched. `--lift` ends a mask. Whoever can read the folder of
    the workspace can read the rows in it.
    """
    check_reason(reason)
    if not lift and not unless:
        raise UsageError(
            "--unless names the role that may see the columns.",
            "mask {deployment} COLUMN … --unless ROLE",
            code="no_role",
            deployment=deployment,
        )
    if unless:
        check_name(unless, what="role")
    action = "mask:lifting" if lift else "mask:placing"
    with ws.act(action, subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        check_columns(columns, columns_of(act.session, place), deployment=deployment)
        rows = [
            _lifted(ws, act, place, name) if lift else _placed(ws, act, place, name, unless)
            for name in dict.fromkeys(columns)
        ]
        act.after = {"columns": [row.column for row in rows], "unless": rows[0].unless}
        return Masks(items=[_told(place.name, row) for row in rows])


@read()
def masks(ws: Workspace, query: str = "") -> Masks:
    """List which columns are hidden, from whom not, by whom and why; the query may hold any of its words."""
    row = tables.Mask
    with ws.look() as session:
        found = session.exec(
            sqlmodel.select(tables.Deployment.name, row)
            .where(row.deployment_id == tables.Deployment.id)
            .order_by((sqlmodel.col(row.lifted_at) != "").asc(), sqlmodel.col(row.id).desc())
        ).all()
    words = query.casefold().split()
    return Masks(
        items=[
            _told(name, one)
            for name, one in found
            if all(w in f"{name} {one.column} {one.unless} {one.reason}".casefold() for w in words)
        ]
    )


def hidden(ws: Workspace, deployments: Iterable[str]) -> Hidden:
    """Return the columns of deployments that whoever asks may not see."""
    with ws.look() as session:
        return hidden_in(session, ws, deployments)


def hidden_in(session: Session, ws: Workspace, deployments: Iterable[str]) -> Hidden:
    """Return the same in a transaction that is open already."""
    row = tables.Mask
    found = session.exec(
        sqlmodel.select(tables.Deployment.name, row.column)
        .where(row.deployment_id == tables.Deployment.id, row.lifted_at == "")
        .where(sqlmodel.col(tables.Deployment.name).in_(list(deployments)))
        .where(sqlmodel.col(row.unless).not_in(ws.actor.roles))
    ).all()
    told: dict[str, set[str]] = {}
    for name, column in found:
        told.setdefault(name, set()).add(column)
    return {name: frozenset(columns) for name, columns in told.items()}


def of_version(session: Session, ws: Workspace, version: tables.Version) -> frozenset[str]:
    """Return the columns of a version's rows that are hidden wherever it was ever to serve."""
    served = session.exec(
        sqlmodel.select(tables.Deployment.name)
        .where(tables.Deployment.id == tables.Rollout.deployment_id)
        .where(tables.Rollout.version_id == version.id)
        .distinct()
    ).all()
    told = hidden_in(session, ws, served).values()
    return frozenset(name for columns in told for name in columns)


def rows(ws: Workspace, deployment: str, told: list[Any]) -> list[Any]:
    """Return rows of an answer as whoever asks may see them."""
    columns = hidden(ws, [deployment]).get(deployment, frozenset())
    if not columns:
        return told
    return [masked(row, columns | _own_id(row, columns)) for row in told]


def _own_id(row: Mapping[str, Any], columns: frozenset[str]) -> frozenset[str]:
    """Hide an id of ours too where it is the case's own name."""
    same = "id" in columns and row.get("prediction_id") == row.get("id")
    return frozenset({"prediction_id"}) if same else frozenset()


def columns_of(session: Session, place: tables.Deployment) -> list[str]:
    """Return the columns that rows of a deployment have: its own, and every version's features."""
    versions = {one.version_id for one in rollouts.of_place(session, place)}
    names = dict.fromkeys(OWN)
    for number in sorted(versions):
        manifest = read_manifest(session.get_one(tables.Version, number))
        names |= dict.fromkeys(feature["name"] for feature in manifest["features"])
    return list(names)


def _standing(act: Deed, place: tables.Deployment, column: str) -> tables.Mask | None:
    row = tables.Mask
    return act.session.exec(
        sqlmodel.select(row).where(
            row.deployment_id == place.id, row.column == column, row.lifted_at == ""
        )
    ).first()


def _placed(
    ws: Workspace, act: Deed, place: tables.Deployment, column: str, unless: str
) -> tables.Mask:
    standing = _standing(act, place, column)
    check_masked_once(column, place.name, unless=standing.unless if standing else None)
    row = tables.Mask(
        deployment_id=place.id,
        column=column,
        unless=unless,
        reason=act.reason.strip(),
        actor=ws.actor.to_dict(),
        at=ws.now(),
    )
    act.session.add(row)
    return row


def _lifted(ws: Workspace, act: Deed, place: tables.Deployment, column: str) -> tables.Mask:
    row = _standing(act, place, column)
    if row is None:
        raise not_masked(column, place.name)
    row.lifted_at = ws.now()
    act.session.add(row)
    return row


def _told(deployment: str, row: tables.Mask) -> MaskRow:
    label = tell(assurance_label(row.actor["assurance"]), name="")
    return MaskRow(
        deployment=deployment,
        column=row.column,
        unless=row.unless,
        by=as_person(row.actor, label=label),
        reason=row.reason,
        at=row.at,
        lifted_at=row.lifted_at,
    )
