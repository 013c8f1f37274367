"""What a bundle says of a version, read without believing any of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NotRequired, TypedDict, get_args

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.imported import RECORD, UNKNOWN
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.domain.registered import Risk, Task
from jupyter_mlops.errors import Corrupt, Invalid

JSON = Any
VERSION: Final = "version.json"
MANIFEST: Final = "manifest.json"
REFERENCES: Final = "references.json"
CHECKS: Final = "checks.json"
DECISIONS: Final = "decisions.json"
EVENTS: Final = "events.jsonl"
BLOBS: Final = "blobs/"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_FEATURE: Final = frozenset({"number", "integer", "boolean", "category"})


class Bundle(TypedDict):
    """A bundle that was written: of what, how large, and the digest it is known by."""

    ref: str
    digest: str
    bytes: int
    entries: int
    written: NotRequired[str]
    data: NotRequired[str]


@dataclass(frozen=True)
class Contents:
    """The parts of a bundle, each of the shape it has to be, its digests verified."""

    digest: str
    manifest: str
    version: dict[str, Any]
    references: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    events: list[dict[str, Any]]
    blobs: dict[str, bytes]

    @property
    def lineage(self) -> dict[str, Any]:
        """Return what is known here of where a version came from; other words are left behind."""
        return {name: told for name, told in self.version["lineage"].items() if name in _LINEAGE}

    @property
    def told(self) -> dict[str, Any]:
        """Return the manifest as it reads."""
        found: dict[str, Any] = json.loads(self.manifest)
        return found


def contents(parts: Mapping[str, bytes]) -> Contents:
    """Read the parts of a bundle.

    Raises:
        Invalid: a part is not there, or not of the shape it has to be.
        Corrupt: bytes, manifest or an event have another digest than they are named by.
    """
    manifest = _text(parts, MANIFEST)
    lines = _text(parts, EVENTS).splitlines()
    found = Contents(
        digest=chain.digest(manifest),
        manifest=manifest,
        version=_one(parts, VERSION),
        references=_list(parts, REFERENCES),
        checks=_list(parts, CHECKS),
        decisions=_list(parts, DECISIONS),
        events=[_read(line, EVENTS) for line in lines],
        blobs={
            "sha256:" + name.removeprefix(BLOBS): data
            for name, data in parts.items()
            if name.startswith(BLOBS)
        },
    )
    _check_manifest(found.manifest)
    _check_version(found)
    _check_events(found.events)
    return found


def _check_manifest(text: str) -> None:
    told = _read(text, MANIFEST)
    wanted: dict[str, Callable[[Any], bool]] = {
        "form": lambda value: value == 1,
        "format": lambda value: isinstance(value, str),
        "artifact": _is_digest,
        "compiled": lambda value: value is None or _is_digest(value),
        "target": lambda value: isinstance(value, str),
        "task": lambda value: value in get_args(Task),
        "classes": lambda value: isinstance(value, list),
        "features": lambda value: isinstance(value, list) and all(map(_is_feature, value)),
        "requirements": _is_texts,
        "profile": lambda value: value is None or _is_digest(value),
    }
    for name, fits in wanted.items():
        if name not in told or not fits(told[name]):
            raise shapeless(MANIFEST, name)
    if (told["task"] == UNKNOWN) != (told["format"] == RECORD):
        raise shapeless(MANIFEST, "task")


def _check_version(found: Contents) -> None:
    told = found.version
    for name, fits in _VERSION.items():
        if not fits(told.get(name)):
            raise shapeless(VERSION, name)
    for name, fits in _COMPILED.items():
        if not fits(told["compiled"].get(name)):
            raise shapeless(VERSION, f"compiled: {name}")
    for name, fits in _LINEAGE.items():
        if name in told["lineage"] and not fits(told["lineage"][name]):
            raise shapeless(VERSION, f"lineage: {name}")
    if told["digest"] != found.digest:
        raise _changed(MANIFEST)
    manifest = found.told
    wanted = {manifest["artifact"], manifest["compiled"], told["lineage"].get("sample")} - {None}
    if wanted != found.blobs.keys():
        raise shapeless(BLOBS, "other bytes than the manifest speaks of")


def _check_events(events: list[dict[str, Any]]) -> None:
    """Refuse an event whose text has another digest; that none is left out nobody can tell."""
    for event in events:
        body = event.get("body")
        if not isinstance(body, str) or chain.digest(body) != event.get("digest"):
            raise _changed(EVENTS)
        if _read(body, EVENTS).get("seq") != event.get("seq"):
            raise _changed(EVENTS)


def _text(parts: Mapping[str, bytes], name: str) -> str:
    try:
        return parts[name].decode()
    except (KeyError, UnicodeDecodeError):
        raise shapeless(name, "utf-8") from None


def _one(parts: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return _read(_text(parts, name), name)


def _list(parts: Mapping[str, bytes], name: str) -> list[dict[str, Any]]:
    told = _loaded(_text(parts, name), name)
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise shapeless(name, "list")
    return told


def _read(text: str, name: str) -> dict[str, Any]:
    told = _loaded(text, name)
    if not isinstance(told, dict):
        raise shapeless(name, "object")
    return told


def _loaded(text: str, name: str) -> Any:
    """Read JSON as a store can keep it: no NUL, no half of a pair, no number that is none."""
    try:
        told = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
        kept = json.dumps(told, ensure_ascii=False, allow_nan=False)
        kept.encode()
    except (ValueError, RecursionError):
        raise shapeless(name, "JSON") from None
    if "\\u0000" in kept:
        raise shapeless(name, "NUL")
    return told


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a key twice")
    return told


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_feature(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and value.get("type") in _FEATURE
        and _is_names(value.get("levels", []))
        and all(_is_number(value.get(name, 0)) for name in ("low", "high", "missing"))
    )


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_data(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(part, dict) and _is_digest(part.get("digest")) and _is_number(part.get("rows"))
        for part in value.values()
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_name(value: Any) -> bool:
    try:
        return bool(check_name(value, what="model"))
    except Invalid:
        return False


def _is_maybe(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_figure(value: Any) -> bool:
    return isinstance(value, dict) and all(
        value.get(name) is None or _is_number(value[name]) for name in ("value", "low", "high")
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def shapeless(part: str, what: str) -> Invalid:
    """Return the refusal of a part that cannot be read as what it has to be."""
    return Invalid(
        "{part} of this bundle is not what it has to be ({what}).",
        "nothing of it was kept; ask for a file that `bundle REF --to FILE` wrote.",
        code="bundle_invalid",
        part=part,
        what=what,
    )


def _changed(part: str) -> Corrupt:
    return Corrupt(
        "{name} in this bundle is not what its digest says.",
        "get the file again from where it was written; nothing of it was kept.",
        code="bundle_changed",
        name=part,
    )


_LONGEST: Final = 200_000
_VERSION: Final[Mapping[str, Callable[[Any], bool]]] = {
    "name": _is_name,
    **dict.fromkeys(("purpose", "owner", "unit", "about", "description"), _is_text),
    **dict.fromkeys(("measured_by", "at", "digest"), _is_text),
    "number": lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
    "risk": lambda value: value in get_args(Risk),
    "tags": lambda value: isinstance(value, list) and all(map(_is_name, value)),
    "metrics": lambda value: isinstance(value, dict) and all(map(_is_figure, value.values())),
    "compiled": lambda value: isinstance(value, dict),
    "lineage": lambda value: isinstance(value, dict),
    "author": lambda value: isinstance(value, dict),
}
_COMPILED: Final[Mapping[str, Callable[[Any], bool]]] = {
    "kept": lambda value: isinstance(value, bool),
    "form": _is_text,
    "reason": _is_text,
    "rows": _is_maybe(_is_number),
    "agree": _is_maybe(_is_number),
    "largest_difference": _is_maybe(_is_number),
    "flips": _is_maybe(_is_number),
}


def _is_places(value: Any) -> bool:
    return isinstance(value, list) and all(type(at) is int and at >= 0 for at in value)


_LINEAGE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "notebook": _is_text,
    "cell": _is_text,
    "source": _is_text,
    "source_sha256": _is_text,
    "execution_count": _is_number,
    "python": _is_text,
    "packages": _is_texts,
    "git": _is_maybe(lambda value: isinstance(value, dict)),
    "roles": _is_texts,
    "about": lambda value: isinstance(value, dict),
    "data": _is_data,
    "sample": _is_maybe(_is_digest),
    "left_out": _is_places,
    "protected": _is_names,
}
