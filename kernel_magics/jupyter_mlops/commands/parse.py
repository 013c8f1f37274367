"""Read a typed line: the verb, and its arguments as the grammar wants them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlops.commands.live import Place
from jupyter_mlops.commands.values import given
from jupyter_mlops.commands.words import Param, Verb, Words, verb_named
from jupyter_mlops.errors import UsageError, did_you_mean

SILENT: Final = "overview"
"""What is meant when nothing is said."""

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Line:
    """What was typed: a verb with its arguments, or a question about it."""

    verb: Verb | None
    arguments: dict[str, Any] = field(default_factory=dict)
    wants_help: bool = False
    wants_json: bool = False


def split(line: str) -> list[str]:
    """Return the words of a line, with quotes as in a shell.

    Raises:
        UsageError: a quotation is not closed.
    """
    try:
        return shlex.split(line)
    except ValueError:
        raise UsageError(
            "A quotation in this line is not closed.",
            "put a value with spaces or quotes between two equal quotation marks.",
            code="quotation_open",
        ) from None


def parse(words: Sequence[Any], known: Words, place: Place) -> Line:
    """Return what the words mean; a word that is no text is the very object it stands for.

    Raises:
        UsageError: a word, an option or a value is none of ours.
    """
    rest = list(words)
    wants_json = _take(rest, "--json")
    wants_help = _take(rest, "--help") or _take(rest, "-h")
    if not rest and wants_help:
        return Line(None, wants_help=True, wants_json=wants_json)
    verb = verb_named(str(rest.pop(0)) if rest else SILENT, known)
    if wants_help:
        return Line(verb, wants_help=True, wants_json=wants_json)
    return Line(verb, _arguments(verb, rest, place), wants_json=wants_json)


def _take(words: list[Any], flag: str) -> bool:
    """Take a flag that every verb understands out of the words, wherever it stands."""
    at = _position(words, flag)
    if at is None:
        return False
    del words[at]
    return True


def _position(words: Sequence[Any], flag: str) -> int | None:
    for at, word in enumerate(words):
        if not isinstance(word, str):
            continue
        if word == "--":
            return None
        if word == flag:
            return at
    return None


def _arguments(verb: Verb, words: Sequence[Any], place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    slots = _slots(verb)
    for param, word in _pairs(verb, words):
        taker = param or next(slots, None)
        if taker is None:
            raise _too_many(verb, word)
        _put(found, verb, taker, word, place)
    place.fill(verb, found)
    _check_complete(verb, found)
    return found


def _slots(verb: Verb) -> Iterator[Param]:
    """Go through the arguments that stand by place; one that takes all words comes again and again."""
    for param in verb.params:
        if param.positional:
            yield param
        while param.takes_all:
            yield param


def _pairs(verb: Verb, words: Sequence[Any]) -> Iterator[tuple[Param | None, Any]]:
    """Go through the words: an option with its value, or None with a positional word."""
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if isinstance(word, str) and word == "--":
            yield from ((None, rest) for rest in queue)
            return
        if not isinstance(word, str) or not word.startswith("--"):
            yield None, word
            continue
        name, equals, value = word.partition("=")
        param = _option(verb, name)
        if equals:
            yield param, value
        elif param.type == "boolean":
            yield param, "true"
        elif queue and not _is_option(verb, queue[0]):
            yield param, queue.pop(0)
        else:
            raise _needs_value(verb, param)


def _option(verb: Verb, name: str) -> Param:
    options = {param.option: param for param in verb.params if not param.positional}
    if name in options:
        return options[name]
    meant = did_you_mean(name, options)
    raise UsageError(
        "{verb} has no option {option}.",
        "Did you mean {meant}?" if meant else "`{verb} --help` shows what it understands.",
        code="option_unknown",
        verb=verb.name,
        option=name,
        meant=meant,
    )


def _is_option(verb: Verb, word: Any) -> bool:
    name = word.partition("=")[0] if isinstance(word, str) else ""
    return any(name == param.option for param in verb.params if not param.positional)


def _put(found: dict[str, Any], verb: Verb, param: Param, word: Any, place: Place) -> None:
    value = _value(verb, param, word, place)
    if param.type == "array" and param.name in found:
        found[param.name] = [*found[param.name], *value]
    elif param.name in found:
        raise UsageError(
            "{option} is said twice.",
            "say it once; `{verb} --help` shows how.",
            code="option_twice",
            option=param.shown,
            verb=verb.name,
        )
    else:
        found[param.name] = value


def _value(verb: Verb, param: Param, word: Any, place: Place) -> Any:
    """Return the typed word as the value it stands for."""
    if param.live:
        return place.live(verb, param, word)
    if param.kind == "text" and isinstance(word, str):
        return given(verb, param, place.text(word))
    meant = place.stands_for(param, word)
    if param.type == "string" and isinstance(meant, int | float):
        meant = str(meant)
    if not isinstance(meant, str):
        return given(verb, param, meant)
    return given(verb, param, _typed(verb, param, meant, place))


def _typed(verb: Verb, param: Param, text: str, place: Place) -> Any:
    if param.type == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if param.type == "number":
        return _number(text)
    if param.type == "boolean" and text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    if param.type == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    if param.type == "object":
        return _object(verb, param, text, place.variables)
    return text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _object(verb: Verb, param: Param, text: str, variables: Mapping[str, Any]) -> Any:
    if isinstance(variables.get(text), Mapping):
        return dict(variables[text])
    try:
        return json.loads(text)
    except ValueError:
        raise UsageError(
            "{option} of {verb} wants names with values.",
            "write JSON between single quotes: {option} '{example}'.",
            code="value_invalid",
            option=param.shown,
            verb=verb.name,
            example='{"name": 1.0}',
        ) from None


def _check_complete(verb: Verb, found: Mapping[str, Any]) -> None:
    missing = [param for param in verb.params if param.required and param.name not in found]
    if missing:
        raise UsageError(
            "{verb} needs {missing}.",
            "it is typed: {usage}",
            code="argument_missing",
            verb=verb.name,
            missing=", ".join(param.shown for param in missing),
            usage=verb.usage,
        )


def _too_many(verb: Verb, word: Any) -> UsageError:
    return UsageError(
        "{verb} does not know what to do with {word}.",
        "put a value with spaces between quotes; it is typed: {usage}",
        code="word_unexpected",
        verb=verb.name,
        word=word if isinstance(word, str) else type(word).__name__,
        usage=verb.usage,
    )


def _needs_value(verb: Verb, param: Param) -> UsageError:
    return UsageError(
        "{option} of {verb} needs a value.",
        "it is typed: {usage}",
        code="value_missing",
        option=param.option,
        verb=verb.name,
        usage=verb.usage,
    )
