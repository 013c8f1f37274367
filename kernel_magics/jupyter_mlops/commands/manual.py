"""Help: what there is to say, and how one verb is said."""

from __future__ import annotations

from typing import Final

from jupyter_mlops.commands.words import Param, Verb, Words, verbs
from jupyter_mlops.locale import tell, translate

_WIDEST: Final = 28


def page(verb: Verb) -> str:
    """Return the manual page of a verb: how it is typed, what it does, what it takes."""
    parts = [verb.usage, "", verb.help]
    if verb.params:
        width = min(max(len(param.shown) for param in verb.params), _WIDEST)
        parts += ["", *(f"  {param.shown:<{width}}  {_about(param)}" for param in verb.params)]
    return "\n".join(parts)


def overall(typed: str, known: Words | None = None) -> str:
    """Return the list of verbs; ``typed`` is what stands before one."""
    words = verbs() if known is None else known
    width = max(len(name) for name in words)
    listed = [f"  {verb.name:<{width}}  {translate(verb.summary)}" for verb in words.values()]
    more = tell("{typed} VERB --help says more of one.", typed=typed)
    return "\n".join([f"{typed} VERB …", "", *listed, "", more])


def _about(param: Param) -> str:
    holds = " | ".join(param.choices) or param.kind or param.type
    if param.required:
        return tell("{holds}, needed", holds=holds)
    if param.default in (None, "", [], False):
        return holds
    return tell("{holds}, {default} when nothing is said", holds=holds, default=param.default)
