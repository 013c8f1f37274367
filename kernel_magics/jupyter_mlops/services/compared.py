"""Versions side by side: what differs, and how they do on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyter_mlops.domain.arguments import Ref, Refs, Time, read
from jupyter_mlops.domain.compared import (
    Compare,
    ComparedVersion,
    MetricRow,
    SameRows,
)
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.domain.imported import check_more_than_record
from jupyter_mlops.domain.measured import Figure
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.domain.registry import Kindred, check_comparable
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services import accuracy, differences, lookup, paired, registry, samerows
from jupyter_mlops.services.differences import Told
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

MOST: Final = 6
"""Versions that are put side by side at once: as many as a picture has colours for."""


@dataclass(frozen=True)
class Side:
    """One of the versions, with what it was registered with."""

    told: Told
    kindred: Kindred
    shown: ComparedVersion
    metrics: Mapping[str, Figure]

    @property
    def ref(self) -> str:
        """Return how people write this version."""
        return self.told.ref


@read()
def compare(
    ws: Workspace, ref: Ref, other: Ref, more: Refs = (), *, as_of: Time | None = None
) -> Compare:
    """Put versions side by side; the first is what the others are compared with.

    Their metrics with intervals, and in what they differ: features, parameters, data, environment,
    release checks, and the cells that registered them. All of them are asked about the same rows,
    those kept of the first whose rows all can read, each in a process of its own: metrics, a paired
    test of the first metric's difference with its interval, and the rows where they are furthest
    apart. With `as_of` they stand as they stood then: where they were live, and what their checks had
    said.
    """
    known_until = iso(parse_time(as_of, now=ws.clock())) if as_of else ""
    with ws.look() as session:
        sides = _sides(session, [ref, other, *more], known_until)
    first, *others = sides
    metric = FIRST_METRIC[first.kindred.task]
    asked = samerows.ask(ws, [side.told for side in sides])
    same = (
        paired.told(asked, [side.told for side in sides])
        if isinstance(asked, samerows.Asked)
        else asked
    )
    changes = [change for side in others for change in differences.changes(first.told, side.told)]
    return Compare(
        refs=[side.ref for side in sides],
        task=first.kindred.task,
        target=first.kindred.target,
        metric=metric,
        because=_because(sides, metric, same),
        items=[*_registered(sides), *_measured(asked)],
        versions=[side.shown for side in sides],
        changes=changes,
        code=[differences.code(first.told, side.told) for side in others],
        same_rows=same,
    )


def _sides(session: Session, refs: Sequence[str], known_until: str) -> list[Side]:
    """Return the versions that references name.

    Raises:
        Invalid: one of them is named twice, or there are too many.
        Refused: they do not answer the same question.
    """
    if len(refs) > MOST:
        raise Invalid(
            "{n} versions do not fit side by side.",
            "compare at most {most} at once.",
            code="too_many_versions",
            n=len(refs),
            most=MOST,
        )
    sides: list[Side] = []
    for ref in refs:
        side = _side(session, *lookup.version(session, ref, known_until), known_until)
        if side.ref in [known.ref for known in sides]:
            raise Invalid(
                "{ref} is named twice: a version does not differ from itself.",
                "name another version; `models` lists what is registered.",
                code="version_twice",
                ref=side.ref,
            )
        if sides:
            check_comparable(sides[0].ref, sides[0].kindred, side.ref, side.kindred)
        sides.append(side)
    return sides


def _side(
    session: Session, parent: tables.Model, version: tables.Version, known_until: str
) -> Side:
    manifest = registry.read_manifest(version)
    check_more_than_record(f"{parent.name}:{version.number}", manifest["format"])
    ref = f"{parent.name}:{version.number}"
    found = remembered.newest(session, version, known_until)
    checked = {row.name: row.outcome for row in found}
    about = differences.held(version.lineage, "about")
    return Side(
        told=Told(ref, manifest, version.lineage, version.risk, checked),
        kindred=Kindred(manifest["target"], manifest["task"], manifest["classes"]),
        shown=ComparedVersion(
            ref=ref,
            digest=version.digest,
            created_at=version.at,
            estimator=str(about.get("estimator", ""))[: differences.LONGEST],
            deployments=lookup.live_deployments(session, version, known_until),
            measured_by=version.measured_by,
            checks=checked,
            checked_at=found[0].at if found else None,
        ),
        metrics=version.metrics,
    )


def _registered(sides: Sequence[Side]) -> list[MetricRow]:
    names = dict.fromkeys(name for side in sides for name in side.metrics)
    return [
        MetricRow(metric=name, ref=side.ref, measured="registered", **side.metrics[name])
        for name in names
        for side in sides
        if name in side.metrics
    ]


def _measured(asked: samerows.Asked | SameRows) -> list[MetricRow]:
    return samerows.metrics(asked) if isinstance(asked, samerows.Asked) else []


def _because(sides: Sequence[Side], metric: str, same: SameRows) -> str:
    """Say what the test says; without one, what was registered, and why there is no test."""
    if same["tests"]:
        return " ".join(test["because"] for test in same["tests"])
    figures = ", ".join(f"{side.ref} {_short(side.metrics.get(metric))}" for side in sides)
    said = tell(
        "{metric} as registered: {figures}.", metric=tell(accuracy.NAMES[metric]), figures=figures
    )
    absent = " ".join(f"{one['ref']}: {one['because']}" for one in same["absent"])
    return f"{said} {absent or same['because']}"


def _short(found: Figure | None) -> str:
    return "–" if found is None or found["value"] is None else f"{found['value']:.3g}"
