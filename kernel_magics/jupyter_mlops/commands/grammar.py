"""The grammar, taken from the verbs' own signatures.

``python -m jupyter_mlops.commands.grammar`` writes every file that is generated from it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from jupyter_mlops.commands.words import HOMES, Param, Verb, Words
from jupyter_mlops.domain.arguments import Kind, Word, word_of

_TYPES: Final = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    tuple: "array",
    list: "array",
}


def discover(homes: Iterable[str] = HOMES) -> Words:
    """Import the modules that hold verbs and describe what is marked in them."""
    found = (
        describe(function, word)
        for home in homes
        for function, word in _marked(importlib.import_module(home))
    )
    return {verb.name: verb for verb in found}


def describe(function: Callable[..., Any], word: Word) -> Verb:
    """Return a verb as its signature and its docstring define it."""
    hints = _hints(function)
    first, *rest = inspect.signature(function).parameters.values()
    help_ = inspect.getdoc(function) or ""
    return Verb(
        name=word.name,
        does=word.does,
        said=word.said,
        of="session" if first.name == "session" else "workspace",
        module=function.__module__,
        function=function.__name__,
        prepare=word.prepare,
        finish=word.finish,
        answer=hints["return"].__name__,
        summary=help_.partition("\n")[0],
        help=help_,
        params=tuple(_param(param, hints[param.name]) for param in rest),
    )


def to_json(words: Words) -> str:
    """Write the verbs as the grammar file has them."""
    told = {"verbs": [asdict(verb) for verb in words.values()]}
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of a verb's arguments and answer; its workspace is no business of ours."""
    first = next(iter(inspect.signature(function).parameters))
    told = {name: hint for name, hint in function.__annotations__.items() if name != first}
    bare = type(function.__name__, (), {"__annotations__": told})
    return get_type_hints(bare, globalns=function.__globals__, include_extras=True)


def _marked(module: types.ModuleType) -> Iterator[tuple[Callable[..., Any], Word]]:
    for thing in vars(module).values():
        word = word_of(thing)
        if word and thing.__module__ == module.__name__:
            yield thing, word


def _param(param: inspect.Parameter, hint: Any) -> Param:
    kind, bare = _kind(hint)
    positional = param.kind is not inspect.Parameter.KEYWORD_ONLY
    required = param.default is inspect.Parameter.empty
    choices = get_args(bare) if get_origin(bare) is Literal else ()
    return Param(
        name=param.name,
        option="" if positional else _option(param.name),
        positional=positional,
        required=required,
        default=None if required else _as_json(param.default),
        type="string" if choices else cast("Any", _TYPES.get(get_origin(bare) or bare, "any")),
        kind=kind.name if kind else "",
        live=bool(kind and kind.live),
        writes=bool(kind and kind.writes),
        choices=choices,
    )


def _option(name: str) -> str:
    for short in ("for", "with", "from"):
        if name.startswith(short + "_"):
            return "--" + short
    return "--" + name.replace("_", "-")


def _kind(hint: Any) -> tuple[Kind | None, Any]:
    """Return the mark of an annotation, and its type without mark and without None."""
    kind = None
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *marks = get_args(hint)
            kind = next((mark for mark in marks if isinstance(mark, Kind)), kind)
        elif origin in (Union, types.UnionType):
            hint = next(arg for arg in get_args(hint) if arg is not type(None))
        else:
            return kind, hint


def _as_json(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


if __name__ == "__main__":
    from jupyter_mlops.commands.generated import write

    write(discover())
