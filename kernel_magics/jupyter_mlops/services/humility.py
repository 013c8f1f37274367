"""How often a deployment doubted itself, what waits for a person, and whether its intervals hold."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import health
from jupyter_mlops.domain.answers import Coverage, Figure, FiredRule, Humility, Point, Review
from jupyter_mlops.domain.arguments import DeploymentName, Time, read
from jupyter_mlops.domain.limits import Limits
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.verdicts import FIRED, REVIEWED
from jupyter_mlops.locale import tell
from jupyter_mlops.services import batches, hours, limits, lookup, masks
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.champions import Champion, champion
from jupyter_mlops.services.packing import figure
from jupyter_mlops.services.registry import read_manifest
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.domain.humility import Rule

MOST_REVIEWS: Final = 1000
_REFUSED: Final = "humility:"


@dataclass(frozen=True)
class Heard:
    """What a window of the log says of rules: when predictions were made, and their signs."""

    at: Sequence[datetime]
    signs: Sequence[Sequence[str]]
    refused: Counter[str]


@read()
def humility(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
    as_of: Time | None = None,
) -> Humility:
    """Show how often each rule fired, which cases wait for a person, and whether intervals hold.

    A case waits from the answer that a rule with `then: review` marked until `actuals` says what
    really happened. The coverage of an interval is the share of actuals inside it, with an interval
    of its own. `as_of` answers as it would have been answered then. `by` cuts the time into periods: `batch` into the newest 40 requests with more than one row.
    """
    span = batches.cut(ws, deployment, window(ws, since, until, by, as_of))
    serving = champion(ws, deployment, span.as_of)
    log = ws.telemetry.read_predictions(deployment, span.since, span.until)
    reviews = masks.rows(ws, deployment, _reviews(ws, deployment, log, span.as_of))
    held = _coverage(ws, serving, log, span.as_of)
    found = written.of_deployment(ws, deployment, span.as_of)
    rules = {rule.name: rule for rule in (found.humility if found else ())}
    items = _items(rules, span, _heard(ws, deployment, log, span), reviews)
    idle = [name for name, rule in rules.items() if not rule.can_be_judged(serving.limits)]
    status = health.worst(row["status"] for row in held)
    first, last = span.told
    told = Humility(
        deployment=deployment,
        version=serving.ref,
        status=status,
        because=_because(serving, log.num_rows, items, len(reviews), held, idle),
        since=first,
        until=last,
        n=log.num_rows,
        items=items,
        waiting=len(reviews),
        reviews=reviews[:MOST_REVIEWS],
        coverage=held,
    )
    if span.by == "batch":
        told["batches"] = batches.told(span)
    return told


def _heard(ws: Workspace, deployment: str, log: pa.Table, span: Window) -> Heard:
    requests = ws.telemetry.read_requests(deployment, span.since, span.until)
    kinds = [kind for kind in requests["kind"].to_pylist() if kind.startswith(_REFUSED)]
    return Heard(
        at=log["at"].to_pylist(),
        signs=[found or [] for found in log["warnings"].to_pylist()],
        refused=Counter(kind.removeprefix(_REFUSED) for kind in kinds),
    )


def _items(
    rules: Mapping[str, Rule], span: Window, heard: Heard, reviews: Sequence[Review]
) -> list[FiredRule]:
    """Return the rules in force in their order, then those that fired and have ended since."""
    fired: dict[str, list[datetime]] = defaultdict(list)
    for at, signs in zip(heard.at, heard.signs, strict=True):
        for sign in signs:
            if sign.startswith(FIRED):
                fired[sign.removeprefix(FIRED)].append(at)
    names = dict.fromkeys((*rules, *sorted({*fired, *heard.refused})))
    periods = [(start, end, _between(heard.at, start, end)) for start, end in span.periods()]
    waiting = {name: [found["id"] for found in reviews if name in found["rules"]] for name in names}
    return [
        FiredRule(
            name=name,
            when=rules[name].when if name in rules else "",
            then=rules[name].then if name in rules else "",
            in_force=name in rules,
            fired=len(fired[name]),
            refused=heard.refused[name],
            share=len(fired[name]) / len(heard.at) if heard.at else 0.0,
            waiting=waiting[name][:MOST_REVIEWS],
            series=[
                _point(start, end, n, _between(fired[name], start, end))
                for start, end, n in periods
            ],
        )
        for name in names
    ]


def _between(moments: Sequence[datetime], start: datetime, end: datetime) -> int:
    """Count the moments of a period; they are in their order."""
    return bisect_left(moments, end) - bisect_left(moments, start)


def _point(start: datetime, end: datetime, n: int, fired: int) -> Point:
    return Point(start=iso(start), end=iso(end), n=n, value=fired / n if n else None)


def _reviews(ws: Workspace, deployment: str, log: pa.Table, as_of: datetime | None) -> list[Review]:
    """Return the cases that wait for a person, oldest first: nobody has said what happened."""
    settled: dict[str, datetime] = {}
    for row in ws.telemetry.read_actuals(deployment).to_pylist():
        if as_of is not None and row["known_at"] > as_of:
            continue
        for name in filter(None, (row["prediction_id"], row["id"])):
            settled[name] = max(row["known_at"], settled.get(name, row["known_at"]))
    wanted = ("prediction_id", "id", "at", "version", "score", "label", "warnings")
    found = []
    for row in log.select(list(wanted)).to_pylist():
        rules = [
            sign.removeprefix(REVIEWED)
            for sign in row["warnings"] or ()
            if sign.startswith(REVIEWED)
        ]
        known = max(
            (settled[name] for name in (row["prediction_id"], row["id"]) if name in settled),
            default=None,
        )
        if rules and (known is None or known < row["at"]):
            found.append(_review(row, rules))
    return found


def _review(row: dict[str, Any], rules: list[str]) -> Review:
    return Review(
        id=row["id"],
        prediction_id=row["prediction_id"],
        at=iso(row["at"]),
        prediction=row["score"] if row["label"] is None else row["label"],
        rules=rules,
        version=row["version"],
    )


def _coverage(
    ws: Workspace, serving: Champion, log: pa.Table, as_of: datetime | None
) -> list[Coverage]:
    """Return, for each level, how many actuals lay inside the intervals of their own version."""
    from jupyter_mlops.stats.intervals import wilson

    truths = hours.truths(ws, serving.deployment, log, as_of)
    known = _limits(ws, serving, log)
    changed = _changing(ws, serving.deployment) if serving.task == "regression" else frozenset()
    inside: dict[str, list[bool]] = {level: [] for level in serving.limits.levels}
    positions = {str(name): at for at, name in enumerate(serving.classes)}
    wanted = ("digest", "score", "probabilities", "warnings")
    for row, truth in zip(log.select(list(wanted)).to_pylist(), truths, strict=True):
        told = known.get(row["digest"])
        if truth is None or told is None or not changed.isdisjoint(row["warnings"] or ()):
            continue
        for level, held in inside.items():
            is_held = _is_held(told, level, row, truth, positions)
            if is_held is not None:
                held.append(is_held)
    return [
        _covered(float(level), len(held), figure(wilson(sum(held), len(held))))
        for level, held in inside.items()
    ]


def _is_held(
    told: Limits, level: str, row: dict[str, Any], truth: str, positions: Mapping[str, int]
) -> bool | None:
    """Say whether an actual lies inside; None where there is no such interval."""
    if told.least:
        if level not in told.least or row["probabilities"] is None:
            return None
        return bool(row["probabilities"][positions[truth]] >= told.least[level])
    half = told.half_at(row["score"], level)
    return None if half is None else abs(float(truth) - row["score"]) <= half


def _covered(level: float, n: int, share: Figure) -> Coverage:
    return Coverage(level=level, n=n, **share, status=health.of_coverage(level, n, share))


def _limits(ws: Workspace, serving: Champion, log: pa.Table) -> dict[str, Limits]:
    """Return the figures of every version that answered, by its digest."""
    known = {serving.digest: serving.limits}
    with ws.look() as session:
        for found in set(log["digest"].to_pylist()) - set(known):
            _, version = lookup.version(session, found)
            known[found] = limits.of_version(session, version, read_manifest(version))
    return known


def _changing(ws: Workspace, deployment: str) -> frozenset[str]:
    """Return the signs of all rules, ended ones too, that gave another value than the model's."""
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        bodies = session.exec(
            sqlmodel.select(tables.Rules.body).where(tables.Rules.deployment_id == place.id)
        ).all()
    return frozenset(
        FIRED + rule["name"]
        for body in bodies
        for rule in json.loads(body)["humility"]
        if rule["then"] == "override"
    )


