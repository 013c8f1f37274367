"""Finding a row by the name that people use for it, with the name they may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, select

from jupyter_mlops.domain.names import Reference, parse_reference
from jupyter_mlops.errors import NotFound, did_you_mean
from jupyter_mlops.store.tables import Deployment, Model, Request, Rollout, Version

if TYPE_CHECKING:
    from collections.abc import Iterable


def model_named(session: Session, name: str) -> Model | None:
    """Return the model with this name, if there is one."""
    return session.exec(select(Model).where(Model.name == name)).first()


def version(session: Session, ref: object, known_until: str = "") -> tuple[Model, Version]:
    """Return the model and version that a reference names, or named at a moment.

    Raises:
        Invalid: the text is no reference.
        NotFound: nothing, or more than one version, answers to it, or did then.
    """
    told = parse_reference(ref)
    query = select(Model, Version).where(Model.id == Version.model_id)
    if told.digest:
        query = query.where(col(Version.digest).startswith(told.digest))
    elif told.alias:
        query = _by_alias(query, told, known_until)
    else:
        query = query.where(Model.name == told.name, Version.number == told.number)
    found = session.exec(query.limit(5)).all()
    if len(found) == 1:
        _check_was_there(*found[0], known_until)
        return found[0]
    if found:
        raise NotFound(
            "{ref} could be several versions: {refs}.",
            "name one of them.",
            code="reference_ambiguous",
            ref=ref,
            refs=", ".join(f"{model.name}:{row.number}" for model, row in found),
        )
    raise _no_version(session, str(ref), told)


def deployment(session: Session, name: str) -> Deployment:
    """Return the deployment with this name.

    Raises:
        NotFound: there is none.
    """
    found = session.exec(select(Deployment).where(Deployment.name == name)).first()
    if found is None:
        raise _unknown(
            "No deployment is called {name}.",
            "deployment_not_found",
            name,
            session.exec(select(Deployment.name)).all(),
            "`deploy REF --to {name}` makes one once its request is approved.",
        )
    return found


def request(session: Session, number: object) -> Request:
    """Return the request with this number.

    Raises:
        NotFound: there is none.
    """
    valid = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31
    found = session.get(Request, number) if valid else None
    if found is None:
        raise NotFound(
            "There is no request {number}.",
            "`requests` lists them.",
            code="request_not_found",
            number=number,
        )
    return found


def champion(session: Session, place: Deployment) -> tuple[Rollout, Version] | None:
    """Return what a deployment serves now, if anything."""
    return session.exec(
        select(Rollout, Version)
        .where(Rollout.deployment_id == place.id, Rollout.state == "live", Rollout.share >= 1)
        .where(Rollout.version_id == Version.id)
    ).first()


def ref_of(session: Session, found: Version) -> str:
    """Return how people write this version."""
    parent = session.get_one(Model, found.model_id)
    return f"{parent.name}:{found.number}"


def last_number(session: Session, parent: Model) -> int:
    """Return the highest number a version of this model has; 0 when it has none."""
    highest = session.exec(
        select(func.max(Version.number)).where(Version.model_id == parent.id)
    ).one()
    return int(highest or 0)


def live_deployments(session: Session, found: Version, known_until: str = "") -> list[str]:
    """Return the names of the deployments that serve this version, or served it at a moment."""
    query = (
        select(Deployment.name)
        .where(Deployment.id == Rollout.deployment_id, Rollout.share >= 1, *live_then(known_until))
        .where(Rollout.version_id == found.id)
    )
    return sorted(set(session.exec(query).all()))


def live_then(known_until: str) -> list[Any]:
    """Return what holds for a rollout that is live, or was at a moment."""
    if not known_until:
        return [Rollout.state == "live"]
    since, until = col(Rollout.since), col(Rollout.until)
    return [since != "", since <= known_until, (until == "") | (until > known_until)]


def _check_was_there(parent: Model, found: Version, known_until: str) -> None:
    if known_until and found.at > known_until:
        raise NotFound(
            "{ref} was registered later, at {at}.",
            "ask for a moment after that: --as-of {at}",
            code="version_later",
            ref=f"{parent.name}:{found.number}",
            at=found.at,
        )


def _by_alias(query: Any, told: Reference, known_until: str) -> Any:
    """``champion-of-NAME`` is whatever NAME serves now, or served then."""
    place = told.alias.removeprefix("champion-of-")
    if place == told.alias:
        return query.where(False)
    return (
        query.where(Model.name == told.name, Rollout.version_id == Version.id)
        .where(*live_then(known_until), Rollout.share >= 1, Rollout.deployment_id == Deployment.id)
        .where(Deployment.name == place)
    )


def _no_version(session: Session, ref: str, told: Reference) -> NotFound:
    known = [
        f"{name}:{number}"
        for name, number in session.exec(
            select(Model.name, Version.number)
            .where(Model.id == Version.model_id)
            .order_by(col(Version.id).desc())
            .limit(1000)
        )
    ]
    same = [other for other in known if told.name and other.startswith(told.name + ":")]
    return _unknown(
        "There is no version {name}.",
        "version_not_found",
        ref,
        same or known,
        "`models` lists what is registered.",
    )


def _unknown(message: str, code: str, name: str, known: Iterable[str], otherwise: str) -> NotFound:
    meant = did_you_mean(name, known)
    hint = "did you mean {meant}?" if meant else otherwise
    return NotFound(message, hint, code=code, name=name, meant=meant)
