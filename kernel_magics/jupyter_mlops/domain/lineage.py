"""The shapes of where a version comes from and where it went, and what of a told lineage is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, TypedDict

from jupyter_mlops.errors import Invalid

ORIGIN: Final = frozenset(
    [
        "notebook",
        "script",
        "cell",
        "source",
        "source_sha256",
        "execution_count",
        "cells",
        "cells_run",
        "hidden",
        "redacted",
        "frames",
        "python",
        "platform",
        "packages",
        "distributions",
        "git",
    ]
)
"""What tells where a version comes from, and decides nothing."""
LARGEST: Final = 4_000_000
"""Bytes of a lineage as JSON; what is larger was not told by us."""

Layer = Literal[
    "data", "notebook", "script", "cell", "version", "decision", "deployment", "predictions"
]


class LineageCell(TypedDict):
    """A cell that had a part in a version, as it ran."""

    cell: str | None
    execution_count: int | None
    source: str
    at: str | None
    failed: bool
    cut: bool


class LineageNode(TypedDict):
    """One thing on the way from data to predictions; ``digest`` where it is known by its content."""

    id: str
    kind: Layer
    name: str
    detail: str
    at: str | None
    digest: NotRequired[str]


class LineageEdge(TypedDict):
    """That one thing led to another."""

    source: str
    target: str


class Lineage(TypedDict):
    """Where a version comes from and where it went; ``state`` says whether a run from the top gives it."""

    ref: str
    because: str
    state: Literal["clean", "hidden", "unknown"]
    warnings: list[str]
    unknown: list[str]
    items: list[LineageNode]
    edges: list[LineageEdge]
    cells: list[LineageCell]
    git: dict[str, Any]
    environment: dict[str, Any]


class OpenLineage(TypedDict):
    """Events of the OpenLineage specification, and what became of them."""

    ref: str
    because: str
    events: list[dict[str, Any]]
    to: str


class ReproducedMetric(TypedDict):
    """A metric as it was registered and as it came out again."""

    metric: str
    before: float | None
    low: float | None
    high: float | None
    now: float | None
    verdict: Literal["the same", "within the interval", "different", "not measured"]


class Reproduced(TypedDict):
    """What trains a version again: a notebook and a lock file, and what came of running it."""

    ref: str
    because: str
    outcome: Literal[
        "written", "the same", "within the interval", "different", "not measured", "failed"
    ]
    warnings: list[str]
    files: dict[str, str]
    to: str
    items: list[ReproducedMetric]
    expected: dict[str, Any]


def held(told: object, name: str) -> Mapping[str, Any]:
    """Return a part of a lineage; it was told by whoever registered, and may be anything."""
    found = told.get(name) if isinstance(told, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def listed(told: object, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the mappings of a list in a lineage."""
    found = told.get(name) if isinstance(told, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def text(told: Mapping[str, Any], name: str, longest: int = 500) -> str:
    """Return a text of a lineage, cut; what is none is empty."""
    found = told.get(name)
    return found[:longest] if isinstance(found, str) else ""


def whole(told: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of a lineage."""
    found = told.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def cells(lineage: Mapping[str, Any]) -> list[LineageCell]:
    """Return the cells that had a part, in the order they ran; a script is a single one."""
    found = [
        LineageCell(
            cell=text(one, "cell", 200) or None,
            execution_count=whole(one, "execution_count"),
            source=text(one, "source", 100_000),
            at=text(one, "at", 40) or None,
            failed=one.get("failed") is True,
            cut=one.get("cut") is True,
        )
        for one in listed(lineage, "cells")
    ]
    source = text(lineage, "source", 100_000)
    if found or not source:
        return found
    return [
        LineageCell(
            cell=text(lineage, "cell", 200) or None,
            execution_count=whole(lineage, "execution_count"),
            source=source,
            at=None,
            failed=False,
            cut=False,
        )
    ]


def state(lineage: Mapping[str, Any]) -> Literal["clean", "hidden", "unknown"]:
    """Return whether running the notebook from the top would give the version."""
    found = held(lineage, "hidden").get("state")
    return found if found in ("clean", "hidden") else "unknown"


def check_size(lineage: object) -> None:
    """Raise when a told lineage is no mapping, or larger than any that we tell."""
    if not isinstance(lineage, Mapping):
        raise Invalid("The lineage of a version is a JSON object.", code="lineage_invalid")
    if len(json.dumps(lineage, default=str)) > LARGEST:
        raise Invalid(
            "The lineage is larger than {most} bytes.",
            "register from a shorter notebook, or keep large texts in files.",
            code="lineage_too_large",
            most=LARGEST,
        )


def proven(new: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a lineage with the origin that is told now, when that proves what was told before.

    It does when a run from the top gave the same. What checks rely on, such as the sample and its
    columns, stays as it was.
    """
    if state(new) != "clean" or state(known) == "clean" or not listed(new, "cells"):
        return None
    return {**known, **{name: value for name, value in new.items() if name in ORIGIN}}
