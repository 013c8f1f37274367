"""Finding models: the newest version of each, by words and conditions, in one question to the store."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, and_, cast, exists, literal, not_, or_
from sqlmodel import Session, col, func, select

from jupyter_mlops.domain import finding
from jupyter_mlops.domain.answers import ModelRow, Models
from jupyter_mlops.domain.arguments import read
from jupyter_mlops.domain.finding import Bound, Wanted
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.errors import Invalid
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store.tables import Deployment, Model, Request, Rollout, Version
from jupyter_mlops.store.texts import folded

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_SIGNS: Final = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "=": "__eq__"}


@read()
def models(ws: Workspace, query: str = "", *, limit: int = 0) -> Models:
    """Find models, newest first, each by its newest version.

    Every word of the query has to be somewhere in name, owner, unit, purpose, description or tags.
    Conditions narrow it down: `owner:ann`, `unit:risk`, `risk:high`, `task:binary`, `tag:credit`,
    `feature:income`, `data:DIGEST` (of training data or holdout), `stage:live|trial|waiting|idle`,
    and metrics such as `roc_auc>0.8`. `limit` stops after so many; 0 does not.
    """
    asked = finding.wanted(query)
    if limit < 0:
        raise Invalid(
            "The limit has to be 0 or more, not {limit}.",
            "0 lists everything.",
            code="limit_invalid",
            limit=limit,
        )
    with ws.look() as session:
        found = session.exec(_question(asked, limit)).all()
        live = _live(session)
    return Models(items=[_row(told, live) for told in found])


def count(session: Session) -> int:
    """Return how many models there are."""
    return int(session.exec(select(func.count()).select_from(Model)).one())


def _question(asked: Wanted, limit: int) -> Any:
    newest = (
        select(
            Version.model_id,
            func.max(Version.number).label("number"),
            func.count().label("versions"),
        )
        .group_by(col(Version.model_id))
        .subquery()
    )
    columns: list[Any] = [
        Model.id, Model.name, Model.task, Model.owner, Model.purpose, Version.number,
        newest.c.versions, Version.risk, Version.metrics, Version.at,
    ]  # fmt: skip
    query = (
        select(*columns)
        .where(Model.id == newest.c.model_id, Version.model_id == newest.c.model_id)
        .where(Version.number == newest.c.number)
        .where(*(_says(word) for word in asked.words))
        .where(*(_CONDITIONS[name](value) for name, value in asked.conditions))
        .where(*map(_within, asked.bounds))
        .order_by(col(Version.at).desc(), col(Version.id).desc())
    )
    return query.limit(limit) if limit else query


def _says(word: str) -> ColumnElement[bool]:
    """Say that a word is in one of the texts, whatever the case of its letters."""
    texts = [Model.name, Model.owner, Model.unit, Model.purpose, Model.description]
    whole = reduce(operator.add, [col(text) + "\n" for text in texts])
    return _holds(whole + col(Version.description) + "\n" + cast(Version.tags, String), word)


def _holds(text: Any, word: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = folded(text).contains(word.lower(), autoescape=True)
    return found


def _tagged(value: str) -> ColumnElement[bool]:
    return cast(Version.tags, String).contains(_quoted(value), autoescape=True)


def _reads(value: str) -> ColumnElement[bool]:
    """Say that a version reads a feature; its manifest is canonical, so that it is found as text."""
    return col(Version.manifest).contains('"name":' + _quoted(value), autoescape=True)


def _made_of(value: str) -> ColumnElement[bool]:
    """Say that a version was trained or measured on data with this digest."""
    prefix = "sha256:" + value.removeprefix("sha256:")
    digests = [col(Version.lineage)[("data", part, "digest")] for part in ("train", "holdout")]
    return or_(*(told.as_string().startswith(prefix) for told in digests))


def _stage(value: str) -> ColumnElement[bool]:
    """Say how far any version of a model has come."""
    serves = _has(Rollout, col(Rollout.state) == "live", col(Rollout.share) >= 1)
    tried = _has(Rollout, col(Rollout.state).in_(("live", "loading")), col(Rollout.share) < 1)
    waits = _has(Request, col(Request.state) == "open")
    if value == "idle":
        return and_(not_(serves), not_(tried), not_(waits))
    return {"live": serves, "trial": tried, "waiting": waits}[value]


def _has(table: type[Rollout | Request], *conditions: Any) -> ColumnElement[bool]:
    any_version = select(Version.id).where(Version.model_id == Model.id).correlate(Model)
    return exists().where(col(table.version_id).in_(any_version), *conditions)


def _within(bound: Bound) -> ColumnElement[bool]:
    value = col(Version.metrics)[(bound.metric, "value")].as_float()
    compared: ColumnElement[bool] = getattr(value, _SIGNS[bound.sign])(literal(bound.value))
    return compared


def _quoted(value: str) -> str:
    """Return a text as JSON holds it."""
    return json.dumps(value, ensure_ascii=False)


_CONDITIONS: Final[Mapping[str, Callable[[str], ColumnElement[bool]]]] = {
    "owner": lambda value: _holds(Model.owner, value),
    "unit": lambda value: _holds(Model.unit, value),
    "risk": lambda value: col(Version.risk) == value,
    "task": lambda value: col(Model.task) == value,
    "tag": _tagged,
    "feature": _reads,
    "data": _made_of,
    "stage": _stage,
}


def _live(session: Session) -> dict[int, list[str]]:
    """Return the names of the deployments that each model serves."""
    rows = session.exec(
        select(Version.model_id, Deployment.name)
        .where(Rollout.version_id == Version.id, Rollout.deployment_id == Deployment.id)
        .where(Rollout.state == "live", Rollout.share >= 1)
        .order_by(Deployment.name)
    ).all()
    found: dict[int, list[str]] = {}
    for model, name in rows:
        found.setdefault(model, []).append(name)
    return found


def _row(told: Any, live: dict[int, list[str]]) -> ModelRow:
    id, name, task, owner, purpose, number, versions, risk, metrics, at = told
    metric = FIRST_METRIC.get(task, "")
    return ModelRow(
        name=name,
        ref=f"{name}:{number}",
        versions=versions,
        task=task,
        risk=risk,
        owner=owner,
        purpose=purpose,
        metric=metric,
        value=(metrics.get(metric) or {}).get("value"),
        deployments=live.get(id, []),
        created_at=at,
    )
