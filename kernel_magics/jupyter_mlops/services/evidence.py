"""What a request is made on, frozen by digest when it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.compared import Compare
from jupyter_mlops.domain.measured import Figure
from jupyter_mlops.domain.requested import Contest, Evidence, FairnessFigure
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import compared, lookup
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

CARD: Final = "card"
_WRITTEN: Final = "document:writing:written"


def canonical(told: Any) -> str:
    """Return the one way to write evidence, which its digest is of."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def gather(
    ws: Workspace, ref: str, deployment: str, found: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what speaks for and against a version beside its checks; nothing is written.

    It is compared with the champion of this moment on the same rows, as `compare` does, and its
    fairness is what the release checks found. Documents that were written of it count by their digests.
    """
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
        name = f"{parent.name}:{version.number}"
        champion = _champion(session, deployment)
        written = _written(session, name)
        lineage = chain.digest(canonical(version.lineage))
    contest = None if champion in (None, name) else _contest(ws, str(champion), name)
    return {"contest": contest, "fairness": _fairness(found), "lineage": lineage, **written}


def told(asked: tables.Request, frozen: Mapping[str, Any]) -> Evidence:
    """Return the evidence of a request in the shape that answers carry; an old one has less of it."""
    contest = frozen.get("contest")
    shown = {name: contest[name] for name in Contest.__annotations__} if contest else None
    return Evidence(
        digest=asked.evidence_digest,
        metrics=frozen["metrics"],
        contest=shown,  # type: ignore[typeddict-item]  # it was written from that very shape
        fairness=frozen.get("fairness", []),
        card=frozen.get("card", ""),
        document=frozen.get("document", ""),
        lineage=frozen.get("lineage", ""),
    )


def _champion(session: Session, deployment: str) -> str | None:
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == deployment)
    ).first()
    serving = lookup.champion(session, place) if place else None
    return lookup.ref_of(session, serving[1]) if serving else None


def _contest(ws: Workspace, champion: str, ref: str) -> dict[str, Any] | None:
    """Return in short how a version does against the champion, and the digest of it all."""
    try:
        found = compared.compare(ws, champion, ref)
    except MlopsError:  # they do not answer the same question, or one is only a record
        return None
    tests = found["same_rows"]["tests"]
    figures = _figures(found, "same rows") if tests else {}
    contest = Contest(
        ref=champion,
        metric=found["metric"],
        measured="same rows" if figures else "registered",
        champion=(figures or _figures(found, "registered")).get(champion),
        version=(figures or _figures(found, "registered")).get(ref),
        verdict=tests[0]["verdict"] if tests else "unknown",
        differences=len(found["changes"]),
    )
    return {**contest, "digest": chain.digest(canonical(found))}


def _figures(found: Compare, measured: str) -> dict[str, Figure]:
    """Return the first metric of each version, measured so."""
    return {
        row["ref"]: Figure(value=row["value"], low=row["low"], high=row["high"])
        for row in found["items"]
        if row["metric"] == found["metric"] and row["measured"] == measured
    }


def _fairness(found: Sequence[Mapping[str, Any]]) -> list[FairnessFigure]:
    """Return the ratio of each measure in each protected group, as the release check found it."""
    detail: Mapping[str, Any] = next(
        (one["detail"] for one in found if one["check"] == "fairness"), {}
    )
    told = []
    for key, ratio in sorted(detail.items()):
        measure, attribute, group = str(key).split(":", 2)
        told.append(
            FairnessFigure(measure=measure, attribute=attribute, group=group, ratio=float(ratio))
        )
    return told


def _written(session: Session, ref: str) -> dict[str, str]:
    """Return the digests of the newest model card and the newest other document of a version."""
    row = tables.AuditEvent
    bodies = session.exec(
        sqlmodel.select(row.body)
        .where(row.subject == f"version:{ref}", row.action == _WRITTEN)
        .order_by(sqlmodel.col(row.seq).desc())
        .limit(50)
    ).all()
    found: dict[str, str] = {}
    for body in bodies:
        after = json.loads(body)["after"]
        kind = "card" if after["template"] == CARD else "document"
        found.setdefault(kind, after["digest"])
    return found
