"""How the server describes itself: the Open Inference Protocol's metadata and OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from jupyter_mlops.serving import snippets

if TYPE_CHECKING:
    from jupyter_mlops.serving.places import Place

_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
_TABLES = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
}
_ACTUALS: dict[str, Any] = {
    "type": "object",
    "required": ["rows"],
    "properties": {
        "rows": {"type": "array", "items": {"type": "object"}},
        "id": {"type": "string", "default": "id"},
        "value": {"type": "string", "default": "value"},
        "time": {"type": ["string", "null"]},
    },
}
_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "id",
        "in": "query",
        "description": "the column of a table that holds the ids",
        "schema": {"type": "string"},
    },
    {
        "name": "pass",
        "in": "query",
        "description": "a column to hand back beside each answer; may be said several times",
        "schema": {"type": "array", "items": {"type": "string"}},
    },
    {
        "name": "threshold",
        "in": "query",
        "description": "the probability from which on the second of two classes is answered",
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
    },
]
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
        "platform": "onnx" if loaded.compiled else "sklearn",
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


def openapi(places: Sequence[Place], base: str) -> dict[str, Any]:
    """Return the OpenAPI document of everything that is live: each deployment's own schema.

    ``base`` is the address this server is asked at; programs that ask it come along.
    """
    paths: dict[str, Any] = {}
    for found in places:
        row = {
            "type": "object",
            "required": [f["name"] for f in found.champion.loaded.features],
            "properties": {f["name"]: _property(f) for f in found.champion.loaded.features},
        }
        paths[f"/deployments/{found.deployment}/predictions"] = {
            "parameters": _PARAMETERS,
            "post": {
                **_operation(f"Predict with {found.champion.loaded.ref}", _rows(row), _TABLES),
                "x-codeSamples": snippets.samples(found, base),
            },
        }
        paths[f"/deployments/{found.deployment}/actuals"] = {
            "post": _operation("Say what really happened", _ACTUALS)
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
    """Return the schema of a body: by rows, or by columns of equal length."""
    columns = {name: {"type": "array", "items": kind} for name, kind in row["properties"].items()}
    ids = {"ids": {"type": "array", "items": {"type": "string"}}}
    by_row = {"rows": {"type": "array", "minItems": 1, "items": row}}
    by_column = {"columns": {**row, "properties": columns}}
    return {
        "oneOf": [
            {"type": "object", "required": [*way], "properties": {**way, **ids}}
            for way in (by_row, by_column)
        ]
    }


def _operation(
    summary: str, schema: dict[str, Any], others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}, **(others or {})}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Answered, and on disk."},
            "default": {"description": "A problem document (application/problem+json)."},
        },
    }
