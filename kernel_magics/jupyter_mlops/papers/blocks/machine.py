"""What machines read of a model card: the keys of Hugging Face's and of skops' metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.locale import tell
from jupyter_mlops.papers.blocks.of_version import facts
from jupyter_mlops.papers.known import Known
from jupyter_mlops.papers.paper import Block

LICENSE: Final = "license"
"""The question whose answer is the licence."""

_LIBRARIES: Final = {"skops": "sklearn", "coefficients": "sklearn"}
_TASKS: Final = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "regression": "tabular-regression",
}
_METRICS: Final = {
    "mcc": "matthews_correlation",
    "brier": "brier_score",
    "r2": "r_squared",
    "tpr": "recall",
    "ppv": "precision",
}
"""Names of metrics on the hub, where they are others than ours."""


def front(known: Known) -> dict[str, Any]:
    """Return the metadata of the card, as the hub reads it.

    Source: https://huggingface.co/docs/hub/model-cards and skops.card.metadata_from_config.
    """
    version = known.version
    library = _LIBRARIES.get(version["format"], version["format"])
    task = _TASKS.get(version["task"], "")
    skops = ["skops"] if version["format"] == "skops" else []
    tags = [library, *skops, *([task] if task else []), *version["tags"]]
    told: dict[str, Any] = {}
    if LICENSE in known.answers:
        told["license"] = known.answers[LICENSE].text
    told |= {
        "library_name": library,
        "tags": list(dict.fromkeys(tags)),
        **({"pipeline_tag": task} if task else {}),
        "model_format": version["format"],
        "model_digest": version["digest"],
    }
    if version["metrics"] and task:
        told["model-index"] = [{"name": version["ref"], "results": [_result(known, task)]}]
    return told


def metadata(known: Known) -> list[Block]:
    """Show the metadata as a table, for those forms that have no front matter."""
    rows = [(key, _said(value)) for key, value in front(known).items() if key != "model-index"]
    return [facts("metadata", rows, title=tell("Metadata"))]


def _result(known: Known, task: str) -> dict[str, Any]:
    data = known.version["lineage"].get("data")
    holdout = data.get("holdout") if isinstance(data, Mapping) else None
    dataset = {"type": "tabular", "name": "holdout"}
    if isinstance(holdout, Mapping):
        dataset |= {"revision": str(holdout.get("digest", ""))}
    return {
        "task": {"type": task, "name": task.replace("-", " ").capitalize()},
        "dataset": dataset,
        "metrics": [
            {"type": _METRICS.get(name, name), "name": name, "value": round(found["value"], 6)}
            for name, found in known.version["metrics"].items()
            if found["value"] is not None
        ],
    }


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