def _because(
    serving: Champion,
    n: int,
    items: Sequence[FiredRule],
    waiting: int,
    held: Sequence[Coverage],
    idle: Sequence[str],
) -> str:
    if not n:
        return tell("No predictions in this period.")
    said = [_covering(row) for row in held if row["status"] in ("warning", "failing")][:1]
    if idle:
        said.append(
            tell(
                "{names} never fires: {ref} was registered without the figures it needs.",
                names=", ".join(idle),
                ref=serving.ref,
            )
        )
    doubted = sum(row["fired"] for row in items)
    refused = sum(row["refused"] for row in items)
    if items:
        said.append(
            tell(
                "Rules fired {fired} times on {n} predictions and refused {refused} requests.",
                fired=f"{doubted:,}",
                n=f"{n:,}",
                refused=f"{refused:,}",
            )
        )
    if waiting == 1:
        said.append(tell("1 case waits for a person."))
    elif waiting:
        said.append(tell("{n} cases wait for a person.", n=f"{waiting:,}"))
    quiet = [row for row in held if row["status"] == "passing"]
    if quiet and len(said) < 2:  # noqa: PLR2004  (a sentence or two is what one reads)
        said.append(_covering(quiet[-1]))
    if not held and not items:
        said.append(_nothing(serving))
    return " ".join(said) or tell("Nothing was doubted, and too few actuals are known to tell.")


def _covering(row: Coverage) -> str:
    return tell(
        "The {level} interval held {share} of {n} actuals.",
        level=f"{row['level']:.0%}",
        share=f"{(row['value'] or 0):.1%}",
        n=f"{row['n']:,}",
    )


def _nothing(serving: Champion) -> str:
    return tell(
        "There are no rules, and {ref} has no intervals: it was registered with {n} holdout rows.",
        ref=serving.ref,
        n=f"{serving.limits.rows:,}",
    )
