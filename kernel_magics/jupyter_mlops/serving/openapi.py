"""The OpenAPI document of what is live: each deployment's own schema, every status that may come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.serving import snippets
from jupyter_mlops.serving.bodies import LONGEST_ID, MOST_ROWS

if TYPE_CHECKING:
    from jupyter_mlops.serving.places import Place

Schema = dict[str, Any]

_TYPES: Final = {"number": "number", "integer": "integer", "boolean": "boolean"}
_TABLES: Final = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
}
_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_ACTUALS: Final[Schema] = {
    "type": "object",
    "required": ["rows"],
    "additionalProperties": False,
    "properties": {
        "rows": {"type": "array", "items": {"type": "object"}},
        "id": {"type": "string", "default": "id"},
        "value": {"type": "string", "default": "value"},
        "time": {"type": ["string", "null"]},
    },
}
_RECEIVED: Final[Schema] = {
    "type": "object",
    "required": ["deployment", "received", "matched", "unmatched"],
    "properties": {
        "deployment": _TEXT,
        "received": _WHOLE,
        "matched": _WHOLE,
        "unmatched": _WHOLE,
    },
}
_PARAMETERS: Final[list[Schema]] = [
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
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "the same key with the same body gets the same answer, counted once",
        "schema": {"type": "string"},
    },
]
_PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "hint", "error"],
    "properties": {
        **dict.fromkeys(("type", "title", "code", "detail", "hint", "error"), _TEXT),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
    },
}
_TENSOR: Final[Schema] = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": _TEXT,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": _TEXT,
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
}
_INFER: Final[Schema] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": _TEXT,
        "parameters": {"type": "object"},
        "inputs": {"type": "array", "items": _TENSOR},
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": _TEXT}},
        },
    },
}
_INFERRED: Final[Schema] = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": _TEXT,
        "model_version": _TEXT,
        "id": _TEXT,
        "parameters": {"type": "object"},
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_ANYWHERE: Final = {
    400: "Not HTTP, not JSON, or another name for this server.",
    401: "No token, or a wrong one.",
    405: "Another method is meant.",
    429: "Too much at once; Retry-After says when to come again.",
}
_OF_A_BODY: Final = {
    404: "No such deployment is live here.",
    408: "The body took too long to arrive.",
    409: "The first request with this key still runs.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    422: "The body is not what this deployment reads, or a rule refuses to answer.",
    500: "The model failed.",
    503: "What is answered cannot be made durable now.",
    504: "The model did not answer in time.",
}


def document(places: Sequence[Place], base: str) -> Schema:
    """Return the document; ``base`` is the address this server is asked at."""
    paths: dict[str, Any] = {
        "/v2/health/live": _look("Say whether the process answers", _says("live"), public=True),
        "/v2/health/ready": _look("Say whether it can predict", _says("ready"), public=True),
        "/v2": _look("Describe the server", {"type": "object"}),
        "/metrics": _look("Tell Prometheus", _TEXT, kind="text/plain"),
        "/openapi.json": _look("Describe everything", {"type": "object"}),
    }
    for found in places:
        paths |= _paths(found, base)
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter-mlops prediction server", "version": version("jupyter-mlops")},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": _PROBLEM},
        },
        "paths": paths,
    }


def _paths(found: Place, base: str) -> dict[str, Any]:
    name, loaded = found.deployment, found.champion.loaded
    row = {
        "type": "object",
        "required": [feature["name"] for feature in loaded.features],
        "properties": {feature["name"]: _property(feature) for feature in loaded.features},
    }
    predict = _operation(f"Predict with {loaded.ref}", _rows(row), _answer(), _TABLES)
    model = {"type": "object", "required": ["name", "versions", "inputs", "outputs"]}
    return {
        f"/deployments/{name}/predictions": {
            "parameters": _PARAMETERS,
            "post": {**predict, "x-codeSamples": snippets.samples(found, base)},
        },
        f"/deployments/{name}/actuals": {
            "post": _operation("Say what really happened", _ACTUALS, _RECEIVED)
        },
        f"/v2/models/{name}": _look("Describe the deployment", model),
        f"/v2/models/{name}/ready": _look("Say whether it can predict", _says("ready")),
        f"/v2/models/{name}/infer": {
            "post": _operation("Ask by the Open Inference Protocol", _INFER, _INFERRED)
        },
    }


def _answer() -> Schema:
    one = {
        "type": "object",
        "required": ["id", "prediction_id", "prediction", "probabilities", "warnings", "version"],
        "properties": {
            "id": _TEXT,
            "prediction_id": _TEXT,
            "prediction": {},
            "probabilities": {
                "type": ["object", "null"],
                "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "warnings": {"type": "array", "items": _TEXT},
            "version": _TEXT,
            "passed": {"type": "object"},
        },
    }
    return {
        "type": "object",
        "required": ["deployment", "version", "digest", "predictions"],
        "properties": {
            "deployment": _TEXT,
            "version": _TEXT,
            "digest": _TEXT,
            "predictions": {"type": "array", "minItems": 1, "items": one},
        },
    }


def _property(feature: Mapping[str, Any]) -> Schema:
    told: Schema = {"type": [_TYPES.get(feature["type"], "string"), "null"]}
    if "low" in feature:
        told["description"] = f"{feature['low']:g} to {feature['high']:g} in training"
        told["examples"] = [feature["low"], feature["high"]]
    if feature.get("levels"):
        told["examples"] = feature["levels"][:5]
    return told


def _rows(row: Schema) -> Schema:
    """Return the schema of a body: by rows, or by columns of equal length."""
    columns = {name: {"type": "array", "items": kind} for name, kind in row["properties"].items()}
    name = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
    ids = {"ids": {"type": ["array", "null"], "items": name}}
    by_row = {"rows": {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": row}}
    by_column = {"columns": {**row, "properties": columns}}
    return {
        "oneOf": [
            {
                "type": "object",
                "required": [*way],
                "properties": {**way, **ids},
                "additionalProperties": False,
            }
            for way in (by_row, by_column)
        ]
    }


def _says(what: str) -> Schema:
    return {"type": "object", "required": [what], "properties": {what: {"type": "boolean"}}}


def _look(
    summary: str, schema: Schema, *, public: bool = False, kind: str = "application/json"
) -> dict[str, Any]:
    problems = {404: _OF_A_BODY[404], **_ANYWHERE}
    responses = {"200": {"description": "Told.", "content": {kind: {"schema": schema}}}}
    if public:
        problems = {status: _ANYWHERE[status] for status in (400, 405)}
        responses["503"] = {**responses["200"], "description": "Not ready, or leaving."}
    told = {"summary": summary, "responses": responses | _problems(problems)}
    return {"get": {**told, "security": []} if public else told}


def _operation(
    summary: str, schema: Schema, answer: Schema, others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}, **(others or {})}
    good = {
        "description": "Answered, and on disk.",
        "content": {"application/json": {"schema": answer}},
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": {"200": good, **_problems({**_ANYWHERE, **_OF_A_BODY})},
    }


def _problems(told: Mapping[int, str]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {"description": told[status], "content": content} for status in sorted(told)
    }
