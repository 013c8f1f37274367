"""How the server describes itself and its models, as the Open Inference Protocol asks."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.serving.places import Place

_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}


def server() -> dict[str, Any]:
    """Return the server's metadata."""
    return {
        "name": "jupyter-mlops",
        "version": version("jupyter-mlops"),
        "extensions": ["binary_tensor_data"],
    }


def model(found: Place) -> dict[str, Any]:
    """Return a deployment's metadata: its version, its digest and what it reads."""
    loaded = found.champion.loaded
    return {
        "name": found.deployment,
        "versions": [loaded.ref],
        "digest": loaded.digest,
        "platform": loaded.form or "sklearn",
        "inputs": [
            {"name": f["name"], "datatype": _DATATYPES[f["type"]], "shape": [-1]}
            for f in loaded.features
        ],
        "outputs": _outputs(found),
        "canary": _canary(found),
        "rules": found.rules.digest if found.rules else "",
    }


def _canary(found: Place) -> dict[str, Any] | None:
    if found.canary is None:
        return None
    loaded = found.canary.loaded
    return {"version": loaded.ref, "digest": loaded.digest, "share": found.share}


def _outputs(found: Place) -> list[dict[str, Any]]:
    loaded = found.champion.loaded
    kinds = {bool: "BOOL", int: "INT64"}
    named = kinds.get(type(loaded.classes[0]), "BYTES") if loaded.classes else "FP64"
    told = [
        {"name": "prediction", "datatype": named, "shape": [-1]},
        {"name": "prediction_id", "datatype": "BYTES", "shape": [-1]},
        {"name": "warnings", "datatype": "BYTES", "shape": [-1]},
    ]
    if loaded.classes:
        wide = len(loaded.classes)
        told.append({"name": "probabilities", "datatype": "FP64", "shape": [-1, wide]})
    return told
