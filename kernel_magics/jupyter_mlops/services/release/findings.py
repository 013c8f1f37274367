"""What a release check finds, and under which title it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import translate

Outcome = Literal["passed", "failed", "not applicable"]

TITLES: Final = {
    "artifact": "Bytes and format are what was registered",
    "loads": "Loads in a fresh process",
    "footprint": "Size, memory and time to load",
    "restarts": "Answers the same after a restart",
    "row_by_row": "Batch equals row by row",
    "column_order": "Order of columns does not matter",
    "compiled": "Compiled equals original",
    "signature": "Reads what callers send",
    "missing": "Each feature may be missing",
    "unseen": "A category nobody has seen",
    "latency": "Latency within the objective",
    "metrics": "Metrics reach their floors",
    "slices": "Floors hold in each slice",
    "fairness": "Fair to protected groups",
    "champion": "No worse than the champion",
    "importance": "What the answers depend on",
}
"""Every check of ours, in the order they are tried."""


LONGEST: Final = 200
"""Characters of what a model or a check says that are kept."""


@dataclass(frozen=True)
class Found:
    """What one check found: sentences in English, and the values that fill them.

    ``detail`` holds figures for those who compare versions.
    """

    outcome: Outcome
    figure: str = ""
    because: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)


def of_error(error: MlopsError) -> Found:
    """Return a failure as an error tells it, still to be translated."""
    return Found("failed", because=error.template, values=error.values)


def printable(text: str) -> str:
    """Return what somebody else's code said as one line, without what no log can hold."""
    plain = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:LONGEST])
    return "".join(plain)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return a sentence of a finding in the reader's language; one without values stays as it is."""
    said = translate(template)
    return said.format_map(values) if said and values else said
