"""A workspace with every verb as a method, here or on the other side of an address."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol, Self

from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.live import meant_by
from jupyter_mlops.commands.local import function_of, half
from jupyter_mlops.commands.values import given, unknown_argument
from jupyter_mlops.commands.words import Param, Verb, Words, verb_named, verbs
from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path


class Door(Protocol):
    """The way to a workspace: bytes go first, then the words."""

    is_remote: bool

    @property
    def where(self) -> str:
        """Return what opens this workspace again."""

    def allowed(self) -> frozenset[str]:
        """Return the places inside that the owner of the workspace allows, as far as is known here."""

    def put(self, data: bytes) -> None:
        """Keep bytes that an argument points to."""

    def fetch(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a file that an answer names by its digest, piece by piece."""

    def do(self, verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say a verb with arguments that are JSON, and return its answer."""

    def close(self) -> None:
        """Let go of what the door holds open."""


class Nowhere:
    """The door to no workspace, for what needs none."""

    is_remote = False
    where = ""

    def allowed(self) -> frozenset[str]:
        """Allow nothing."""
        return frozenset()

    def put(self, data: bytes) -> None:
        """Keep nothing."""

    def fetch(self, digest: str) -> Iterator[bytes]:
        """Return nothing."""
        del digest
        return iter(())

    def do(self, verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say that there is no workspace here."""
        del arguments
        raise UsageError("{verb} needs a workspace.", code="workspace_missing", verb=verb.name)

    def close(self) -> None:
        """Close nothing."""


class Session:
    """A workspace that was opened: every verb is a method and returns an answer."""

    def __init__(
        self,
        opener: Callable[[str | Path | None], Door],
        where: str | Path | None = None,
        *,
        here: Here,
        words: Words | None = None,
        lazily: bool = False,
        claims: Mapping[str, str] | None = None,
    ) -> None:
        self._opener = opener
        self._place = where
        self.here = here
        self.words = verbs() if words is None else words
        self.claims = claims or {}
        self._door = None if lazily else opener(where)

    @property
    def door(self) -> Door:
        """Return the way to the workspace, which is opened at the first word that needs it."""
        if self._door is None:
            self._door = self._opener(self._place)
        return self._door

    @property
    def place(self) -> str:
        """Return what was named, whether or not it can be opened."""
        from jupyter_mlops import config

        return str(self._place or config.said())

    @property
    def where(self) -> str:
        """Return what opens this workspace again."""
        return self.door.where

    def move(self, where: str | Path) -> None:
        """Open another workspace in place of this one; when it cannot be opened, stay."""
        door = self._opener(where)
        self.close()
        self._door, self._place = door, where

    def say(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Say a verb: prepared where the person is, done where the workspace is."""
        verb = verb_named(name, self.words)
        said = _meant(verb, arguments)
        if verb.of == "session":
            return Answer(verb, function_of(verb)(self, **said))
        data = self._do(verb, said)
        if verb.finish:
            data = half(verb.finish)(data, **said, fetch=self.door.fetch)
        return Answer(verb, data)

    def prepared(self, name: str, arguments: Mapping[str, Any]) -> Prepared:
        """Return what a verb would send for these arguments; nothing is sent."""
        verb = verb_named(name, self.words)
        return self._prepared(verb, _meant(verb, arguments))

    def close(self) -> None:
        """Let go of the workspace."""
        if self._door is not None:
            self._door.close()

    def _do(self, verb: Verb, said: dict[str, Any]) -> dict[str, Any]:
        prepared = self._prepared(verb, said)
        for blob in prepared.blobs:
            self.door.put(blob)
        return self.door.do(verb, {**said, **prepared.arguments})

    def _prepared(self, verb: Verb, said: dict[str, Any]) -> Prepared:
        if not verb.prepare:
            return Prepared({})
        here = replace(self.here, far=self.door.is_remote, allowed=self.door.allowed)
        found: Prepared = half(verb.prepare)(here, **said)
        return found

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        words: Words = self.__dict__.get("words", {})
        if name in words:
            return method(self, words[name])
        meant = "" if name.startswith("_") else did_you_mean(name, words)
        raise AttributeError(f"{name} is no verb. Did you mean {meant}?" if meant else name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.words})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"open_workspace({self.where!r})"


def open_session(
    where: str | Path | None = None,
    *,
    mouth: str = "python",
    claims: Mapping[str, str] | None = None,
    origin: Callable[[], dict[str, Any]] | None = None,
    progress: Callable[[str, float], None] | None = None,
    lazily: bool = False,
    alone: bool = False,
) -> Session:
    """Open a workspace, here or behind an ``http(s)://`` address.

    ``lazily`` it is opened at the first word; ``alone``, none is opened or made.
    """
    here = Here(origin=origin or dict, progress=progress or _silent)
    if alone:
        return Session(lambda _: Nowhere(), where, here=here)
    opener = partial(_open, mouth=mouth, claims=claims, here=here)
    said = {"mouth": mouth, **(claims or {})}
    return Session(opener, where, here=here, lazily=lazily, claims=said)


def method(session: Session, verb: Verb) -> Callable[..., Answer]:
    """Return a verb as a method, with its own signature and help."""

    def say(*positional: Any, **named: Any) -> Answer:
        return session.say(verb.name, _bound(verb, positional, named))

    say.__name__ = verb.name
    say.__qualname__ = f"Session.{verb.name}"
    say.__doc__ = verb.help
    say.__signature__ = signature(verb)  # type: ignore[attr-defined]
    return say


def signature(verb: Verb) -> inspect.Signature:
    """Return the signature of a verb as Python shows it."""
    empty = inspect.Parameter.empty
    return inspect.Signature(
        [
            inspect.Parameter(
                param.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD
                if param.positional
                else inspect.Parameter.KEYWORD_ONLY,
                default=empty if param.required else param.default,
            )
            for param in verb.params
        ],
        return_annotation=Answer,
    )


def _open(
    where: str | Path | None, *, mouth: str, claims: Mapping[str, str] | None, here: Here
) -> Door:
    from jupyter_mlops import config
    from jupyter_mlops.commands.local import open_local

    place = str(where or config.said())
    if config.is_remote(place):
        from jupyter_mlops.commands.remote import Remote

        return Remote(place, mouth=mouth)
    return open_local(place, mouth=mouth, claims=claims, origin=here.origin, progress=here.progress)


def _bound(verb: Verb, positional: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by name."""
    placed = [param for param in verb.params if param.positional]
    slots = [param.name for param in placed]
    if placed and placed[-1].takes_all and len(positional) > len(slots):
        positional = _gathered(positional, len(slots) - 1)
    if len(positional) > len(slots):
        raise UsageError(
            "{verb} takes {n} arguments by position.",
            "name the others; it is called {verb}{signature}.",
            code="word_unexpected",
            verb=verb.name,
            n=len(slots),
            signature=str(signature(verb)).partition(" ->")[0],
        )
    found = dict(zip(slots, positional, strict=False))
    for name, value in named.items():
        if verb.param(name) is None or name in found:
            raise unknown_argument(verb, name)
        found[name] = value
    return found


def _gathered(positional: Sequence[Any], before: int) -> list[Any]:
    """Return a call's arguments by place with all from one place on as a list."""
    return [*positional[:before], list(positional[before:])]


def _meant(verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as the verb wants them, complete and checked."""
    missing = [
        param.name for param in verb.params if param.required and param.name not in arguments
    ]
    if missing:
        raise UsageError(
            "{verb} needs {missing}.",
            "it is called {verb}{signature}.",
            code="argument_missing",
            verb=verb.name,
            missing=", ".join(missing),
            signature=str(signature(verb)).partition(" ->")[0],
        )
    found = {}
    for name, value in arguments.items():
        param = verb.param(name)
        if param is None:
            raise unknown_argument(verb, name)
        found[name] = _one(verb, param, value)
    return found


def _one(verb: Verb, param: Param, value: Any) -> Any:
    if param.live and not isinstance(value, str):
        return value["items"] if isinstance(value, Answer) and "items" in value else value
    if param.type == "array" and isinstance(value, list | tuple):
        value = [meant_by(param, one) if isinstance(one, Answer) else one for one in value]
    if isinstance(value, Answer):
        value = meant_by(param, value)
    if isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, date) and param.kind == "time":
        value = value.isoformat()
    if param.type == "array" and isinstance(value, str):
        value = [value]
    return given(verb, param, value)


def _silent(_text: str, _fraction: float) -> None:
    """Show nothing."""
