"""Taking a version from a bundle: everything is verified before anything is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import bundled
from jupyter_mlops.domain import limits as figures
from jupyter_mlops.domain import registry as rules
from jupyter_mlops.domain.answers import Version as VersionAnswer
from jupyter_mlops.domain.arguments import File, Here, Prepared, deed
from jupyter_mlops.domain.bundled import Contents
from jupyter_mlops.errors import Corrupt, Invalid, Unsafe
from jupyter_mlops.services import kinship, limits, lookup, references, registry
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def prepare(_here: Here, *, file: Any, **_options: Any) -> Prepared:
    """Read and verify the file where the person is: what is no bundle goes no further."""
    from jupyter_mlops.formats import bundle as container

    data = file if isinstance(file, bytes) else _bytes(Path(str(file)).expanduser())
    read(data)
    return Prepared({"file": {"$blob": container.digest(data)}}, (data,))


@deed(prepare="services.unbundling:prepare")
def unbundle(ws: Workspace, file: File) -> VersionAnswer:
    """Take a version out of a bundle that another workspace wrote, as a new version here.

    Every digest is verified before anything is kept. Under a name that is known here it has to predict
    the same. What was decided elsewhere comes along as history and approves nothing here: ask for a
    deployment with `request`.
    """
    digest = file.get("$blob") if isinstance(file, Mapping) else None
    found = read(ws.artifacts.get(digest if isinstance(digest, str) else ""))
    name = found.version["name"]
    with ws.act("version:unbundling", subject=f"model:{name}") as act:
        told = found.told
        kindred = rules.Kindred(told["target"], told["task"], told["classes"])
        parent = lookup.model_named(act.session, name)
        if parent is not None:
            kinship.settle(act.session, parent, kindred)
            if version := _same(act.session, parent, found):
                act.nothing()
                return registry.shown(act.session, parent, version, new=False)
        parent = parent or _model(ws, act.session, found, kindred)
        for data in found.blobs.values():
            ws.artifacts.put(data)
        version = _remember(ws, act.session, parent, found, str(digest))
        act.subject = f"version:{name}:{version.number}"
        act.after = {
            "digest": version.digest,
            "bundle": digest,
            "from": found.version.get("from"),
            "was": f"{name}:{found.version['number']}",
            "risk": version.risk,
        }
        return registry.shown(act.session, parent, version, new=True)


def read(data: bytes) -> Contents:
    """Return what a bundle holds, once all of its digests are what they are named by.

    Raises:
        Unsafe: it is no archive in our form, or holds a model in none.
        Invalid: it is none at all, or a part has another shape.
        Corrupt: a part, the manifest, a reference or an event was changed.
    """
    from jupyter_mlops.formats import bundle as container

    found = bundled.contents(container.unpack(data))
    for digest, blob in found.blobs.items():
        if container.digest(blob) != digest:
            raise _changed(digest)
    _check_references(found)
    _check_model(found)
    return found


def _check_references(found: Contents) -> None:
    """Compare what the version is measured against with the digests in its manifest."""
    wanted = references.named(found.told) | {limits.PART: found.told.get("limits")}
    parts = [row.get("part") for row in found.references]
    if len(set(map(str, parts))) != len(parts):
        raise _changed(bundled.REFERENCES)
    for row in found.references:
        columns, rows = row.get("columns"), row.get("rows")
        if not isinstance(columns, dict) or not isinstance(rows, int) or isinstance(rows, bool):
            raise _changed(bundled.REFERENCES)
        expected = wanted.get(str(row.get("part")))
        if expected is None or _digest(str(row["part"]), columns, rows) != expected:
            raise _changed(bundled.REFERENCES)


def _digest(part: str, columns: dict[str, Any], rows: int) -> str:
    """Return the digest of a reference, after reading it as whoever measures against it will.

    Raises:
        Invalid: it cannot be read.
    """
    try:
        if part == limits.PART:
            figures.read(columns)
        elif part != references.TRUTH:
            references.of_columns(columns, rows)
        return references.digest_of(columns)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise bundled.shapeless(bundled.REFERENCES, part) from None


def _check_model(found: Contents) -> None:
    """Refuse bytes that are not in the format they claim, or hold what is not loaded, before any is kept."""
    from jupyter_mlops import formats

    told = found.told
    claimed = [(told["artifact"], frozenset({told["format"]}) & formats.FORMATS)]
    if told["compiled"]:
        claimed.append((told["compiled"], formats.COMPILED))
    for digest, allowed in claimed:
        if formats.sniff(found.blobs[digest]) not in allowed:
            raise Unsafe(
                "Artifact {digest} in this bundle is not in the {format} format it claims.",
                "nothing of it was kept; register the model from the process that trained it.",
                code="unsafe_format",
                digest=digest,
                format=told["format"],
            )
        formats.check(found.blobs[digest])


def _same(session: Session, parent: tables.Model, found: Contents) -> tables.Version | None:
    """Return the version that these very bytes are here already."""
    return session.exec(
        sqlmodel.select(tables.Version).where(
            tables.Version.model_id == parent.id, tables.Version.digest == found.digest
        )
    ).first()


def _model(
    ws: Workspace, session: Session, found: Contents, kindred: rules.Kindred
) -> tables.Model:
    told = found.version
    made = tables.Model(
        name=told["name"],
        target=kindred.target,
        task=kindred.task,
        classes=list(kindred.classes),
        risk=told["risk"],
        purpose=told["purpose"],
        owner=told["owner"],
        unit=told["unit"],
        description=told["about"],
        at=ws.now(),
    )
    session.add(made)
    session.flush()
    return made


def _remember(
    ws: Workspace, session: Session, parent: tables.Model, found: Contents, digest: str
) -> tables.Version:
    told = found.version
    version = tables.Version(
        model_id=parent.id,
        number=lookup.last_number(session, parent) + 1,
        digest=found.digest,
        manifest=found.manifest,
        risk=told["risk"],
        tags=list(told.get("tags", ())),
        description=told["description"],
        metrics=told["metrics"],
        measured_by="elsewhere",
        compiled=told["compiled"],
        lineage={**found.lineage, "elsewhere": _elsewhere(found, digest)},
        author=ws.actor.to_dict(),
        at=ws.now(),
    )
    session.add(version)
    session.flush()
    for row in found.references:
        session.add(
            tables.Reference(
                version_id=version.id,
                part=row["part"],
                known_at=ws.now(),
                rows=row["rows"],
                columns=row["columns"],
            )
        )
    return version


def _elsewhere(found: Contents, digest: str) -> dict[str, Any]:
    """Return what was said and decided of a version where it came from: history, and no approval.

    The bundle is kept under its digest, with the statements, policies and events that prove it.
    """
    told = found.version
    return {
        "workspace": str(told.get("from") or ""),
        "ref": f"{told['name']}:{told['number']}",
        "bundle": digest,
        "registered_at": told["at"],
        "registered_by": told["author"].get("id"),
        "decisions": [
            {
                "deployment": str(asked.get("deployment")),
                "outcome": str(decision.get("outcome")),
                "by": str(decision.get("person")),
                "assurance": str(decision.get("assurance")),
                "comment": str(decision.get("comment")),
                "at": str(decision.get("at")),
            }
            for asked in found.decisions
            for decision in asked.get("decisions") or ()
            if isinstance(decision, dict)
        ],
        "checks": _counted([str(row.get("outcome")) for row in found.checks]),
        "events": len(found.events),
    }


def _counted(outcomes: list[str]) -> dict[str, int]:
    return {name: outcomes.count(name) for name in ("passed", "failed", "not applicable")}


def _bytes(path: Path) -> bytes:
    from jupyter_mlops.formats import bundle as container

    try:
        with path.open("rb") as file:
            return file.read(container.LARGEST + 1)
    except (OSError, ValueError) as error:
        raise Invalid(
            "The bundle {path} cannot be read: {reason}.",
            "`bundle REF --to FILE` writes one.",
            code="bundle_unreadable",
            path=path,
            reason=getattr(error, "strerror", "") or error,
        ) from None


def _changed(part: str) -> Corrupt:
    return Corrupt(
        "{name} in this bundle is not what its digest says.",
        "get the file again from where it was written; nothing of it was kept.",
        code="bundle_changed",
        name=part,
    )
