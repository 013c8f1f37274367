"""In what two versions differ, as far as manifest, lineage and release checks tell."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.domain.compared import Change, CodeChange, Part
from jupyter_mlops.locale import tell
from jupyter_mlops.services.release.findings import TITLES

LONGEST: Final = 200
MOST_LEVELS: Final = 5
MOST_LINES: Final = 200
READ_LINES: Final = 2_000
"""Lines of a cell that are compared; finding differences takes more than linear time."""
_SHOWN_DIGEST: Final = 19


@dataclass(frozen=True)
class Told:
    """What is known of a version without asking it anything."""

    ref: str
    manifest: Mapping[str, Any]
    lineage: Mapping[str, Any]
    risk: str
    checked: Mapping[str, str]


def held(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of a lineage; it was told by whoever registered, and may be anything."""
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def changes(first: Told, other: Told) -> list[Change]:
    """Return everything in which a version differs from the first, part by part."""
    parts: Sequence[tuple[Part, Mapping[str, str], Mapping[str, str]]] = (
        ("features", *_features(first, other)),
        ("parameters", _parameters(first), _parameters(other)),
        ("data", _data(first), _data(other)),
        ("environment", _environment(first), _environment(other)),
        ("registration", _registration(first), _registration(other)),
        ("release checks", *_checks(first, other)),
    )
    return [
        Change(part=part, name=name, ref=other.ref, before=before.get(name), now=now.get(name))
        for part, before, now in parts
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]


def code(first: Told, other: Told) -> CodeChange:
    """Return how the cells differ in which two versions were registered."""
    sources = [told.lineage.get("source") for told in (first, other)]
    for told, source in zip((first, other), sources, strict=True):
        if not isinstance(source, str) or not source:
            because = tell(
                "{ref} was not registered in a notebook's cell: its code is not known.",
                ref=told.ref,
            )
            return CodeChange(ref=other.ref, because=because, lines=[])
    lines = _diff(first.ref, other.ref, *[str(source) for source in sources])
    because = (
        tell("The cells that registered {first} and {ref} differ.", first=first.ref, ref=other.ref)
        if lines
        else tell(
            "{first} and {ref} were registered by the same cell.", first=first.ref, ref=other.ref
        )
    )
    return CodeChange(ref=other.ref, because=because, lines=lines)


def _diff(first: str, other: str, before: str, now: str) -> list[str]:
    was, is_now = (text.splitlines()[:READ_LINES] for text in (before, now))
    found = list(difflib.unified_diff(was, is_now, first, other, lineterm=""))
    more = [tell("… and {n} more", n=len(found) - MOST_LINES)] if len(found) > MOST_LINES else []
    return [*map(_short, found[:MOST_LINES]), *more]


def _features(first: Told, other: Told) -> tuple[dict[str, str], dict[str, str]]:
    """Return the features as text; of a category whose levels differ, which came and went."""
    before, now = (
        {one["name"]: one for one in told.manifest["features"]} for told in (first, other)
    )
    told = [{name: str(one["type"]) for name, one in found.items()} for found in (before, now)]
    for name in before.keys() & now.keys():
        gone, come = _levels(before[name], now[name])
        if gone or come:
            told[0][name] += tell(", without {levels}", levels=_few(come)) if come else ""
            told[1][name] += tell(", without {levels}", levels=_few(gone)) if gone else ""
    return {n: _short(t) for n, t in told[0].items()}, {n: _short(t) for n, t in told[1].items()}


def _levels(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the levels that only the first has, and those that only the other has."""
    if before["type"] != now["type"]:
        return [], []
    had, has = ([str(level) for level in one.get("levels") or ()] for one in (before, now))
    known, knows = set(had), set(has)
    return [one for one in had if one not in knows], [one for one in has if one not in known]


def _few(levels: Sequence[str]) -> str:
    shown = ", ".join(level[:40] for level in levels[:MOST_LEVELS])
    more = len(levels) - MOST_LEVELS
    return f"{shown} {tell('… and {n} more', n=more)}" if more > 0 else shown


def _parameters(told: Told) -> dict[str, str]:
    about = held(told.lineage, "about")
    estimator = {"estimator": str(about["estimator"])} if about.get("estimator") else {}
    said = {name: str(value) for name, value in held(about, "parameters").items()}
    return _cut({**estimator, **said})


def _data(told: Told) -> dict[str, str]:
    data = held(told.lineage, "data")
    return {name: _digested(held(data, name)) for name in data}


def _digested(one: Mapping[str, Any]) -> str:
    rows, digest = one.get("rows"), str(one.get("digest"))
    n = f"{rows:,}" if isinstance(rows, int) else "–"
    return tell("{n} rows, {digest}", n=n, digest=digest[:_SHOWN_DIGEST])


def _environment(told: Told) -> dict[str, str]:
    wanted = {**held(told.lineage, "packages"), **told.manifest["requirements"]}
    python = told.lineage.get("python")
    found = {**({"python": python} if python else {}), **wanted}
    return _cut({**found, "format": told.manifest["format"], "compiled": _compiled(told)})


def _compiled(told: Told) -> str:
    return tell("yes") if told.manifest["compiled"] else tell("no")


def _registration(told: Told) -> dict[str, str]:
    return _cut(dict(_said(told)))


def _said(told: Told) -> Iterator[tuple[str, str]]:
    yield "risk", told.risk
    if protected := told.lineage.get("protected"):
        yield "protected", ", ".join(map(str, protected))
    if notebook := told.lineage.get("notebook"):
        yield "notebook", str(notebook)
    git = held(told.lineage, "git")
    if commit := git.get("commit"):
        since = tell("{commit} and changes since", commit=commit)
        yield "git", since if git.get("dirty") else str(commit)


def _checks(first: Told, other: Told) -> tuple[dict[str, str], dict[str, str]]:
    """Return the outcomes of both; a version that was never checked differs in none of them."""
    if not first.checked or not other.checked:
        return {}, {}
    before, now = (
        {
            tell(TITLES[name]) if name in TITLES else name: outcome(found)
            for name, found in told.checked.items()
        }
        for told in (first, other)
    )
    return before, now


def outcome(found: str) -> str:
    """Return the outcome of a release check in the reader's language."""
    words = {
        "passed": tell("passed"),
        "failed": tell("failed"),
        "not applicable": tell("not applicable"),
    }
    return words.get(found, found)


def _cut(told: Mapping[str, Any]) -> dict[str, str]:
    return {_short(name): _short(value) for name, value in told.items()}


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
