"""What trains a version again: a notebook of the cells that ran, and a lock of what was installed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

from jupyter_mlops.domain.lineage import LineageCell, ReproducedMetric
from jupyter_mlops.domain.redacted import MARK

Verdict = Literal["different", "not measured", "within the interval", "the same"]
_WORST: Final[tuple[Verdict, ...]] = get_args(Verdict)
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,98}")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,48}")


def notebook(cells: Sequence[LineageCell], *, ref: str, digest: str) -> str:
    """Return a notebook (nbformat 4.5) of the cells in the order they ran, a repeated one repeated."""
    told = {"ref": ref, "digest": digest, "cells": [cell["cell"] for cell in cells]}
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {
        "cells": list(_cells(cells)),
        "metadata": {
            "kernelspec": python,
            "language_info": {"name": "python"},
            "jupyter_mlops": told,
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def lock(distributions: Mapping[str, Any], *, ref: str, python: str) -> tuple[str, list[str]]:
    r"""Return a requirements file of exact versions, and the names that no requirement can have.

    Names and versions were told by whoever registered: a line holds one of each and nothing else, so
    that no option, address or command can stand in it.

    >>> lock({"numpy": "2.4.6", "x; import os": "1"}, ref="a:1", python="3.11.7")
    ('# a:1, Python 3.11.7\nnumpy==2.4.6\n', ['x; import os'])
    """
    known = python if _VERSION.fullmatch(python) else "?"
    lines, refused = [f"# {ref}, Python {known}"], []
    for name, version in sorted(distributions.items(), key=lambda told: str(told[0])):
        is_text = isinstance(name, str) and isinstance(version, str)
        if is_text and _NAME.fullmatch(name) and _VERSION.fullmatch(version):
            lines.append(f"{name}=={version}")
        else:
            refused.append(str(name))
    return "\n".join(lines) + "\n", refused


def lacks(cells: Iterable[LineageCell]) -> bool:
    """Say whether a cell was kept without a secret that it needs, or not whole."""
    return any(cell["cut"] or MARK in cell["source"] for cell in cells)


def metrics(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> list[ReproducedMetric]:
    """Return each metric as it was registered beside what it came to, and whether that is the same."""
    return [_metric(name, told, now.get(name) or {}) for name, told in before.items()]


def outcome(found: Sequence[ReproducedMetric]) -> Verdict:
    """Return what all metrics together say: the worst of their verdicts."""
    said = {one["verdict"] for one in found}
    return next((one for one in _WORST if one in said), "not measured")


def _metric(name: str, told: Mapping[str, Any], now: Mapping[str, Any]) -> ReproducedMetric:
    before, low, high = (_number(told.get(key)) for key in ("value", "low", "high"))
    value = _number(now.get("value"))
    found = ReproducedMetric(
        metric=name, before=before, low=low, high=high, now=value, verdict="different"
    )
    if value is None and before is not None:
        found["verdict"] = "not measured"
    elif value == before or math.isclose(value or 0.0, before or math.inf, rel_tol=1e-9):
        found["verdict"] = "the same"
    elif None not in (low, high, value) and float(low or 0) <= float(value or 0) <= float(
        high or 0
    ):
        found["verdict"] = "within the interval"
    return found


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _cells(cells: Sequence[LineageCell]) -> Iterable[dict[str, Any]]:
    seen: set[str] = set()
    for n, cell in enumerate(cells):
        id = cell["cell"] if cell["cell"] and _ID.fullmatch(cell["cell"]) else f"cell-{n + 1}"
        id = f"{id}-{n + 1}" if id in seen else id
        seen.add(id)
        yield {
            "cell_type": "code",
            "execution_count": None,
            "id": id,
            "metadata": {"tags": ["raises-exception"]} if cell["failed"] else {},
            "outputs": [],
            "source": cell["source"],
        }
