"""What another registry told of its versions, read without believing any of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict, get_args

from jupyter_mlops.domain.names import check_name
from jupyter_mlops.domain.redacted import redacted
from jupyter_mlops.domain.registered import Task
from jupyter_mlops.errors import Invalid, Refused

FORM: Final = "mlflow/1"
RECORD: Final = "record"
"""The format of a version of which only its record is here: nothing that could answer."""
UNKNOWN: Final = "unknown"
"""The task of a model of which nothing is here yet but records of its versions."""
ORIGIN: Final = "mlflow"
LONGEST: Final = 5_000
MOST: Final = 1_000
MOST_TAGS: Final = 50
Why = Literal[
    "", "pickle", "kind", "absent", "away", "unreadable", "foreign", "refused", "features", "same"
]
Outcome = Literal["registered", "recorded", "known", "skipped"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TYPES: Final = frozenset({"number", "integer", "boolean", "category"})
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


class ImportedRow(TypedDict):
    """A version as another registry called it, and what has become of it here."""

    outcome: Outcome
    was: str
    ref: str
    stage: str
    aliases: list[str]
    run: str
    registered_at: str
    registered_by: str
    because: str


class Imported(TypedDict):
    """What was read of another registry, version by version, and whether it was only looked at."""

    source: str
    digest: str
    dry_run: bool
    items: list[ImportedRow]
    because: str


def text(value: object, most: int = LONGEST) -> str:
    """Return what somebody wrote elsewhere as a store can keep it: no secrets, no NUL, not endless."""
    said = "" if value is None else str(value)
    kept = redacted(_NO_TEXT.sub("\ufffd", said[: most + 1]))
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def texts(values: Mapping[Any, Any]) -> dict[str, str]:
    """Return names with what was written under them; MLflow's own marks of a run are left out."""
    items = ((text(name, 250), text(value)) for name, value in list(values.items())[:MOST])
    return {name: value for name, value in items if not name.startswith("mlflow.")}


