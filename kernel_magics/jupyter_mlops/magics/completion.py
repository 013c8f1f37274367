"""What can be typed next after `%mlops`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from jupyter_mlops.commands.live import candidates
from jupyter_mlops.commands.words import Param, Verb, verbs
from jupyter_mlops.domain.references import WORDS
from jupyter_mlops.errors import MlopsError

if TYPE_CHECKING:
    from jupyter_mlops.commands.session import Session

KEPT_SECONDS: Final = 3.0
_LINE: Final = re.compile(r"\s*(?:[\w.\[\]'\", ]+=\s*)?%{1,2}mlops\s(?P<typed>.*)", re.DOTALL)


class Completer:
    """Proposes verbs, options, choices, names the workspace knows, and variables that fit."""

    def __init__(self, known: Callable[[], Session | None], shell: Any) -> None:
        self._known = known
        self._shell = shell
        self._kept: dict[str, tuple[float, list[str]]] = {}
        self.matcher = self._matcher()

    def proposals(self, typed: str) -> tuple[str, list[str]]:
        """Return the word that is being typed, and what it may become."""
        words = typed.split()
        fragment = words.pop() if words and not typed[-1:].isspace() else ""
        return fragment, sorted({one for one in self._next(words) if one.startswith(fragment)})

    def _next(self, words: Sequence[str]) -> Iterable[str]:
        known = verbs()
        if not words:
            return [*known, "--help"]
        if words[0] not in known:
            return []
        return self._arguments(known[words[0]], words[1:])

    def _arguments(self, verb: Verb, words: Sequence[str]) -> list[str]:
        options = {param.option: param for param in verb.params if not param.positional}
        last = options.get(words[-1]) if words else None
        if last is not None and last.type != "boolean":
            return self._values(last)
        slots = [param for param in verb.params if param.positional]
        taken = _positionals(words, options)
        if slots and slots[-1].takes_all:
            taken = min(taken, len(slots) - 1)
        free = [option for option in options if option not in words]
        return [*free, *(self._values(slots[taken]) if taken < len(slots) else [])]

    def _values(self, param: Param) -> list[str]:
        if param.choices:
            return list(param.choices)
        if param.live:
            words = WORDS if param.kind == "reference" else ()
            return [*words, *candidates(param, self._shell.user_ns)]
        return self._named(param.kind)

    def _named(self, kind: str) -> list[str]:
        """Return the names of a kind; a workspace that does not answer proposes none."""
        at, names = self._kept.get(kind, (0.0, []))
        if kind in _ASKED and time.monotonic() - at > KEPT_SECONDS:
            names = self._asked(kind)
            self._kept[kind] = (time.monotonic(), names)
        return names

    def _asked(self, kind: str) -> list[str]:
        try:
            session = self._known()
            return _ASKED[kind](session) if session else []
        except MlopsError:
            return []

    def _matcher(self) -> Any:
        @context_matcher(identifier="jupyter_mlops")  # type: ignore[untyped-decorator]  # IPython's
        def matcher(context: CompletionContext) -> dict[str, Any]:
            found = _LINE.fullmatch(context.text_until_cursor)
            if not found or context.cursor_line != _line_of_magic(context):
                return {"completions": [], "suppress": False}
            fragment, texts = self.proposals(found["typed"])
            return {
                "completions": [SimpleCompletion(text, type="mlops") for text in texts],
                "matched_fragment": fragment,
                "suppress": True,
            }

        return matcher


def _line_of_magic(context: CompletionContext) -> int:
    """Return the line a magic may stand on: `%%mlops` only on the first."""
    return 0 if "%%mlops" in context.text_until_cursor else int(context.cursor_line)


def _positionals(words: Sequence[str], options: dict[str, Param]) -> int:
    """Count the words that are no option and no option's value."""
    taken, awaited = 0, False
    for word in words:
        param = options.get(word)
        if param is not None:
            awaited = param.type != "boolean"
        elif awaited or word.startswith("--"):
            awaited = False
        else:
            taken += 1
    return taken


def _versions(session: Session) -> list[str]:
    return [
        f"{row['name']}:{number}"
        for row in session.say("models", {})
        for number in range(int(row["versions"]), 0, -1)
    ]


def _models(session: Session) -> list[str]:
    return [row["name"] for row in session.say("models", {})]


def _deployments(session: Session) -> list[str]:
    return [row["name"] for row in session.say("deployments", {})]


def _requests(session: Session) -> list[str]:
    return [str(row["id"]) for row in session.say("requests", {}) if row["state"] == "open"]


def _alerts(session: Session) -> list[str]:
    return [str(row["id"]) for row in session.say("alerts", {}) if row["state"] == "open"]


_ASKED: Final[dict[str, Callable[[Any], list[str]]]] = {
    "ref": _versions,
    "model-name": _models,
    "deployment": _deployments,
    "request": _requests,
    "alert": _alerts,
}
