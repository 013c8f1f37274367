"""What a version is measured against: profiles that were frozen when it was registered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.stats.batch import Batch, Layout


TRAINING: Final = "training"
TRUTH: Final = "truth"
"""What the labels of the holdout said of its scores, as counts."""
_PARTS: Final = ((TRAINING, 0, "profile"), ("holdout", 1, "profile"), (TRUTH, 1, "truth"))


def digests(train: Mapping[str, Any] | None, holdout: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the digest of each reference that a version is registered with, for its manifest."""
    sources = {part: ((train, holdout)[place] or {}).get(name) for part, place, name in _PARTS}
    return {part: digest_of(source) for part, source in sources.items() if source}


def digest_of(columns: Any) -> str:
    """Return the digest of what a version is measured against, whole."""
    import rfc8785

    return chain.digest(rfc8785.dumps(columns).decode())


def named(manifest: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the digest that a manifest has of each reference; None where it cannot tell."""
    return {**manifest.get("references", {}), TRAINING: manifest.get("profile")}


def freeze(
    session: Session,
    version: tables.Version,
    train: Mapping[str, Any] | None,
    holdout: Mapping[str, Any] | None,
    *,
    now: str,
) -> None:
    """Keep what a version is measured against, as it was told at registration."""
    for part, place, name in _PARTS:
        source = (train, holdout)[place] or {}
        if source.get(name):
            session.add(
                tables.Reference(
                    version_id=version.id,
                    part=part,
                    known_at=now,
                    rows=source["rows"],
                    columns=source[name],
                )
            )


def frozen(ws: Workspace, ref: str, part: str = TRAINING) -> Batch | None:
    """Return the frozen reference of a version, read once; None where it was given no such data.

    What is frozen never changes, so it is kept for as long as the workspace is open.
    """
    key = ("reference", ref, part)
    if key not in ws.kept:
        found = told(ws, ref, part)
        if found is None:
            return None
        ws.kept[key] = of_columns(found.columns, found.rows)
    kept: Batch = ws.kept[key]
    return kept


def layout(ws: Workspace, ref: str) -> Layout | None:
    """Return the bins of a version's reference; None for one without, or one nobody knows."""
    found = frozen(ws, ref)
    return found.layout if found else None


def of_columns(told: dict[str, Any], rows: int) -> Batch:
    """Return the profiles of columns, as a version is registered with them, as one."""
    from jupyter_mlops.stats.batch import Layout
    from jupyter_mlops.stats.profile import Profile

    columns = {name: Profile.from_dict(column) for name, column in told.items()}
    return Layout({name: found.bins for name, found in columns.items()}).batch(rows, columns)


def told(ws: Workspace, ref: str, part: str) -> tables.Reference | None:
    """Return what was frozen of a version as it is kept; None where it was given no such data.

    Raises:
        Corrupt: it is not what the manifest of the version speaks of.
    """
    name, _, number = ref.rpartition(":")
    if not number.isdigit():
        return None
    with ws.look() as session:
        row = session.exec(
            sqlmodel.select(tables.Reference, tables.Version.manifest)
            .where(tables.Model.name == name, tables.Version.number == int(number))
            .where(tables.Version.model_id == tables.Model.id)
            .where(tables.Reference.version_id == tables.Version.id)
            .where(tables.Reference.part == part)
        ).first()
    if row is None:
        return None
    found, manifest = row
    _check(ref, found, json.loads(manifest))
    return found


def _check(ref: str, found: tables.Reference, manifest: Mapping[str, Any]) -> None:
    """Refuse a reference that was changed; a manifest of before there were digests cannot tell."""
    wanted = named(manifest).get(found.part)
    if wanted and digest_of(found.columns) != wanted:
        raise Corrupt(
            "What {ref} is measured against ({part}) was changed after registration.",
            "`audit --verify` says what else was; register the model again.",
            code="reference_changed",
            ref=ref,
            part=found.part,
        )
