"""Challengers beside the champion, on the same rows: do they agree, how fast, and who is right?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain.answers import ChallengerRow, Challengers, Compared, Figure
from jupyter_mlops.domain.arguments import DeploymentName, Time, read
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.domain.names import iso
from jupyter_mlops.locale import tell
from jupyter_mlops.services import accuracy, hours, judging, lookup
from jupyter_mlops.services.champions import Champion, champion
from jupyter_mlops.services.packing import figure, finite
from jupyter_mlops.services.window import Window, window
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.services.judging import Judge

QUANTILES: Final = {"p50": 0.5, "p95": 0.95}
NOTHING: Final = Figure(value=None, low=None, high=None)


@dataclass(frozen=True)
class Log:
    """What both said in a window: the answers, what was said beside them, and what went wrong."""

    answers: pa.Table
    beside: pa.Table
    truths: Any
    faults: dict[str, Counter[str]]


@read()
def challengers(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    as_of: Time | None = None,
) -> Challengers:
    """Compare what scores in shadow with the champion, on the rows that both have scored.

    Per version: how many rows, the share of them on which it says the same, how far its scores lie
    from the champion's, its latency in its own process, its errors, and the requests it could not
    keep up with. Where the truth has come, the metrics of both on the same rows. `as_of` answers as it
    would have been answered then, with the labels that had come.
    """
    span = window(ws, since, until, as_of=as_of)
    serving = champion(ws, deployment, span.as_of)
    log, judge = _log(ws, deployment, span), judging.judge(ws, deployment)
    items = [_row(judge, log, row) for row in _tried(ws, deployment, span)]
    return Challengers(
        deployment=deployment,
        version=serving.ref,
        since=iso(span.since),
        until=iso(span.until),
        because=_because(serving, items),
        items=items,
    )


def _tried(ws: Workspace, deployment: str, span: Window) -> list[ChallengerRow]:
    """Return everything that scored in shadow in a window, newest first, its figures still empty."""
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        rows = session.exec(
            sqlmodel.select(tables.Rollout, tables.Version)
            .where(tables.Rollout.deployment_id == place.id)
            .where(tables.Rollout.version_id == tables.Version.id)
            .where(sqlmodel.or_(tables.Rollout.role == "challenger", tables.Rollout.share <= 0))
            .order_by(sqlmodel.col(tables.Rollout.id).desc())
        ).all()
        then = iso(span.as_of) if span.as_of else ""
        kept = [
            (found, version)
            for found, version in rows
            if (not found.until or found.until >= iso(span.since))
            and (not then or "" < found.since <= then)
        ]
        return [
            ChallengerRow(
                ref=lookup.ref_of(session, version),
                digest=version.digest,
                state=cast("Any", _state(found, then)),
                since=found.since,
                because=found.because,
                rows=0,
                agreement=NOTHING,
                apart=None,
                difference=NOTHING,
                latency_ms=dict.fromkeys(QUANTILES),
                errors=0,
                dropped=0,
                labelled=0,
                metrics={},
            )
            for found, version in kept
        ]


def _state(found: tables.Rollout, then: str) -> str:
    """Return how it is with a rollout, or was at a moment by which it had begun."""
    return "live" if then and (not found.until or found.until > then) else found.state


def _log(ws: Workspace, deployment: str, span: Window) -> Log:
    import pyarrow.compute as pc

    whole = ws.telemetry.read_predictions(deployment, span.since, span.until, with_challengers=True)
    answers = whole.filter(pc.equal(whole["role"], "champion"))
    requests = ws.telemetry.read_requests(deployment, span.since, span.until, with_challengers=True)
    ours = requests.filter(pc.equal(requests["role"], "challenger").fill_null(False))
    faults: dict[str, Counter[str]] = {}
    for row in ours.filter(pc.not_equal(ours["kind"], "")).to_pylist():
        dropped = row["kind"] == "dropped"
        kept = faults.setdefault(row["version"], Counter())
        kept["dropped" if dropped else "errors"] += row["rows"] if dropped else 1
    return Log(
        answers=answers,
        beside=whole.filter(pc.equal(whole["role"], "challenger")),
        truths=hours.truths(ws, deployment, answers, span.as_of),
        faults=faults,
    )


def _row(judge: Judge, log: Log, row: ChallengerRow) -> ChallengerRow:
    """Fill in what a challenger did, on the rows that the champion answered."""
    import numpy as np
    import pyarrow.compute as pc

    from jupyter_mlops.stats.intervals import mean
    from jupyter_mlops.stats.service import latency_profile

    own = log.beside.filter(pc.equal(log.beside["digest"], row["digest"]))
    at = {name: i for i, name in enumerate(log.answers["prediction_id"].to_pylist())}
    pairs = [(i, at[name]) for i, name in enumerate(own["beside"].to_pylist()) if name in at]
    mine = own.take([i for i, _ in pairs]) if pairs else own.slice(0, 0)
    theirs = log.answers.take([j for _, j in pairs]) if pairs else log.answers.slice(0, 0)
    truths = log.truths[[j for _, j in pairs]] if pairs else np.array([], dtype=object)
    apart = mine["score"].to_numpy() - theirs["score"].to_numpy()
    latency = latency_profile(mine["latency_ms"].to_numpy())
    faults = log.faults.get(row["ref"], Counter())
    labelled = int(sum(truth is not None for truth in truths))
    return {
        **row,
        "rows": len(pairs),
        "agreement": _agreement(mine, theirs),
        "apart": finite(float(np.abs(apart).mean())) if pairs else None,
        "difference": figure(mean(apart)) if pairs else NOTHING,
        "latency_ms": {name: finite(latency.quantile(q)) for name, q in QUANTILES.items()},
        "errors": faults["errors"],
        "dropped": faults["dropped"],
        "labelled": labelled,
        "metrics": _metrics(judge, mine, theirs, truths) if labelled else {},
    }


def _agreement(mine: pa.Table, theirs: pa.Table) -> Figure:
    """Return the share of rows with the same label; a number has none to agree about."""
    from jupyter_mlops.stats.intervals import wilson

    labels = list(zip(mine["label"].to_pylist(), theirs["label"].to_pylist(), strict=True))
    told = [one == other for one, other in labels if one is not None and other is not None]
    return figure(wilson(sum(told), len(told))) if told else NOTHING


def _metrics(judge: Judge, mine: pa.Table, theirs: pa.Table, truths: Any) -> dict[str, Compared]:
    """Return the metrics of both, where the truth has come."""
    own, champions = (_measured(judge, told, truths) for told in (mine, theirs))
    return {
        name: Compared(challenger=found, champion=champions[name]) for name, found in own.items()
    }


def _measured(judge: Judge, answers: pa.Table, truths: Any) -> dict[str, Figure]:
    known = truths != None  # noqa: E711  (each row)
    score, probabilities = judge.rows_of(answers)
    told = judge.of(truths[known], score[known], probabilities[known])
    return {name: figure(found) for name, found in told.measures().items()}


def _because(serving: Champion, items: list[ChallengerRow]) -> str:
    if not items:
        return tell("Nothing scores beside {ref} in this period.", ref=serving.ref)
    first = items[0]
    if not first["rows"]:
        return tell(
            "{ref} has scored no rows of {champion} yet.", ref=first["ref"], champion=serving.ref
        )
    metric = FIRST_METRIC[serving.task]
    found = first["metrics"].get(metric)
    if found is not None and found["challenger"]["value"] is not None:
        return tell(
            "{metric} of {ref} is {mine}, of {champion} {other}, on the same {n} rows.",
            metric=tell(accuracy.NAMES[metric]),
            ref=first["ref"],
            mine=_short(found["challenger"]),
            champion=serving.ref,
            other=_short(found["champion"]),
            n=f"{first['labelled']:,}",
        )
    if first["agreement"]["value"] is not None:
        return tell(
            "{ref} says the same as {champion} on {share} of {n} rows.",
            ref=first["ref"],
            champion=serving.ref,
            share=f"{first['agreement']['value']:.1%}",
            n=f"{first['rows']:,}",
        )
    return tell(
        "{ref} is {apart} away from {champion} on average, over {n} rows.",
        ref=first["ref"],
        apart=f"{first['apart'] or 0:.3g}",
        champion=serving.ref,
        n=f"{first['rows']:,}",
    )


def _short(found: Figure) -> str:
    return "–" if found["value"] is None else f"{found['value']:.3g}"
