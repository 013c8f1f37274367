"""Rollouts that go by themselves: looked at again and again, raised, promoted or taken back.

Several keepers may look at once: what one decides is written only if the rollout is still as it was
when it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import gates
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.errors import Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, proof, rollouts, rules
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST_TIMES: Final = 50
"""Answers of a champion that it takes to know how fast it is."""


@dataclass(frozen=True)
class Trial:
    """A rollout under way, as it was when it was looked at."""

    rollout: int
    deployment: str
    ref: str
    digest: str
    champion: str
    share: float
    began: str
    plan: dict[str, Any]

    @property
    def pace(self) -> gates.Pace:
        """Return how it goes."""
        return gates.read_pace({k: v for k, v in self.plan.items() if k != "began"})


def tend(ws: Workspace) -> int:
    """Look after everything that goes by itself; return how much that is."""
    trials = [_trial(ws, found) for found in rollouts.go_by_themselves(ws)]
    agreed = rules.applied(ws) if trials else {}
    for trial in trials:
        found = agreed.get(trial.deployment)
        _tend(ws, trial, found.objectives if found else Objectives())
    return len(trials)


def _trial(ws: Workspace, found: tables.Rollout) -> Trial:
    with ws.look() as session:
        place = session.get_one(tables.Deployment, found.deployment_id)
        version = session.get_one(tables.Version, found.version_id)
        serving = lookup.champion(session, place)
        return Trial(
            rollout=found.id,
            deployment=place.name,
            ref=lookup.ref_of(session, version),
            digest=version.digest,
            champion=lookup.ref_of(session, serving[1]) if serving else "",
            share=found.share,
            began=found.plan["began"],
            plan=found.plan,
        )


def _tend(ws: Workspace, trial: Trial, agreed: Objectives) -> None:
    seen = _seen(ws, trial, agreed)
    verdict = gates.judge(seen, trial.pace, agreed_errors=agreed.error_rate)
    if verdict.do == "raise":
        try:
            _raise(ws, trial)
        except Refused as refused:  # its approval does not hold any more
            _take_back(ws, trial, refused.message)
    elif verdict.fault is not None:
        _take_back(ws, trial, _because(trial, seen, verdict.fault))


def _seen(ws: Workspace, trial: Trial, agreed: Objectives) -> gates.Seen:
    """Add up what both models did since the step began."""
    from jupyter_mlops.stats.sequential import excess

    since = datetime.fromisoformat(trial.began)
    log = ws.telemetry.read_predictions(trial.deployment, since, with_challengers=True)
    failed = _failures(ws, trial, since)
    mine = _of_version(log, trial.digest, "canary" if trial.share else "challenger")
    theirs = _answers_of_champion(log)
    champion = _side(theirs, failed.get(trial.champion, 0))
    candidate = _side(mine, failed.get(trial.ref, 0))
    asked = candidate.answered + candidate.failed
    limit = gates.slowest(
        champion.p95 if champion.answered >= FEWEST_TIMES else None, agreed.latency_p95_ms
    )
    share = asked / max(asked + champion.answered + champion.failed, 1)
    return gates.Seen(
        candidate=candidate,
        champion=champion,
        minutes=(ws.clock() - since).total_seconds() / 60,
        rows=mine.num_rows,
        more_errors=excess(candidate.failed, champion.failed, share) if 0 < share < 1 else 0.0,
        above_objective=excess(candidate.failed, candidate.answered, agreed.error_rate)
        if agreed.error_rate and agreed.error_rate < 1
        else 0.0,
        too_slow=_slow(mine, limit) if trial.share else 0.0,
        otherwise=0.0 if trial.share else _otherwise(mine, theirs, trial.pace.agreement),
    )


def _of_version(log: pa.Table, digest: str, role: str) -> pa.Table:
    import pyarrow.compute as pc

    return log.filter(pc.and_(pc.equal(log["digest"], digest), pc.equal(log["role"], role)))


def _answers_of_champion(log: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    return log.filter(pc.equal(log["role"], "champion"))


def _failures(ws: Workspace, trial: Trial, since: datetime) -> dict[str, int]:
    """Return how many requests each version failed to answer, in shadow too.

    A frame names a version only where it was that version's failure; rows that no model reads weigh
    on both alike. What a shadow could not keep up with is no failure.
    """
    import pyarrow.compute as pc

    log = ws.telemetry.read_requests(trial.deployment, since, with_challengers=True)
    failed = pc.invert(pc.is_in(log["kind"], value_set=_well(log)))
    counted = pc.value_counts(log.filter(pc.and_(failed, pc.is_valid(log["version"])))["version"])
    return {row["values"]: row["counts"] for row in counted.to_pylist()}


def _well(log: pa.Table) -> Any:
    import pyarrow as pa

    return pa.array(["", "dropped"], type=log["kind"].type)


def _side(log: pa.Table, failed: int) -> gates.Side:
    """Return what one model did, in requests: the rows of one were answered at one moment."""
    import pyarrow.compute as pc

    from jupyter_mlops.services.packing import finite
    from jupyter_mlops.stats.service import latency_profile

    p95 = finite(latency_profile(log["latency_ms"].to_numpy()).quantile(0.95))
    return gates.Side(pc.count_distinct(log["at"]).as_py(), failed, p95)


def _slow(log: pa.Table, limit: float | None) -> float:
    """Return the evidence that more than a twentieth of the answers took longer than they may."""
    import pyarrow.compute as pc

    from jupyter_mlops.stats.sequential import excess

    if limit is None:
        return 0.0
    late = pc.sum(pc.greater(log["latency_ms"], limit)).as_py() or 0
    return excess(late, log.num_rows - late, 0.05)


def _otherwise(mine: pa.Table, theirs: pa.Table, agreement: float) -> float:
    """Return the evidence that a shadow says something else more often than it may."""
    from jupyter_mlops.stats.sequential import excess

    if not 0 < agreement < 1:
        return 0.0
    told = dict(zip(theirs["prediction_id"].to_pylist(), theirs["label"].to_pylist(), strict=True))
    pairs = [
        (label, told[beside])
        for label, beside in zip(mine["label"].to_pylist(), mine["beside"].to_pylist(), strict=True)
        if label is not None and beside in told
    ]
    apart = sum(one != other for one, other in pairs)
    return excess(apart, len(pairs) - apart, 1 - agreement)


def _raise(ws: Workspace, trial: Trial) -> None:
    """Give a candidate its next share; the last is everything."""
    share = gates.next_share(trial.plan["steps"], trial.share)
    with ws.act("deployment:ramp", subject=f"deployment:{trial.deployment}") as act:
        going = act.session.get_one(tables.Rollout, trial.rollout)
        if not _is_as_it_was(going, trial):
            act.nothing()
            return
        proof.verify(act.session, going)
        place = act.session.get_one(tables.Deployment, going.deployment_id)
        version = act.session.get_one(tables.Version, going.version_id)
        now = ws.now()
        if going.share <= 0:
            going.state = "loading"  # it is not where requests are answered yet
        elif share >= WHOLE:
            rollouts.end(act.session, place, now=now, version=version.id)
            going.state, going.since, going.until = "live", now, ""
            place.model_id = version.model_id
        going.share = share
        going.gate = "canary" if going.gate == "shadow" and share < WHOLE else going.gate
        going.plan = {**going.plan, "began": now} if share < WHOLE else {}
        act.session.add_all([going, place])
        act.outcome = "carried out"
        act.before = {"version": trial.ref, "share": trial.share}
        act.after = {"version": trial.ref, "digest": trial.digest, "share": share}


def _take_back(ws: Workspace, trial: Trial, because: str) -> None:
    """Let the champion answer everything again; no decision is needed for what was approved."""
    subject = f"deployment:{trial.deployment}"
    with ws.act("deployment:takeback", subject=subject, reason=because) as act:
        going = act.session.get_one(tables.Rollout, trial.rollout)
        if not _is_as_it_was(going, trial):
            act.nothing()
            return
        going.state, going.until, going.because = "failed", ws.now(), because
        act.session.add(going)
        act.outcome = "carried out"
        act.before = {"version": trial.ref, "share": trial.share}
        act.after = {"version": trial.champion, "share": WHOLE}


def _is_as_it_was(going: tables.Rollout, trial: Trial) -> bool:
    now = (going.state, going.share, (going.plan or {}).get("began"))
    return now == ("live", trial.share, trial.began)


def _because(trial: Trial, seen: gates.Seen, fault: gates.Fault) -> str:
    mine, other = seen.candidate, seen.champion
    figures: dict[str, Any] = {
        "ref": trial.ref,
        "failed": mine.failed,
        "n": mine.answered + mine.failed,
        "champion": trial.champion,
        "others": other.failed,
        "of": other.answered + other.failed,
    }
    if fault == "errors":
        return tell(
            "{ref} failed {failed} of {n} requests, {champion} {others} of {of}.", **figures
        )
    if fault == "objective_errors":
        return tell("{ref} failed {failed} of {n} requests, more than was agreed.", **figures)
    if fault == "slow":
        return tell(
            "95 % of the answers of {ref} took up to {mine} ms, of {champion} up to {other} ms.",
            **figures,
            mine=f"{mine.p95 or 0:.3g}",
            other=f"{other.p95 or 0:.3g}",
        )
    return tell("{ref} answers otherwise than {champion} in most cases.", **figures)
