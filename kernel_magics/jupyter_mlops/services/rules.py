"""The rules of a deployment: service objectives, and what is done when its model is unsure."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import humility, objectives
from jupyter_mlops.domain.answers import HumilityRule, Rules
from jupyter_mlops.domain.arguments import DeploymentName, Text, deed
from jupyter_mlops.errors import Corrupt, Invalid, did_you_mean
from jupyter_mlops.services import champions, lookup, server
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

LONGEST: Final = 100_000
_PARTS: Final = ("objectives", "humility")


@dataclass(frozen=True)
class Applied:
    """The rules that apply to a deployment now."""

    digest: str
    objectives: objectives.Objectives
    humility: tuple[humility.Rule, ...]


@deed()
def rules(ws: Workspace, deployment: DeploymentName, text: Text = "", *, reason: str = "") -> Rules:
    """Show the rules of a deployment, or put new ones in force from a cell of YAML.

    `objectives` holds `latency_p95_ms` and `error_rate`. `humility` is a list of rules that are
    tried on each answer in their order. Each has `when`: `uncertain` (with `between`, two bounds of
    a probability, or `outside`, two bounds of a value), `outlying` (a number outside the training
    range), `unseen` (a category the training data did not have), `missing` (with `more_than`, a
    share). Each may have `name`, `features` and `then`: `note` marks the answer, `override` gives
    what `with` says instead, `refuse` answers the request with a problem. Every version of the
    rules is kept; an empty mapping, `{}`, ends them.
    """
    if not text.strip():
        return _shown(ws, deployment)
    serving = champions.champion(ws, deployment)
    subject = humility.Subject(
        serving.task, serving.classes, [feature["name"] for feature in serving.features]
    )
    with ws.act("rules:change", subject=f"deployment:{deployment}", reason=reason) as act:
        told = _parsed(text)
        body = {
            "objectives": objectives.read(told.get("objectives", {})).to_dict(),
            "humility": [
                rule.to_dict() for rule in humility.read_rules(told.get("humility", []), subject)
            ],
        }
        place = lookup.deployment(act.session, deployment)
        before = _newest(act.session, place)
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = chain.digest(canonical)
        if before is not None and before.digest == digest and before.text == text:
            act.nothing()
        else:
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
            act.after = {"number": number, "digest": digest}
    server.await_rules(ws, deployment, digest)
    return _shown(ws, deployment)


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


def of_deployment(ws: Workspace, deployment: str) -> Applied | None:
    """Return the rules that apply to one deployment, if it has any."""
    with ws.look() as session:
        found = _newest(session, lookup.deployment(session, deployment))
    return _read(found) if found else None


def _shown(ws: Workspace, deployment: str) -> Rules:
    with ws.look() as session:
        found = _newest(session, lookup.deployment(session, deployment))
    if found is None:
        return Rules(
            deployment=deployment, number=0, digest="", text="", objectives={}, items=[], at=""
        )
    now = _read(found)
    return Rules(
        deployment=deployment,
        number=found.number,
        digest=found.digest,
        text=found.text,
        objectives=now.objectives.to_dict(),
        items=[cast("HumilityRule", rule.to_dict()) for rule in now.humility],
        at=found.at,
    )


def _newest(session: Session, place: tables.Deployment) -> tables.Rules | None:
    return session.exec(
        sqlmodel.select(tables.Rules)
        .where(tables.Rules.deployment_id == place.id)
        .order_by(sqlmodel.col(tables.Rules.number).desc())
    ).first()


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
    )


def _parsed(text: str) -> dict[str, Any]:
    """Read YAML of plain values; anchors and twice the same key are refused."""
    import yaml

    class Strict(yaml.SafeLoader):
        """Reads values only, each of them written out."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("an alias (*name) is not read here")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value]
            twice = next((key for key in keys if keys.count(key) > 1), None)
            if twice is not None:
                raise yaml.YAMLError(f"{twice} stands twice")
            return super().construct_mapping(node, deep)

    if len(text) > LONGEST:
        raise _not_rules(f"they are longer than {LONGEST} characters")
    try:
        told = yaml.load(text, Strict)  # noqa: S506  (a safe loader, stricter than the safe one)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _not_rules(" ".join(str(error).split())[:200]) from None
    if not isinstance(told, dict):
        raise _not_rules("they begin with objectives: or humility:")
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
