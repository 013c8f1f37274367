"""What a value may be, as the grammar says: the same for a line, a call and a request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.commands.words import Param, Verb
from jupyter_mlops.errors import UsageError, did_you_mean

_WANTS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "names",
    "object": "names with values",
}

_CLASSES: Final[dict[str, type]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": Mapping,
}


def given(verb: Verb, param: Param, value: Any) -> Any:
    """Return the value when it is what the argument wants.

    Raises:
        UsageError: it is of another type, holds what no store can keep as text, or is none of the
            choices.
    """
    if value is None and not param.required:
        return None
    if param.type == "array" and isinstance(value, list | tuple):
        value = list(value)
    if not _fits(param, value):
        raise _unfit(verb, param, value)
    if not all(map(_is_text, value if isinstance(value, list) else [value])):
        raise UsageError(
            "{option} of {verb} holds a character that is no text.",
            "leave out NUL and halves of characters.",
            code="value_invalid",
            option=param.shown,
            verb=verb.name,
        )
    if param.choices and value not in param.choices:
        raise _no_choice(verb, param, value)
    return value


def from_json(verb: Verb, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a JSON body holds; a live one is JSON there, never a path.

    Raises:
        UsageError: a field is unknown, missing or of another type.
    """
    for name in body:
        if verb.param(name) is None:
            raise unknown_argument(verb, name)
    _check_complete(verb, body)
    return {name: _json_value(verb, _known(verb, name), value) for name, value in body.items()}


def from_query(verb: Verb, query: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the arguments that a query string holds, typed as the grammar says."""
    body = {}
    for name, texts in query.items():
        param = verb.param(name)
        if param is None:
            raise unknown_argument(verb, name)
        if len(texts) > 1 and param.type != "array":
            raise _unfit(verb, param, texts)
        body[name] = texts if param.type == "array" else _from_text(param, texts[0])
    return from_json(verb, body)


def unknown_argument(verb: Verb, name: str) -> UsageError:
    """Return the error for an argument that the verb does not have."""
    known = [param.name for param in verb.params]
    meant = did_you_mean(name, known)
    hint = "it knows: {known}." if known else "it takes none."
    return UsageError(
        "{verb} has no argument {name}.",
        "Did you mean {meant}?" if meant else hint,
        code="argument_unknown",
        verb=verb.name,
        name=name,
        meant=meant,
        known=", ".join(known),
    )


def _check_complete(verb: Verb, body: Mapping[str, Any]) -> None:
    missing = [param.name for param in verb.params if param.required and param.name not in body]
    if missing:
        raise UsageError(
            "{verb} needs {missing}.",
            "send it in the body.",
            code="argument_missing",
            verb=verb.name,
            missing=", ".join(missing),
        )


def _known(verb: Verb, name: str) -> Param:
    param = verb.param(name)
    if param is None:
        raise unknown_argument(verb, name)
    return param


def _json_value(verb: Verb, param: Param, value: Any) -> Any:
    if not param.live or (param.kind == "reference" and isinstance(value, str)):
        return given(verb, param, value)
    if isinstance(value, dict) or _is_rows(value) or (value is None and not param.required):
        return value
    raise UsageError(
        "{name} of {verb} has to be rows, or a blob that was sent before.",
        "send a list of objects or {example}.",
        code="value_invalid",
        name=param.name,
        verb=verb.name,
        example='{"$blob": "sha256:…"}',
    )


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _from_text(param: Param, text: str) -> Any:
    if param.type == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if param.type == "integer":
        return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else text
    if param.type == "number":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _is_text(value: Any) -> bool:
    """Say whether a value can be kept: no NUL, which PostgreSQL refuses, and no half of a pair."""
    if not isinstance(value, str):
        return True
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _fits(param: Param, value: Any) -> bool:
    if isinstance(value, bool):
        return param.type in ("boolean", "any")
    if param.type == "array":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if param.type == "number":
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, _CLASSES.get(param.type, object))


def _unfit(verb: Verb, param: Param, value: Any) -> UsageError:
    return UsageError(
        "{option} of {verb} wants {wants}, not {value}.",
        "it is typed: {usage}",
        code="value_invalid",
        option=param.shown,
        verb=verb.name,
        wants=_WANTS.get(param.type, param.kind),
        value=repr(value) if isinstance(value, str | int | float) else type(value).__name__,
        usage=verb.usage,
    )


def _no_choice(verb: Verb, param: Param, value: Any) -> UsageError:
    meant = did_you_mean(str(value), param.choices)
    return UsageError(
        "{option} of {verb} cannot be {value}.",
        "Did you mean {meant}? The choices are {choices}."
        if meant
        else "the choices are {choices}.",
        code="choice_unknown",
        option=param.shown,
        verb=verb.name,
        value=repr(value),
        meant=meant,
        choices=", ".join(param.choices),
    )
