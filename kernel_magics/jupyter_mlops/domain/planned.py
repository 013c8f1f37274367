"""What a file says there should be, beside what there is: the steps from the one to the other."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict, get_args

from jupyter_mlops.domain.answers import Risk, Role
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Invalid, did_you_mean

Does = Literal["register", "request", "wait", "deploy", "rules", "keep"]

_TEXTS: Final = ("target", "id", "time", "purpose", "owner", "unit", "description")
_LISTS: Final = ("protected", "tags")
_FRAMES: Final = ("train", "holdout")
_OF_MODELS: Final = ("file", *_FRAMES, "risk", *_TEXTS, *_LISTS)
_OF_DEPLOYMENTS: Final = ("model", "role", "rules", "reason")
_PARTS: Final = ("models", "deployments")
_NEWEST: Final = re.compile(r"[^:@]+")
_NUMBERED: Final = re.compile(r"([^:@]+):([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Model:
    """A model that there should be: its file, the frames to measure it on, what is said of it."""

    name: str
    file: str
    frames: Mapping[str, str]
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A deployment that there should be: of a model's newest version, or of one by its number."""

    name: str
    model: str
    number: int | None = None
    role: Role = "champion"
    rules: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Wanted:
    """All that a file asks for."""

    models: Sequence[Model]
    places: Sequence[Place]


@dataclass(frozen=True)
class Asked:
    """The newest request that a version may serve a deployment."""

    id: int
    state: str


@dataclass(frozen=True)
class Present:
    """What there is at a deployment: what serves or is tried, what was asked, the rules' text."""

    serves: Collection[str] = ()
    tried: Collection[str] = ()
    asked: Mapping[tuple[str, str], Asked] = field(default_factory=dict)
    rules: str = ""
    is_live: bool = False
    is_retired: bool = False


@dataclass(frozen=True)
class Step:
    """One thing to do, or to leave as it is, and why; ``ref`` and ``request`` where it has them."""

    does: Does
    subject: str
    why: str
    ref: str = ""
    request: int = 0


class PlanStep(TypedDict):
    """A step as it is shown; ``done`` says whether it has been taken."""

    does: Does
    subject: str
    because: str
    done: bool


class Plan(TypedDict):
    """What it takes, or took, to have what a file asks for; ``commit`` where it is in a repository."""

    file: str
    commit: str
    dirty: bool
    items: list[PlanStep]
    because: str


def read(told: Any) -> Wanted:
    """Return what a file asks for.

    Raises:
        Invalid: a part is unknown or not what it has to be; it is named.
    """
    found = _mapping(told, "the file")
    _check_keys("the file", found, _PARTS)
    models = [_model(str(name), said) for name, said in _part(found, "models")]
    places = [_place(str(name), said) for name, said in _part(found, "deployments")]
    if not models and not places:
        raise _wrong("the file", "models: or deployments:")
    return Wanted(models, places)


def carrying(place: Place, ref: str, present: Present) -> Step:
    """Say what is next so that a version is what its deployment was asked to be.

    A decision is never made here: what nobody has approved waits. A version that was rejected is not
    asked for again; somebody has to change something first.
    """
    subject = f"{ref} → {place.name}"
    if present.is_retired:
        return Step("keep", subject, "retired", ref)
    if ref in present.serves:
        return Step("keep", subject, "served", ref)
    if ref in present.tried:
        return Step("keep", subject, "tried", ref)
    asked = present.asked.get((ref, place.role))
    if asked is None or asked.state in ("expired", "carried out", "void"):
        return Step("request", subject, "unasked", ref)
    if asked.state == "approved":
        return Step("deploy", subject, "approved", ref, asked.id)
    why = "rejected" if asked.state == "rejected" else "undecided"
    return Step("wait", subject, why, ref, asked.id)


def ruling(place: Place, present: Present) -> Step:
    """Say what is next so that the rules of a deployment are those that were asked for."""
    if present.rules == place.rules:
        return Step("keep", place.name, "ruled")
    if not present.is_live:
        return Step("wait", place.name, "nothing_live")
    return Step("rules", place.name, "rules_differ")


def _part(found: Mapping[Any, Any], name: str) -> list[tuple[Any, Any]]:
    return list(_mapping(found.get(name) or {}, name).items())


def _model(name: str, told: Any) -> Model:
    check_name(name, what="model")
    where = f"models.{name}"
    said = _mapping(told, where)
    _check_keys(where, said, _OF_MODELS)
    if "file" not in said:
        raise _wrong(f"{where}.file", "the path of the model's file")
    for key in ("file", *_FRAMES, *_TEXTS):
        if not isinstance(said.get(key, ""), str):
            raise _wrong(f"{where}.{key}", "text")
    for key in _LISTS:
        if not _are_texts(said.get(key, [])):
            raise _wrong(f"{where}.{key}", "a list of names")
    if said.get("risk", "moderate") not in get_args(Risk):
        raise _wrong(f"{where}.risk", ", ".join(get_args(Risk)))
    frames = {key: said[key] for key in _FRAMES if key in said}
    more = {key: said[key] for key in ("risk", *_TEXTS, *_LISTS) if key in said}
    return Model(name, said["file"], frames, more)


def _place(name: str, told: Any) -> Place:
    check_name(name, what="deployment")
    where = f"deployments.{name}"
    said = _mapping(told, where)
    _check_keys(where, said, _OF_DEPLOYMENTS)
    model, number = _ref(where, said.get("model"))
    if said.get("role", "champion") not in get_args(Role):
        raise _wrong(f"{where}.role", ", ".join(get_args(Role)))
    for key in ("rules", "reason"):
        if not isinstance(said.get(key, ""), str):
            raise _wrong(f"{where}.{key}", "text")
    return Place(
        name,
        model,
        number,
        said.get("role", "champion"),
        said.get("rules"),
        said.get("reason", ""),
    )


def _ref(where: str, told: Any) -> tuple[str, int | None]:
    if isinstance(told, str) and (found := _NUMBERED.fullmatch(told)):
        return found[1], int(found[2])
    if isinstance(told, str) and _NEWEST.fullmatch(told):
        return told, None
    raise _wrong(f"{where}.model", "a model, such as churn, or one of its versions, churn:3")


def _are_texts(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(one, str) for one in told)


def _mapping(told: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(told, dict):
        raise _wrong(where, "a mapping")
    return told


def _check_keys(where: str, told: Mapping[Any, Any], known: Sequence[str]) -> None:
    for key in told:
        if key not in known:
            meant = did_you_mean(str(key), known)
            raise Invalid(
                "{name} is not known in {where}.",
                "Did you mean {meant}?" if meant else "what is known there: {known}.",
                code="plan_invalid",
                name=str(key)[:100],
                where=where,
                meant=meant,
                known=", ".join(known),
            )


def _wrong(where: str, what: str) -> Invalid:
    return Invalid(
        "{where} has to be {what}.",
        "`plan --help` shows what such a file looks like.",
        code="plan_invalid",
        where=where,
        what=what,
    )
