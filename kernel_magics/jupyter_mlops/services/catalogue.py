"""Finding models: the newest version of each, by words and conditions, in one question to the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, and_, case, cast, literal, not_
from sqlmodel import Session, col, func, select

from jupyter_mlops.domain import finding, searched
from jupyter_mlops.domain.answers import ModelRow, Models
from jupyter_mlops.domain.arguments import Time, read
from jupyter_mlops.domain.finding import Bound, Wanted
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services import past
from jupyter_mlops.services.lookup import live_then
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import listing
from jupyter_mlops.store.tables import Deployment, Listing, Model, Request, Rollout, Version

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_SIGNS: Final = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "=": "__eq__"}


@read()
def models(ws: Workspace, query: str = "", *, limit: int = 0, as_of: Time | None = None) -> Models:
    """Find models, newest first, each by its newest version.

    Every word of the query has to be somewhere in name, owner, unit, purpose, description, tags,
    features or the notebook it was registered from, as part of a word too, whatever its case; between
    quotes, several words are one. Models whose name says it all come first. Conditions narrow it down:
    `owner:ann`, `unit:risk`, `risk:high`, `task:binary`, `tag:credit`, `feature:income`,
    `data:DIGEST` (of training data or holdout), `stage:live|trial|waiting|idle|archived`, and metrics
    such as `roc_auc>0.8`. What is archived is found by `stage:archived` alone. `limit` stops after so
    many; 0 does not. With `as_of` the list is of the models there were then, each by its newest version of
    that time and with the deployments it served; words and conditions look at what is known today.
    """
    at = past.moment(ws, as_of)
    asked = finding.wanted(query)
    if limit < 0:
        raise Invalid(
            "The limit has to be 0 or more, not {limit}.",
            "0 lists everything.",
            code="limit_invalid",
            limit=limit,
        )
    words = searched.words(asked.words)
    with ws.look() as session:
        question = _question(asked, words, 0 if at else limit, sqlite=ws.home.is_sqlite)
        found: list[Any] = list(session.exec(question).all())
        live = _live(session, at)
        if at:
            found = _then(session, found, at)[: limit or None]
    told = Models(items=[_row(row, live, words) for row in found])
    if words:
        told["words"] = list(words)
    return told


def count(session: Session, at: str = "") -> int:
    """Return how many models there are, or were at a moment."""
    known = select(func.count(func.distinct(Version.model_id)))
    query = known.where(Version.at <= at) if at else select(func.count()).select_from(Model)
    return int(session.exec(query).one())


def _then(session: Session, rows: list[Any], at: str) -> list[tuple[Any, ...]]:
    """Return what the list said of these models at a moment, without those that came later."""
    newest = (
        select(func.max(Version.id), func.count())
        .where(Version.at <= at)
        .group_by(col(Version.model_id))
        .subquery()
    )
    last, versions = newest.c
    then = {
        found.model_id: (found, n)
        for found, n in session.exec(select(Version, versions).where(Version.id == last)).all()
    }
    told = []
    for id, name, task, owner, purpose, *_, text in rows:
        if id in then:
            version, n = then[id]
            of_then = (version.number, n, version.risk, version.metrics, version.at)
            told.append((id, name, task, owner, purpose, *of_then, text))
    return sorted(told, key=lambda row: row[9], reverse=True)


def _question(asked: Wanted, words: tuple[str, ...], limit: int, *, sqlite: bool) -> Any:
    """Return the question: which models, in which order, and then what the list shows of each."""
    archived = ("stage", "archived") in asked.conditions
    order = [*_first(words), col(Listing.at).desc(), col(Listing.version_id).desc()]
    which = (
        select(Listing.model_id)
        .where(Model.id == Listing.model_id, Version.id == Listing.version_id)
        .where(col(Listing.archived).is_(archived))
        .where(*listing.holding(words, sqlite=sqlite))
        .where(*(_CONDITIONS[name](value) for name, value in asked.conditions))
        .where(*map(_within, asked.bounds))
    )
    if limit:
        which = which.order_by(*order).limit(limit)
    columns: list[Any] = [
        Model.id, Model.name, Model.task, Model.owner, Model.purpose, Version.number,
        Listing.versions, Version.risk, Version.metrics, Version.at,
        Listing.text if words else literal(""),
    ]  # fmt: skip
    return (
        select(*columns)
        .where(Model.id == Listing.model_id, Version.id == Listing.version_id)
        .where(col(Listing.model_id).in_(which.correlate(None)))
        .order_by(*order)
    )


def _first(words: tuple[str, ...]) -> list[Any]:
    """Put the models first whose name holds every word that was asked for."""
    if not words:
        return []
    named = and_(*(listing.within(col(Listing.name), word) > 0 for word in words))
    return [case((named, 0), else_=1)]


def _holds(text: Any, value: str) -> ColumnElement[bool]:
    return listing.within(text, searched.normal(value)) > 0


def _tagged(value: str) -> ColumnElement[bool]:
    return cast(Version.tags, String).contains(_quoted(value), autoescape=True)


def _reads(value: str) -> ColumnElement[bool]:
    return listing.within(col(Listing.features), _quoted(value)) > 0


def _made_of(value: str) -> ColumnElement[bool]:
    """Say that a version was trained or measured on data with this digest."""
    digest = "sha256:" + value.removeprefix("sha256:")
    return listing.within(col(Listing.data), digest) > 0


def _stage(value: str) -> ColumnElement[bool]:
    """Say how far any version of a model has come."""
    serves = _has(Rollout, col(Rollout.state) == "live", col(Rollout.share) >= 1)
    tried = _has(Rollout, col(Rollout.state).in_(("live", "loading")), col(Rollout.share) < 1)
    waits = _has(Request, col(Request.state) == "open")
    if value == "archived":
        return col(Listing.archived).is_(True)
    if value == "idle":
        return and_(not_(serves), not_(tried), not_(waits))
    return {"live": serves, "trial": tried, "waiting": waits}[value]


def _has(table: type[Rollout | Request], *conditions: Any) -> ColumnElement[bool]:
    which = select(Version.model_id).where(Version.id == table.version_id, *conditions)
    return col(Listing.model_id).in_(which.correlate(None))


def _within(bound: Bound) -> ColumnElement[bool]:
    value = col(Version.metrics)[(bound.metric, "value")].as_float()
    compared: ColumnElement[bool] = getattr(value, _SIGNS[bound.sign])(literal(bound.value))
    return compared


def _quoted(value: str) -> str:
    """Return a text as JSON holds it; half of a surrogate pair is in none."""
    return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)


_CONDITIONS: Final[Mapping[str, Callable[[str], ColumnElement[bool]]]] = {
    "owner": lambda value: _holds(Listing.owner, value),
    "unit": lambda value: _holds(Listing.unit, value),
    "risk": lambda value: col(Version.risk) == value,
    "task": lambda value: col(Model.task) == value,
    "tag": _tagged,
    "feature": _reads,
    "data": _made_of,
    "stage": _stage,
}


def _live(session: Session, at: str) -> dict[int, list[str]]:
    """Return the names of the deployments that each model serves, or served at a moment."""
    rows = session.exec(
        select(Version.model_id, Deployment.name)
        .where(Rollout.version_id == Version.id, Rollout.deployment_id == Deployment.id)
        .where(*live_then(at), Rollout.share >= 1)
        .order_by(Deployment.name)
    ).all()
    found: dict[int, list[str]] = {}
    for model, name in rows:
        found.setdefault(model, []).append(name)
    return found


def _row(told: Any, live: dict[int, list[str]], words: tuple[str, ...]) -> ModelRow:
    id, name, task, owner, purpose, number, versions, risk, metrics, at, text = told
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
        because=_where(text, words) if words else "",
    )


def _where(text: str, words: tuple[str, ...]) -> str:
    """Say where a word was found that nothing shows which is listed anyway."""
    found = searched.told_by(text, words)
    if found is None:
        return ""
    part, passage = found
    names = {
        "description": tell("in the description: {passage}", passage=passage),
        "tags": tell("in the tags: {passage}", passage=passage),
        "features": tell("in the features: {passage}", passage=passage),
        "notebook": tell("in the notebook: {passage}", passage=passage),
    }
    return names[part]
