"""For how long rows are kept: a policy of each deployment, and the watcher that keeps to it.

Nothing is removed where nobody said so, and nothing of what is held. A day of the log goes as a whole;
the roots of its segments stay in the store and in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.arguments import DeploymentName, Text, deed
from jupyter_mlops.domain.kept import PARTS, Retention, RetentionRow, is_short, read_days
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.shelved import check_reason
from jupyter_mlops.locale import tell
from jupyter_mlops.services import holds, lookup, removing, rollouts, whereabouts
from jupyter_mlops.services.evaluation import WATCHER
from jupyter_mlops.services.removing import RETENTION
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

EVERY: Final = timedelta(days=1)


@dataclass
class Due:
    """What is older than a deployment's retention lets it be."""

    segments: list[tables.Segment] = field(default_factory=list)
    actuals: list[tuple[Path, int]] = field(default_factory=list)
    samples: list[tuple[str, str]] = field(default_factory=list)
    """References of versions, each with the digest of its sample."""

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Return rows and files of each kind; of a sample nobody counts the rows."""
        return {
            "predictions": (sum(one.rows for one in self.segments), len(self.segments)),
            "actuals": (sum(rows for _, rows in self.actuals), len(self.actuals)),
            "samples": (len(self.samples), len({digest for _, digest in self.samples})),
        }

    def __bool__(self) -> bool:
        return bool(self.segments or self.actuals or self.samples)


@deed()
def retention(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    predictions: str = "",
    actuals: str = "",
    samples: str = "",
    dry_run: bool = False,
    reason: Text = "",
) -> Retention:
    """Show for how long a deployment's rows are kept, or say so: `--predictions 400d --actuals 400d`.

    Nothing is removed unless it is said here. `predictions` counts from the day a row was logged,
    `actuals` from when they came, `samples` from when a version has served here last; `forever` ends
    that. The watcher removes once a day what is older, and nothing of what is held; each removal is an
    event, and the roots of removed segments stay. Profiles and metrics stay too. With `--dry-run`
    nothing is said or removed, and the answer tells what would go.
    """
    check_reason(reason)
    said = {"predictions": predictions, "actuals": actuals, "samples": samples}
    asked = {part: read_days(text, part=part) for part, text in said.items()}
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        newest = newest_of(session, place)
    days = {part: asked[part] if asked[part] is not None else _days(newest, part) for part in PARTS}
    if dry_run or all(one is None for one in asked.values()):
        return _told(ws, place, newest, {part: days[part] or 0 for part in PARTS})
    with ws.act("retention:change", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        before = newest_of(act.session, place)
        row = tables.Retention(
            deployment_id=place.id,
            number=(before.number if before else 0) + 1,
            reason=reason.strip(),
            actor=ws.actor.to_dict(),
            at=ws.now(),
            **{part: days[part] or 0 for part in PARTS},
        )
        act.before = {part: _days(before, part) for part in PARTS} if before else None
        act.after = {"number": row.number, **{part: days[part] or 0 for part in PARTS}}
        act.session.add(row)
    ws.kept.pop(("lifetimes", deployment), None)
    return _told(ws, place, row, {part: days[part] or 0 for part in PARTS})


def newest_of(session: Session, place: tables.Deployment) -> tables.Retention | None:
    """Return the retention that applies to a deployment, None where nobody said any."""
    row = tables.Retention
    return session.exec(
        sqlmodel.select(row)
        .where(row.deployment_id == place.id)
        .order_by(sqlmodel.col(row.number).desc())
        .limit(1)
    ).first()


def keep_to(ws: Workspace) -> int:
    """Remove once a day what is older than deployments keep it; return how many files went."""
    acting = ws.as_actor(WATCHER)
    row = tables.Retention
    with acting.look() as session:
        places = session.exec(
            sqlmodel.select(tables.Deployment)
            .where(tables.Deployment.id == row.deployment_id)
            .distinct()
        ).all()
    return sum(_kept_to(acting, place) for place in places)


def _kept_to(ws: Workspace, place: tables.Deployment) -> int:
    key, now = ("lifetimes", place.name), ws.clock()
    done = ws.kept.get(key)
    if done is not None and now - done < EVERY:
        return 0
    with ws.look() as session:
        found = newest_of(session, place)
        _remove_what_is_told(ws, session, place)
        due = _due(ws, session, place, found) if found else Due()
        held = holds.of_place(session, place)
    ws.kept[key] = now
    return _removed(ws, place) if due and not held else 0


def _removed(ws: Workspace, place: tables.Deployment) -> int:
    """Write down what goes, in one event, then have it gone."""
    with ws.act(RETENTION, subject=f"deployment:{place.name}") as act:
        removing.settle_files(ws, act.session)
        found = newest_of(act.session, place)
        due = _due(ws, act.session, place, found) if found else Due()
        if not found or not due or holds.of_place(act.session, place):
            act.nothing()
            return 0
        removed, gone = ws.now(), [digest for _, digest in due.samples]
        for one in due.segments:
            one.removed_at = removed
            act.session.add(one)
        act.after = {
            "retention": found.number,
            "until": {part: iso(_until(ws, found, part)) for part in PARTS if _days(found, part)},
            "segments": [{"segment": s.id, "rows": s.rows, "root": s.root} for s in due.segments],
            "actuals": list(removing.out_of_actuals(_all_rows(place.name, due.actuals))),
            "samples": [{"version": ref, "digest": digest} for ref, digest in due.samples],
        }
        for ref, _ in due.samples:
            _, version = lookup.version(act.session, ref)
            version.lineage = {**version.lineage, "sample": None}
            act.session.add(version)
        act.session.flush()
        unused = [digest for digest in set(gone) if not removing.sharing(act.session, digest)]
    with ws.act(RETENTION, subject=f"deployment:{place.name}") as act:
        removing.settle_files(ws, act.session)
        _remove_what_is_told(ws, act.session, place)
        act.nothing()  # the event was written before
    for digest in unused:
        ws.artifacts.remove(digest)
    return len(due.segments) + len(due.actuals) + len(due.samples)


def _remove_what_is_told(ws: Workspace, session: Session, place: tables.Deployment) -> None:
    """Remove the files of segments that an event says are removed: somebody may have stopped in between."""
    row = tables.Segment
    for one in session.exec(
        sqlmodel.select(row).where(row.deployment == place.name, row.removed_at != "")
    ):
        for path in files_of(ws, one):
            path.unlink(missing_ok=True)


def files_of(ws: Workspace, one: tables.Segment) -> list[Path]:
    """Return the two files of a sealed piece: its predictions, and its requests."""
    deployment, day, stem = one.id.split("/")
    file = f"deployment={deployment}/day={day}/{stem}.parquet"
    return [ws.home.predictions / file, ws.home.folder / "requests" / file]


def _due(ws: Workspace, session: Session, place: tables.Deployment, told: Any) -> Due:
    due = Due()
    if _days(told, "predictions"):
        due.segments = _old_segments(ws, session, place, _until(ws, told, "predictions"))
    if _days(told, "actuals"):
        due.actuals = _old_actuals(ws, place.name, _until(ws, told, "actuals"))
    if _days(told, "samples"):
        due.samples = _old_samples(session, place, iso(_until(ws, told, "samples")))
    return due


def _until(ws: Workspace, told: Any, part: str) -> datetime:
    return ws.clock() - timedelta(days=_days(told, part) or 0)


def _days(told: Any, part: str) -> int | None:
    if told is None:
        return None
    return int(told[part] if isinstance(told, Mapping) else getattr(told, part))


def _old_segments(
    ws: Workspace, session: Session, place: tables.Deployment, until: datetime
) -> list[tables.Segment]:
    """Return the pieces of days that ended before a moment, profiled and counted already."""
    row, pending = tables.Segment, tables.Pending
    waits = sqlmodel.select(pending.source).where(pending.deployment == place.name)
    found = session.exec(
        sqlmodel.select(row)
        .where(row.deployment == place.name, row.removed_at == "")
        .where(row.day < until.strftime("%Y-%m-%d"))
        .where(sqlmodel.col(row.id).not_in(waits))
        .order_by(row.id)
    ).all()
    open_ones = {path.stem for path in ws.telemetry.pieces(place.name).segments}
    return [one for one in found if one.id.rpartition("/")[2] not in open_ones]


def _old_actuals(ws: Workspace, deployment: str, until: datetime) -> list[tuple[Path, int]]:
    from pyarrow import parquet

    stamp = iso(until).replace(":", "").replace("-", "")
    old = [
        path
        for path in whereabouts.actual_files(ws, deployment)
        if path.name.partition("-")[0] < stamp
    ]
    counted = [(path, parquet.ParquetFile(path).metadata.num_rows) for path in old]
    return [(path, rows) for path, rows in counted if rows]


def _all_rows(deployment: str, files: Sequence[tuple[Path, int]]) -> list[whereabouts.Hit]:
    import pyarrow as pa
    from pyarrow import parquet

    return [
        whereabouts.Hit(deployment, path, pa.array([True] * rows), parquet.ParquetFile(path).read())
        for path, rows in files
    ]


def _old_samples(session: Session, place: tables.Deployment, until: str) -> list[tuple[str, str]]:
    """Return the samples of versions that served here last before a moment, and serve nowhere now."""
    found = {}
    for one in rollouts.of_place(session, place, "ended"):
        version = session.get_one(tables.Version, one.version_id)
        last = _served_last(session, version)
        ref = lookup.ref_of(session, version)
        digest = version.lineage.get("sample")
        if digest and last and last < until and not holds.held(session, [f"version:{ref}"]):
            found[ref] = digest
    return sorted(found.items())


def _served_last(session: Session, version: tables.Version) -> str:
    """Return when a version stopped to serve anywhere; empty while it does, or may yet."""
    row = tables.Rollout
    told = session.exec(
        sqlmodel.select(row.state, row.until).where(row.version_id == version.id)
    ).all()
    return "" if any(state != "ended" for state, _ in told) else max(until for _, until in told)


def _told(
    ws: Workspace,
    place: tables.Deployment,
    row: tables.Retention | None,
    days: Mapping[str, int],
) -> Retention:
    with ws.look() as session:
        due = _due(ws, session, place, days)
        held = holds.of_place(session, place)
        risk = risk_of(session, place)
    label = tell(assurance_label(row.actor["assurance"]), name="") if row else ""
    items = [
        RetentionRow(part=part, days=days[part], due=due.counts[part][0], files=due.counts[part][1])
        for part in PARTS
    ]
    return Retention(
        deployment=place.name,
        number=row.number if row else 0,
        items=items,
        by=as_person(row.actor, label=label) if row else None,
        at=row.at if row else "",
        reason=row.reason if row else "",
        held=next(iter(held.values()), ""),
        warnings=warnings(place.name, days, risk),
        because=_because(items, held),
    )


def warnings(name: str, days: Mapping[str, int], risk: str) -> list[str]:
    """Return what is doubtful about a retention: too short for a risk that has to be accounted for."""
    return [
        tell(
            "{name} is of {risk} risk and keeps {part} for {days} days; 183 are usually asked for.",
            name=name,
            risk=risk,
            part=part,
            days=days[part],
        )
        for part in PARTS
        if is_short(days[part], risk)
    ]


def doubts(ws: Workspace) -> list[tuple[str, str]]:
    """Return what is doubtful about the retention of any deployment that is not retired."""
    found = []
    with ws.look() as session:
        places = sqlmodel.select(tables.Deployment).where(tables.Deployment.state != "retired")
        for place in session.exec(places.order_by(tables.Deployment.name)).all():
            told = newest_of(session, place)
            if told is not None:
                days = {part: _days(told, part) or 0 for part in PARTS}
                said = warnings(place.name, days, risk_of(session, place))
                found += [(place.name, one) for one in said]
    return found


def risk_of(session: Session, place: tables.Deployment) -> str:
    """Return the highest risk of the versions that ever served at a deployment, or of its model."""
    order = ("low", "moderate", "high", "critical")
    told = {session.get_one(tables.Model, place.model_id).risk} | {
        session.get_one(tables.Version, one.version_id).risk
        for one in rollouts.of_place(session, place)
    }
    return max((risk for risk in told if risk in order), key=order.index, default="low")


def _because(items: Sequence[RetentionRow], held: Mapping[str, str]) -> str:
    if not any(one["days"] for one in items):
        return tell("Everything is kept: nobody said for how long.")
    if held:
        return tell(
            "Nothing goes while something is held: {because}", because=next(iter(held.values()))
        )
    n = sum(one["files"] for one in items)
    if not n:
        return tell("Nothing is older than that now.")
    return tell(
        "{n} files are older than that, and go with the next round of the watcher.", n=f"{n:,}"
    )
