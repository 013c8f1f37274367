"""A version in one file, with everything that was said and decided of it."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import bundled
from jupyter_mlops.domain.arguments import Ref, deed
from jupyter_mlops.domain.bundled import Bundle
from jupyter_mlops.domain.masked import check_may_take_along
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services import lookup, masks, proof, registry
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from jupyter_mlops.store.artifacts import Artifacts

LARGEST = 256 << 20
"""Bytes of a bundle that travels in an answer."""


@deed(finish="services.bundles:finish")
def bundle(ws: Workspace, ref: Ref, *, to: str) -> Bundle:
    """Write a version as one file: model, figures, checks, lineage, decisions and their events.

    The same version in the same state gives the same bytes; each part is listed by its digest.
    `unbundle FILE` takes it into another workspace. The file is written where you are, also when the
    workspace is elsewhere; the audit log keeps its digest.
    """
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
        name = f"{parent.name}:{version.number}"
        if version.lineage.get("sample"):
            check_may_take_along(name, masks.of_version(session, ws, version))
        packed, n = sealed(ws.artifacts, session, version)
    if len(packed) > LARGEST:
        raise Invalid(
            "The bundle of {ref} has {size} MB, more than an answer may carry.",
            "copy the artifacts folder of the workspace instead.",
            code="bundle_too_large",
            ref=name,
            size=len(packed) >> 20,
        )
    digest = ws.artifacts.put(packed)
    with ws.act("version:bundling", subject=f"version:{name}") as act:
        act.outcome = "written"
        act.after = {"digest": digest, "to": Path(to).name}
    data = base64.b64encode(packed).decode()
    return Bundle(ref=name, digest=digest, bytes=len(packed), entries=n, data=data)


def finish(answer: Bundle, *, to: str, **_: object) -> Bundle:
    """Write the file where the person is, whole or not at all, and say where."""
    data = answer.get("data")
    if data is None:
        return answer
    path = Path(to).expanduser().absolute()
    try:
        if path.is_dir() or to.endswith(("/", os.sep)):
            path /= answer["ref"].replace(":", "-") + ".mlops.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, base64.b64decode(data))
    except (OSError, ValueError) as error:
        raise Invalid(
            "The bundle cannot be written to {to}: {reason}.",
            "name a file in a folder that is yours: --to churn-3.zip",
            code="bundle_not_writable",
            to=to,
            reason=getattr(error, "strerror", "") or error,
        ) from error
    return Bundle(
        ref=answer["ref"],
        digest=answer["digest"],
        bytes=answer["bytes"],
        entries=answer["entries"],
        written=str(path),
    )


def sealed(artifacts: Artifacts, session: Session, version: tables.Version) -> tuple[bytes, int]:
    """Return the bundle of a version, and how many parts it has.

    Raises:
        Corrupt: the manifest or the bytes are not what was registered.
    """
    from jupyter_mlops.formats import bundle as container

    manifest = registry.read_manifest(version)
    requests = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.version_id == version.id)
        .order_by(sqlmodel.col(tables.Request.id))
    ).all()
    parts = {
        bundled.MANIFEST: version.manifest.encode(),
        bundled.VERSION: as_json(_version(session, version)),
        bundled.REFERENCES: as_json(_references(session, version)),
        bundled.CHECKS: as_json(_checks(session, version)),
        bundled.DECISIONS: as_json([request(session, asked) for asked in requests]),
        bundled.EVENTS: as_lines(_events(session, version, requests)),
    }
    blobs = {manifest["artifact"], manifest["compiled"], version.lineage.get("sample")} - {None}
    for digest in sorted(blobs):
        parts[bundled.BLOBS + digest.removeprefix("sha256:")] = artifacts.get(digest)
    return container.pack(parts), len(parts)


def _version(session: Session, version: tables.Version) -> dict[str, Any]:
    parent = session.get_one(tables.Model, version.model_id)
    identity = session.get_one(tables.Setting, "id").value
    of_model = {name: getattr(parent, name) for name in ("name", "purpose", "owner", "unit")}
    return {
        **of_model,
        "about": parent.description,
        "from": identity,
        **fields(version, "number", "digest", "risk", "tags", "description", "metrics"),
        **fields(version, "measured_by", "compiled", "lineage", "author", "at"),
    }


def _references(session: Session, version: tables.Version) -> list[dict[str, Any]]:
    rows = session.exec(
        sqlmodel.select(tables.Reference)
        .where(tables.Reference.version_id == version.id)
        .order_by(sqlmodel.col(tables.Reference.part))
    )
    return [fields(row, "part", "known_at", "rows", "columns") for row in rows]


def _checks(session: Session, version: tables.Version) -> list[dict[str, Any]]:
    rows = session.exec(
        sqlmodel.select(tables.CheckResult)
        .where(tables.CheckResult.version_id == version.id)
        .order_by(sqlmodel.col(tables.CheckResult.id))
    )
    return [fields(row, "run", "name", "outcome", "figure", "because", "at") for row in rows]


def request(session: Session, asked: tables.Request) -> dict[str, Any]:
    """Return a request with what it was bound to, so that its decisions can be verified again."""
    policies = session.exec(
        sqlmodel.select(tables.Policy.body).where(tables.Policy.digest == asked.policy_digest)
    ).all()
    decisions = [
        fields(
            found,
            "person",
            "outcome",
            "assurance",
            "actor",
            "comment",
            "statement",
            "signature",
            "at",
        )
        for found in proof.decisions(session, asked)
    ]
    bound = ("manifest_digest", "policy_digest", "evidence_digest", "evidence", "nonce")
    return {
        **fields(asked, "id", "deployment", "role", "state", "risk", "reason", *bound),
        **fields(asked, "requester", "at", "expires_at"),
        "policy": policies[0] if policies else "",
        "decisions": decisions,
    }


def _events(
    session: Session, version: tables.Version, requests: Iterable[tables.Request]
) -> list[dict[str, Any]]:
    """Return the events of the audit log that concern a version, as they are chained there.

    Those of bundles are left out: writing one twice would never give the same bytes.
    """
    ref = lookup.ref_of(session, version)
    row = tables.AuditEvent
    asked = list(requests)
    own = {f"version:{ref}", *(f"request:{one.id}" for one in asked)}
    places = {f"deployment:{one.deployment}" for one in asked}
    found = session.exec(
        sqlmodel.select(row)
        .where(sqlmodel.col(row.subject).in_(own | places))
        .where(~sqlmodel.col(row.action).startswith("version:bundling:"))
        .order_by(sqlmodel.col(row.seq))
    ).all()
    named = json.dumps(ref)
    return [
        {"seq": one.seq, "digest": one.digest, "body": one.body}
        for one in found
        if one.subject in own or named in one.body
    ]


def fields(row: Any, *names: str) -> dict[str, Any]:
    """Return these fields of a record."""
    return {name: getattr(row, name) for name in names}


def as_json(told: Any) -> bytes:
    """Return the one form in which a part of a bundle is written."""
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def as_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return rows as a part that has a line for each."""
    return b"".join(as_json(row) + b"\n" for row in rows)


def _replace(path: Path, data: bytes) -> None:
    """Write beside the target first, so that nobody ever reads half a bundle."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