def figures(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those metrics that have a name and a value as metrics here have them."""
    return {
        name: {"value": float(value), "low": None, "high": None}
        for name, value in values.items()
        if is_name(name) and _is_number(value)
    }


def tags(version: Mapping[str, Any]) -> list[str]:
    """Return the tags that a version is found by: origin, stage, aliases, and its tags with values."""
    told = [ORIGIN]
    if version["stage"]:
        told.append(f"stage.{version['stage'].lower()}")
    told += [f"alias.{name}" for name in version["aliases"]]
    told += [f"{key}.{value}" if value else key for key, value in version["tags"].items()]
    return [name for name in dict.fromkeys(told) if is_name(name)][:MOST_TAGS]


def is_name(value: object) -> bool:
    """Say whether a text could be a name here."""
    try:
        return bool(check_name(value, what="model"))
    except Invalid:
        return False


def catalogue(data: bytes) -> dict[str, Any]:
    """Read what was found of a registry, as it was sent.

    Raises:
        Invalid: it has another shape than our own first half gives it.
    """
    try:
        told = json.loads(data)
        kept = json.dumps(told, ensure_ascii=False, allow_nan=False)
        kept.encode()
    except (ValueError, RecursionError):
        raise shapeless("JSON") from None
    if "\\u0000" in kept or not isinstance(told, dict) or told.get("form") != FORM:
        raise shapeless(FORM)
    _check(told, _CATALOGUE)
    for model in told["models"]:
        _check(model, _MODEL)
        for version in model["versions"]:
            _check(version, _VERSION)
            if version["model"] is not None:
                _check(version["model"], _ARTIFACT)
        numbers = [version["number"] for version in model["versions"]]
        if len(set(numbers)) != len(numbers):
            raise shapeless("number")
    names = [model["name"] for model in told["models"]]
    if len(set(names)) != len(names):
        raise shapeless("name")
    return told


def record(name: str, version: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays of a version without a model: all that does not change where it came from."""
    said = {key: version[key] for key in ("number", "at", "by", "source", "flavors", "run")}
    return {"form": f"{RECORD}/1", "said": {"name": name, "origin": ORIGIN, **said}}


def identity(name: str, version: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what a version is known by where it came from: name and number, run, moment."""
    run = version["run"]
    return f"{name}:{version['number']}", run["id"] if run else "", version["at"]


def check_more_than_record(ref: str, format: str) -> None:
    """Raise when only the record of a version is here, so that nothing could answer."""
    if format == RECORD:
        raise only_a_record(ref)


def only_a_record(ref: str = "") -> Refused:
    """Return the refusal to ask a version of which only the record is here."""
    return Refused(
        "{ref} is a record: its model did not come along, so that nothing here can answer."
        if ref
        else "Of this version only a record is here, and nothing that could answer.",
        "register the model again from the process that trained it; `show` says what is known of it.",
        code="record_only",
        ref=ref,
    )


def shapeless(what: str) -> Invalid:
    """Return the refusal of a list that our own first half did not write."""
    return Invalid(
        "What was sent is no list of another registry's versions ({what}).",
        "nothing of it was kept; type: import_mlflow FOLDER.",
        code="import_invalid",
        what=what,
    )


def _check(told: Any, wanted: Mapping[str, Callable[[Any], bool]]) -> None:
    if not isinstance(told, dict):
        raise shapeless("object")
    for name, fits in wanted.items():
        if name not in told or not fits(told[name]):
            raise shapeless(name)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and _is_list([*value, *value.values()])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_figures(value: Any) -> bool:
    return isinstance(value, dict) and _is_list([*value]) and all(map(_is_number, value.values()))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 2 * MOST and all(map(_is_text, value))


def _is_run(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or not value.keys() >= _RUN.keys():
        return False
    return all(fits(value[name]) for name, fits in _RUN.items())


def _is_feature(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"name", "type", "missing", "levels"}
        and _is_text(value.get("name"))
        and value.get("type") in _TYPES
        and value.get("missing") == 0
        and value.get("levels", []) == []
    )


def _is_skipped(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, (value.get("was"), value.get("because"))))


def _all(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Sequence) and all(map(fits, value))


_CATALOGUE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "source": _is_text,
    "models": lambda value: isinstance(value, list),
    "skipped": lambda value: isinstance(value, list) and all(map(_is_skipped, value)),
}
_MODEL: Final[Mapping[str, Callable[[Any], bool]]] = {
    "was": _is_text,
    "name": is_name,
    "description": _is_text,
    "tags": _is_texts,
    "versions": lambda value: isinstance(value, list),
}
_VERSION: Final[Mapping[str, Callable[[Any], bool]]] = {
    "number": lambda value: type(value) is int and 0 < value < 10**9,
    **dict.fromkeys(("at", "by", "stage", "description", "source", "detail"), _is_text),
    **dict.fromkeys(("aliases", "flavors"), _is_list),
    "tags": _is_texts,
    "run": _is_run,
    "why": lambda value: value in get_args(Why),
    "model": lambda value: value is None or isinstance(value, dict),
}
_RUN: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("id", "name", "experiment", "status", "by", "source", "commit"), _is_text),
    **dict.fromkeys(("started_at", "ended_at"), _is_text),
    **dict.fromkeys(("params", "tags"), _is_texts),
    "metrics": _is_figures,
}
_ARTIFACT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "$blob": lambda value: isinstance(value, str) and _DIGEST.fullmatch(value) is not None,
    "task": lambda value: value in get_args(Task) and value != UNKNOWN,
    "classes": lambda value: isinstance(value, list) and len(value) <= MOST,
    "features": lambda value: isinstance(value, list) and all(map(_is_feature, value)),
    "requirements": _is_texts,
    "about": lambda value: isinstance(value, dict),
}
