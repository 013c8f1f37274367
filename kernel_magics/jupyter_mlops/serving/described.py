"""How the server describes itself: the Open Inference Protocol's metadata and OpenAPI."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.serving.models import Model

_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}


def server() -> dict[str, Any]:
    """Return the server's metadata."""
    return {"name": "jupyter-mlops", "version": version("jupyter-mlops"), "extensions": []}


def model(found: Model) -> dict[str, Any]:
    """Return a deployment's metadata: its version, its digest and what it reads."""
    loaded = found.loaded
    return {
        "name": found.deployment,
        "versions": [loaded.ref],
        "digest": loaded.digest,
        "platform": "onnx" if loaded.compiled else "sklearn",
        "inputs": [
            {"name": f["name"], "datatype": _DATATYPES[f["type"]], "shape": [-1]}
            for f in loaded.features
        ],
        "outputs": [{"name": "prediction", "datatype": "BYTES", "shape": [-1]}],
    }


def openapi(models: Sequence[Model]) -> dict[str, Any]:
    """Return the OpenAPI document of everything that is live: each deployment's own schema."""
    paths: dict[str, Any] = {}
    for found in models:
        row = {
            "type": "object",
            "required": [f["name"] for f in found.loaded.features],
            "properties": {f["name"]: _property(f) for f in found.loaded.features},
        }
        paths[f"/deployments/{found.deployment}/predictions"] = {
            "post": _operation(f"Predict with {found.loaded.ref}", _rows(row))
        }
        paths[f"/deployments/{found.deployment}/actuals"] = {
            "post": _operation("Say what really happened", _rows({"type": "object"}))
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter-mlops prediction server", "version": version("jupyter-mlops")},
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }


def _property(feature: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": [_TYPES[feature["type"]], "null"]}
    if "low" in feature:
        told["description"] = f"{feature['low']:g} to {feature['high']:g} in training"
    if feature.get("levels"):
        told["examples"] = feature["levels"][:5]
    return told


def _rows(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["rows"],
        "properties": {
            "rows": {"type": "array", "minItems": 1, "items": row},
            "ids": {"type": "array", "items": {"type": "string"}},
        },
    }


def _operation(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "Answered, and on disk."},
            "default": {"description": "A problem document (application/problem+json)."},
        },
    }
