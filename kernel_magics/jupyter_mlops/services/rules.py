"""The rules of a deployment: service objectives, and what is done when its model is unsure."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import gates, humility, objectives, release
from jupyter_mlops.domain import monitoring as watching
from jupyter_mlops.domain.answers import HumilityRule, Rules
from jupyter_mlops.domain.arguments import DeploymentName, Text, Time, deed
from jupyter_mlops.domain.governing import Proposed
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.errors import Corrupt, Invalid, Refused, did_you_mean
from jupyter_mlops.services import champions, governed, lookup, opinions, plainly, proposals, server
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.domain.approvals import Policy

_PARTS: Final = ("objectives", "humility", "rollout", "monitoring", "release")


@dataclass(frozen=True)
class Applied:
    """The rules that apply to a deployment now."""

    digest: str
    objectives: objectives.Objectives
    humility: tuple[humility.Rule, ...]
    rollout: gates.Pace = gates.DEFAULT
    monitoring: watching.Monitoring = watching.DEFAULT
    release: release.Release = release.DEFAULT

    @property
    def refs(self) -> tuple[str, ...]:
        """Return the other versions that these rules ask, each once."""
        return tuple(dict.fromkeys(ref for rule in self.humility for ref in rule.refs))


@deed()
def rules(
    ws: Workspace,
    deployment: DeploymentName,
    text: Text = "",
    *,
    propose: bool = False,
    dry_run: Time | None = None,
    as_of: Time | None = None,
    reason: str = "",
) -> Rules:
    """Show the rules of a deployment, or put new ones in force from a cell of YAML.

    `objectives` holds `latency_p95_ms` and `error_rate`. `humility` is a list of rules that are
    tried on each answer in their order; each may have a `name` of its own. `when` says on what:

    - `uncertain`: `between` two bounds of a probability, `outside` two bounds of a value, or an
      interval that is `wider_than` so much (of classes: a set of more than so many) at a `level`
    - `outlying`: a number outside the training range; `features` names some
    - `unseen`: a category the training data did not have, or had `rarer_than` a share of its rows
    - `missing`: `more_than` a share of the `features`
    - `unusual`: farther from the training rows, all numbers together, than `more_than` of them were
    - `disagree`: the version `with_ref` answers otherwise, or by `more_than` so much
    - `expression`: a condition such as `age < 18 and plan in ['basic']`; names with spaces stand
      between backticks

    `then` says what comes of it: `note` marks the answer, `review` also keeps it for a person
    (`humility` lists what waits), `override` gives what `with` says instead, or `to: bound` the
    nearest value of `outside`, or `to: mean` the mean of the training target, `fallback` lets the
    version `to_ref` answer, `refuse` answers the request with a problem. The first rule that changes
    an answer wins, and one that refuses wins over all. Versions that rules ask were live at the
    deployment before.

    `rollout` holds how a canary ramps: its `steps`, the `rows` and `minutes` each is held for at
    least, and the `agreement` that a shadow has to reach.

    `monitoring` says how closely is watched and what becomes an alert: the rhythm (`every` hour, day
    or week), the `false_alarms` accepted in 30 days, the fewest `rows`, floors for a warning and for
    failing (`psi`, `missing`, of single `features`, of metrics under `accuracy`, of the share of
    answers that `humility` marks, and of the `burn` rate of the error budget), features to `exclude`
    and to `star`, how many quiet windows end an alert (`resolve_after`), for how many days findings
    that are over are kept (`keep_days`), which findings become
    `alerts` of which severity (`drift: {warning: info, failing: critical}`, or `none`), and the name
    of the `webhook` that hears of them.

    `release` says what `check` and `request` hold a version against: the `margin` by which
    its first metric may be worse than the champion's, and under `fairness` the least ratio of a protected group to
    the best one, by measure (`proportional_parity: 0.8`), with the class that is `favourable`.

    Every version of the rules is kept; an empty mapping, `{}`, ends them. `propose` shows rules with
    bounds from the holdout, ready to be changed and put in force. `dry_run 30d` says which alerts
    rules would have raised since then, those of the cell or else those in force; nothing is written.
    `as_of` shows those that were in force then.
    """
    if as_of is not None:
        return _of_then(ws, deployment, text, as_of)
    if dry_run is not None:
        return _rehearsed(ws, deployment, text, dry_run)
    if propose or not text.strip():
        return _shown(ws, deployment, propose=propose)
    serving = champions.champion(ws, deployment)
    subject = _subject(serving)
    about, asking = f"deployment:{deployment}", _asking(deployment, text)
    governed.check(
        ws,
        asking,
        "rules:change",
        subject=about,
        reason=reason,
        possible=lambda: _written(text, serving, subject),
    )
    with ws.act("rules:change", subject=about, reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        written = _written(text, serving, subject)
        body = {
            "objectives": written.objectives.to_dict(),
            "humility": [_resolved(act.session, place, rule, subject) for rule in written.humility],
            "rollout": written.rollout.to_dict(),
            "monitoring": written.monitoring.to_dict(),
            "release": written.release.to_dict(),
        }
        before = _newest(act.session, place)
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = chain.digest(canonical)
        if before is not None and before.digest == digest and before.text == text:
            act.nothing()
        else:
            governed.spend(ws, act, asking)
            number = before.number + 1 if before else 1
            act.session.add(
                tables.Rules(
                    deployment_id=place.id,
                    number=number,
                    digest=digest,
                    text=text,
                    body=canonical,
                    at=ws.now(),
                )
            )
            act.before = {"number": before.number, "digest": before.digest} if before else None
            act.after = {**(act.after or {}), "number": number, "digest": digest}
    server.await_rules(ws, deployment, digest)
    return _shown(ws, deployment)


def _asking(deployment: str, text: str) -> governed.Asking:
    """Return how new rules are asked for: with what they replace."""

    def asked(session: Session) -> tuple[Proposed, Policy | None]:
        before = _newest(session, lookup.deployment(session, deployment))
        proposed = Proposed(
            "rules",
            deployment,
            "rules",
            {"deployment": deployment, "text": text},
            before=before.digest if before else "",
            deployment=deployment,
        )
        change = governed.of_place(session, "rules", deployment)
        return proposed, governed.taken(session, change)

    return asked


def _subject(serving: champions.Champion) -> humility.Subject:
    return humility.Subject(serving.task, serving.classes, serving.features, serving.limits)


def _written(text: str, serving: champions.Champion, subject: humility.Subject) -> Applied:
    """Return rules as somebody wrote them, every part checked; they have no digest yet."""
    told = _parsed(text)
    return Applied(
        digest="",
        objectives=objectives.read(told.get("objectives", {})),
        humility=tuple(humility.read_rules(told.get("humility", []), subject)),
        rollout=gates.read_pace(told.get("rollout", {})),
        monitoring=watching.read(
            told.get("monitoring", {}),
            features=[feature["name"] for feature in serving.features],
            metrics=list(serving.metrics),
        ),
        release=release.read(told.get("release", {}), classes=serving.classes),
    )


def _rehearsed(ws: Workspace, deployment: str, text: str, since: str) -> Rules:
    """Return the rules in force, and what those of the text would have done."""
    from jupyter_mlops.services import rehearsal

    serving = champions.champion(ws, deployment)
    tried = (
        _written(text, serving, _subject(serving))
        if text.strip()
        else of_deployment(ws, deployment) or Applied("", objectives.Objectives(), ())
    )
    told = rehearsal.rehearse(ws, serving, tried.monitoring, tried.objectives, since)
    return {**_shown(ws, deployment), "rehearsal": told}


def _resolved(
    session: Session, place: tables.Deployment, rule: humility.Rule, subject: humility.Subject
) -> dict[str, Any]:
    """Return a rule as it is kept: the versions it asks by their numbers, each one approved."""
    asked = {
        name: opinions.named(session, place, getattr(rule, name), subject.features)
        for name in ("with_ref", "to_ref")
        if getattr(rule, name)
    }
    return {**rule.to_dict(), **asked}


def applied(ws: Workspace) -> dict[str, Applied]:
    """Return the rules that apply now, by deployment: the newest that are as they were written.

    Rules that somebody changed afterwards are passed over, so that the ones before them hold.
    """
    with ws.look() as session:
        rows = session.exec(
            sqlmodel.select(tables.Deployment, tables.Rules)
            .where(tables.Rules.deployment_id == tables.Deployment.id)
            .order_by(sqlmodel.col(tables.Rules.number))
        ).all()
    newest: dict[str, Applied] = {}
    for place, row in rows:
        with contextlib.suppress(Corrupt):
            newest[place.name] = _read(row)
    return newest


def of_deployment(ws: Workspace, deployment: str, at: datetime | None = None) -> Applied | None:
    """Return the rules that apply to one deployment, or applied then, if it has any."""
    with ws.look() as session:
        found = _newest(session, lookup.deployment(session, deployment), at)
    return _read(found) if found else None


def numbers(ws: Workspace) -> dict[str, int]:
    """Return the number of the rules that apply, by deployment."""
    with ws.look() as session:
        rows = session.exec(
            sqlmodel.select(tables.Deployment.name, sqlmodel.func.max(tables.Rules.number))
            .where(tables.Rules.deployment_id == tables.Deployment.id)
            .group_by(tables.Deployment.name)
        ).all()
    return dict(rows)


def monitoring(ws: Workspace, deployment: str, at: datetime | None = None) -> watching.Monitoring:
    """Return how a deployment is watched, or was watched then."""
    found = of_deployment(ws, deployment, at)
    return found.monitoring if found else watching.DEFAULT


def _of_then(ws: Workspace, deployment: str, text: str, as_of: str) -> Rules:
    """Return the rules that were in force at a moment.

    Raises:
        Invalid: there are new ones in the same breath.
    """
    if text.strip():
        raise Invalid(
            "Rules of the past are only shown.",
            "leave --as-of out to put the rules of the cell in force.",
            code="rules_of_then",
        )
    return _shown(ws, deployment, at=parse_time(as_of, now=ws.clock()))


def _shown(
    ws: Workspace, deployment: str, *, propose: bool = False, at: datetime | None = None
) -> Rules:
    with ws.look() as session:
        found = _newest(session, lookup.deployment(session, deployment), at)
    if found is None:
        return Rules(
            deployment=deployment,
            number=0,
            digest="",
            text="",
            objectives={},
            rollout=gates.DEFAULT.to_dict(),
            monitoring=watching.DEFAULT.to_dict(),
            release=release.DEFAULT.to_dict(),
            items=[],
            at="",
            proposal="" if at else _proposed(ws, deployment),
        )
    now = _read(found)
    return Rules(
        deployment=deployment,
        number=found.number,
        digest=found.digest,
        text=found.text,
        objectives=now.objectives.to_dict(),
        rollout=now.rollout.to_dict(),
        monitoring=now.monitoring.to_dict(),
        release=now.release.to_dict(),
        items=[cast("HumilityRule", rule.to_dict()) for rule in now.humility],
        at=found.at,
        proposal=_proposed(ws, deployment) if propose else "",
    )


def _proposed(ws: Workspace, deployment: str) -> str:
    """Return the rules that the holdout of the champion suggests; none where nothing is live."""
    with contextlib.suppress(Refused):
        return proposals.proposed(champions.champion(ws, deployment))
    return ""


def _newest(
    session: Session, place: tables.Deployment, at: datetime | None = None
) -> tables.Rules | None:
    query = sqlmodel.select(tables.Rules).where(tables.Rules.deployment_id == place.id)
    if at is not None:
        query = query.where(sqlmodel.col(tables.Rules.at) <= iso(at))
    return session.exec(query.order_by(sqlmodel.col(tables.Rules.number).desc())).first()


def _read(row: tables.Rules) -> Applied:
    if chain.digest(row.body) != row.digest:
        raise Corrupt(
            "The rules {digest} were changed after they were written.",
            "`audit --verify` says what else was.",
            code="rules_changed",
            digest=row.digest,
        )
    told = json.loads(row.body)
    return Applied(
        digest=row.digest,
        objectives=objectives.Objectives(**told["objectives"]),
        humility=tuple(
            humility.Rule(**{**rule, "features": tuple(rule["features"])})
            for rule in told["humility"]
        ),
        rollout=gates.read_pace(told.get("rollout", {})),
        monitoring=watching.kept(told.get("monitoring", {})),
        release=release.read(told.get("release", {})),
    )


def _parsed(text: str) -> dict[str, Any]:
    told = plainly.mapping(text, _not_rules)
    for part in told:
        if part not in _PARTS:
            meant = did_you_mean(str(part), _PARTS)
            raise _not_rules(f"{part} is none of their parts", meant)
    return told


def _not_rules(why: str, meant: str = "") -> Invalid:
    return Invalid(
        "These are not rules: {why}.",
        "did you mean {meant}?" if meant else "`rules --help` shows what they look like.",
        code="rules_invalid",
        why=why,
        meant=meant,
    )
