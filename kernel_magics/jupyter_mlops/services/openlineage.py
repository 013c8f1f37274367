"""Telling other catalogues where a version comes from, in the words of OpenLineage."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import sqlmodel

from jupyter_mlops.domain import openlineage as told
from jupyter_mlops.domain.arguments import Ref, deed
from jupyter_mlops.domain.lineage import OpenLineage
from jupyter_mlops.domain.openlineage import Carried, Trained
from jupyter_mlops.domain.webhooks import Target, read_url
from jupyter_mlops.errors import Invalid, Unavailable
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, post
from jupyter_mlops.services.registry import read_manifest
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

KEY: Final = "OPENLINEAGE_API_KEY"
URL: Final = "OPENLINEAGE_URL"
MOST: Final = 100
"""Deployments that are told of; of more, the newest."""


@deed(finish="services.openlineage:finish")
def openlineage(ws: Workspace, ref: Ref, *, to: str) -> OpenLineage:
    """Write a version's lineage as OpenLineage events to a file, one a line, or send them to an address.

    One event is of the run that trained it, with data, schemas, cells and commit; one more of each time
    it was deployed. `to` is a file where you are, or an `http(s)://` address, which has to be out on the
    internet unless the owner of the workspace allows it, as for `notify`. `OPENLINEAGE_API_KEY` goes
    along only to the host that `OPENLINEAGE_URL` names.
    """
    target = _target(to) if _is_address(to) else None
    if target:
        _check(ws, target)
    with ws.look() as session:
        name, events = _events(session, ref)
    outcomes = [_sent(ws, target, event) for event in events] if target else []
    failed = [one for one in outcomes if not one.delivered]
    with ws.act("version:export", subject=f"version:{name}") as act:
        act.outcome = "failed" if failed else "sent" if target else "written"
        where = target.origin if target else Path(to).name
        act.after = {"events": len(events), "to": where, "digest": _digest(events)}
    if target and failed:
        raise Unavailable(
            "{n} of {all} events did not arrive at {to}: {outcome}.",
            "see whether the address takes OpenLineage events: …/api/v1/lineage.",
            code="events_undelivered",
            n=len(failed),
            all=len(events),
            to=target.shown,
            outcome=failed[0].code,
        )
    said = (
        tell("✓ {n} events of {ref} were sent to {to}", n=len(events), ref=name, to=target.shown)
        if target
        else tell("{n} events of {ref}", n=len(events), ref=name)
    )
    return OpenLineage(ref=name, because=said, events=events, to=target.shown if target else "")


def finish(answer: OpenLineage, *, to: str, **_: Any) -> OpenLineage:
    """Write the events where the person is, one a line, when no address was named."""
    if _is_address(to):
        return answer
    path = Path(to).expanduser().absolute()
    lines = [json.dumps(event, ensure_ascii=False) for event in answer["events"]]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")
    except (OSError, ValueError) as error:
        raise Invalid(
            "{path} cannot be written: {reason}.",
            "name a file in a folder that is yours: --to lineage.jsonl.",
            code="file_not_writable",
            path=path,
            reason=getattr(error, "strerror", None) or error,
        ) from None
    n = len(lines)
    said = tell("✓ {n} events of {ref} are in {path}", n=n, ref=answer["ref"], path=path)
    return {**answer, "because": said, "to": str(path)}


def _events(session: Session, ref: str) -> tuple[str, list[dict[str, Any]]]:
    parent, version = lookup.version(session, ref)
    identity = session.get_one(tables.Setting, "id").value
    trained = Trained(
        namespace=f"jupyter-mlops://{identity[:12]}",
        name=parent.name,
        number=version.number,
        digest=version.digest,
        at=version.at,
        lineage=version.lineage,
        features=read_manifest(version)["features"],
    )
    return f"{parent.name}:{version.number}", told.events(trained, _carried(session, version))


def _carried(session: Session, version: tables.Version) -> list[Carried]:
    rows = session.exec(
        sqlmodel.select(tables.Rollout, tables.Deployment.name)
        .where(tables.Rollout.deployment_id == tables.Deployment.id)
        .where(tables.Rollout.version_id == version.id, tables.Rollout.since != "")
        .order_by(sqlmodel.col(tables.Rollout.id).desc())
        .limit(MOST)
    ).all()
    return [Carried(row.id, name, row.role, row.since) for row, name in reversed(rows)]


def _is_address(to: str) -> bool:
    return to.lower().startswith(("http://", "https://"))


def _target(to: str) -> Target:
    try:
        return read_url(to)
    except Invalid as error:
        raise Invalid(
            "This is no address for events: {why}.",
            "name a file, or https://HOST/api/v1/lineage.",
            code="address_invalid",
            why=error.values["why"],
        ) from None


def _check(ws: Workspace, target: Target) -> None:
    """Raise unless something may be sent to the address."""
    try:
        post.addresses(target, ws.home.allowed())
    except post.Blocked:
        raise Invalid(
            "{where} is an address inside, which lineage is not sent to.",
            "the owner of the workspace allows it with a line {place} in {file}.",
            code="address_inside",
            where=target.shown,
            place=target.place,
            file=ws.home.allowed_file,
        ) from None
    except OSError:
        raise Invalid(
            "The host of {where} cannot be found.",
            "see whether its name is right.",
            code="address_not_found",
            where=target.shown,
        ) from None


def _sent(ws: Workspace, target: Target, event: dict[str, Any]) -> post.Outcome:
    return post.post(target, post.as_body(event), _key(target), allowed=ws.home.allowed())


def _key(target: Target) -> dict[str, str]:
    """Return the key of this machine's own catalogue for that catalogue, and for no other."""
    key, ours = os.environ.get(KEY, ""), urlsplit(os.environ.get(URL, ""))
    is_ours = f"{ours.scheme}://{ours.netloc}".lower() == target.origin.lower()
    is_plain = key.isascii() and key.isprintable()
    return {"Authorization": f"Bearer {key}"} if key and is_ours and is_plain else {}


def _digest(events: Sequence[dict[str, Any]]) -> str:
    return "sha256:" + hashlib.sha256(post.as_body({"events": list(events)})).hexdigest()
