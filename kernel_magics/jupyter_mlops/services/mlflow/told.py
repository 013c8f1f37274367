"""What MLflow says of models, versions and runs, in one shape, wherever it was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain.imported import figures, text, texts
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.redacted import without_login

NONE: Final = "None"
"""What MLflow calls the stage of a version that has none."""


@dataclass
class Found:
    """A registry as it was read: its models by name, and what could not be read, with the reason."""

    source: str
    artifacts: Path | None
    models: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)

    def skip(self, was: str, because: str) -> None:
        """Remember that something could not be read."""
        self.skipped.append({"was": text(was, 300), "because": text(because)})


def model(name: object, description: object, tags: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a model without versions yet."""
    was = text(name, 300)
    told = {"description": text(description), "tags": texts(tags), "versions": []}
    return {"was": was, "name": was, **told}


def version(
    row: Mapping[str, Any],
    *,
    number: int,
    aliases: list[str],
    tags: Mapping[Any, Any],
    run: dict[str, Any] | None,
    address: object,
) -> dict[str, Any]:
    """Return a version as MLflow's row or file tells of it; ``address`` is where its files are."""
    stage = text(row.get("current_stage"), 100)
    by = text(row.get("user_id"), 300) or (run["by"] if run else "")
    return {
        "number": number,
        "at": moment(row.get("creation_timestamp", row.get("creation_time"))),
        "by": by,
        "stage": "" if stage == NONE else stage,
        "aliases": [text(alias, 300) for alias in aliases],
        "tags": texts(tags),
        "description": text(row.get("description")),
        "source": without_login(text(row.get("source"), 1000)),
        "run": run,
        "flavors": [],
        "why": "absent",
        "detail": "",
        "model": None,
        "address": str(address or row.get("source") or "")[:1000],
    }


def run(
    row: Mapping[str, Any],
    *,
    experiment: object,
    params: Mapping[Any, Any],
    metrics: Mapping[Any, Any],
    tags: Mapping[Any, Any],
) -> dict[str, Any]:
    """Return a run; a metric that is no number is left out, and one whose name has no place here stays."""
    numbers = {text(name, 250): value for name, value in metrics.items()}
    known = {name: told for name, told in numbers.items() if _is_number(told)}
    return {
        "id": text(row.get("run_id") or row.get("run_uuid"), 100),
        "name": text(row.get("run_name") or row.get("name") or tags.get("mlflow.runName"), 300),
        "experiment": text(experiment, 300),
        "status": text(_STATUS.get(row.get("status"), row.get("status")), 100),
        "by": text(row.get("user_id") or tags.get("mlflow.user"), 300),
        "source": text(tags.get("mlflow.source.name") or row.get("source_name"), 1000),
        "commit": text(tags.get("mlflow.source.git.commit") or row.get("source_version"), 100),
        "started_at": moment(row.get("start_time")),
        "ended_at": moment(row.get("end_time")),
        "params": texts(params),
        "tags": texts(tags),
        "metrics": known,
    }


def moment(milliseconds: object) -> str:
    """Return a moment as it is written here; what is none is left empty."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool):
        return ""
    try:
        return iso(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return ""


def _is_number(value: Any) -> bool:
    return bool(figures({"value": value}))


_STATUS: Final[Mapping[Any, str]] = {
    1: "RUNNING",
    2: "SCHEDULED",
    3: "FINISHED",
    4: "FAILED",
    5: "KILLED",
}
"""How MLflow's folder numbers the states of a run."""
