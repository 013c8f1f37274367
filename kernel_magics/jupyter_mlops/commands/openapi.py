"""The verbs over HTTP, described as OpenAPI 3.1."""

from __future__ import annotations

import json
import types
from typing import Any, Final, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from jupyter_mlops.commands.typescript import shapes
from jupyter_mlops.commands.words import Param, Verb, Words

_PLAIN: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "hint"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
    },
}
_REFUSED: Final = {
    "description": "What went wrong, with a stable code and a hint.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_BLOB: Final = {
    "summary": "Keep bytes that an argument points to.",
    "parameters": [
        {
            "name": "sha256",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string"}}},
    },
    "responses": {"204": {"description": "They are kept."}, "default": _REFUSED},
}
_FILE: Final = {
    "summary": "The bytes of a file that an answer names by its digest.",
    "parameters": _BLOB["parameters"],
    "responses": {
        "200": {
            "description": "The bytes.",
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        },
        "default": _REFUSED,
    },
}

_PICTURE: Final = {
    "operationId": "picture",
    "summary": "The picture of what a verb that only looks answers; its arguments are the verb's own.",
    "parameters": [
        {"name": "verb", "in": "path", "required": True, "schema": {"type": "string"}},
        {
            "name": "width",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "minimum": 200, "maximum": 1600, "default": 560},
        },
        {
            "name": "ground",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["light", "dark"], "default": "light"},
        },
    ],
    "responses": {
        "200": {
            "description": "Drawn.",
            "content": {"image/svg+xml": {"schema": {"type": "string"}}},
        },
        "default": _REFUSED,
    },
}


def openapi(words: Words) -> str:
    """Return the description of every route, as JSON."""
    said = [verb for verb in words.values() if verb.said == "anywhere"]
    told = {
        "openapi": "3.1.0",
        "info": {"title": "jupyter-mlops", "version": "1"},
        "servers": [{"url": "/jupyter-mlops/api"}],
        "security": [{"token": []}],
        "paths": {
            **{f"/{verb.name}": _path(verb) for verb in said},
            "/blobs/{sha256}": {"put": _BLOB, "get": _FILE},
            "/pictures/{verb}": {"get": _PICTURE},
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
            "schemas": {"Problem": _PROBLEM, **{n: _shape(s) for n, s in shapes(words).items()}},
        },
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _path(verb: Verb) -> dict[str, Any]:
    answer = {"application/json": {"schema": {"$ref": f"#/components/schemas/{verb.answer}"}}}
    told = {
        "operationId": verb.name,
        "summary": verb.summary,
        "description": verb.help,
        "responses": {"200": {"description": "Done.", "content": answer}, "default": _REFUSED},
    }
    if verb.does == "deed":
        return {"post": told | _body(verb)}
    asked = {"get": told | _query(verb)}
    if verb.may_be_posted:
        how = "of_rows" if any(param.live for param in verb.params) else "to_file"
        asked["post"] = told | {"operationId": f"{verb.name}_{how}"} | _body(verb)
    return asked


def _query(verb: Verb) -> dict[str, Any]:
    return {
        "parameters": [
            {"name": param.name, "in": "query", "required": param.required, "schema": _sent(param)}
            for param in verb.params
            if not (param.live or param.writes) or param.kind == "reference"
        ]
    }


def _body(verb: Verb) -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [param.name for param in verb.params if param.required],
        "properties": {param.name: _sent(param) for param in verb.params},
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _sent(param: Param) -> dict[str, Any]:
    if param.live:
        words = [{"type": "string"}] if param.kind == "reference" else []
        rows = {"type": "array", "items": {"type": "object"}}
        return {"oneOf": [{"type": "object"}, rows, *words]}
    told: dict[str, Any] = {} if param.type == "any" else {"type": param.type}
    if param.type == "array":
        told["items"] = {"type": "string"}
    if param.choices:
        told["enum"] = list(param.choices)
    if param.default is not None:
        told["default"] = param.default
    elif not param.required and "type" in told:
        told["type"] = [told["type"], "null"]
    return told


def _shape(shape: type) -> dict[str, Any]:
    hints = get_type_hints(shape, include_extras=True)
    return {
        "type": "object",
        "description": (shape.__doc__ or "").partition("\n")[0],
        "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
        "properties": {name: _schema(hint) for name, hint in hints.items()},
    }


def _schema(hint: Any) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _schema(args[0])
    if origin is Literal:
        return {"type": "string", "enum": list(args)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(arg) for arg in args]}
    if origin is list:
        return {"type": "array", "items": _schema(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(args[1])}
    return _PLAIN.get(hint) or (
        {"$ref": f"#/components/schemas/{hint.__name__}"} if hint is not Any else {}
    )
