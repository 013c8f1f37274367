"""What a word stands for in the place where it is typed: a variable, a file, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.words import Param, Verb
from jupyter_mlops.domain.references import is_word
from jupyter_mlops.errors import UsageError, did_you_mean

_MEANS: Final = {"ref": ("ref",), "request": ("id",), "deployment": ("deployment",)}
"""Which field of an answer is meant where a word of this kind is wanted."""

_NAME: Final = 255
_PATH: Final = 4096

_FRAME_SIGNS: Final = ("columns", "__dataframe__", "__arrow_c_stream__")


def _is_address(word: str) -> bool:
    from jupyter_mlops.domain.elsewhere import is_address

    return is_address(word)


@dataclass
class Place:
    """Where a person types: a notebook with its variables, or a terminal with its files."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    stdin: BinaryIO | None = None
    body: str | None = None

    @property
    def is_notebook(self) -> bool:
        """Say whether words may name variables."""
        return self.stdin is None

    def live(self, verb: Verb, param: Param, word: Any) -> Any:
        """Return the object that the word stands for: a variable, or a path that exists.

        Raises:
            UsageError: there is neither; the hint names what there is.
        """
        if not isinstance(word, str) or (param.kind == "reference" and is_word(word)):
            return word
        if word in self.variables:
            return self.variables[word]
        if word == "-" and self.stdin is not None:
            return read_csv(self.stdin.read())
        if word != "-" and len(word) < _PATH and Path(word).expanduser().exists():
            return str(Path(word).expanduser())
        if param.kind in ("reference", "store") or (param.kind == "model" and _is_address(word)):
            return word
        raise self._nothing(verb, param, word)

    def text(self, word: str) -> str:
        """Return a text as it is meant: in a terminal, a file's or that of standard input."""
        if self.stdin is None:
            return word
        if word == "-":
            return self.stdin.read().decode("utf-8", "replace")
        path = Path(word).expanduser()
        return path.read_text("utf-8", "replace") if len(word) < _NAME and path.is_file() else word

    def stands_for(self, param: Param, word: Any) -> Any:
        """Return what a plain argument means: an answer stands for the thing it speaks of."""
        value = self.variables.get(word) if isinstance(word, str) else word
        if isinstance(value, Answer):
            return meant_by(param, value)
        return word if isinstance(word, str) else _plain(word)

    def fill(self, verb: Verb, found: dict[str, Any]) -> None:
        """Put the body of the cell where the verb wants text, or rows.

        Raises:
            UsageError: the verb has no use for it.
        """
        if self.body is None:
            return
        param = _bodied(verb, found)
        if param is None:
            raise UsageError(
                "{verb} has no use for the text below its line.",
                "type it as %mlops {verb}, in a line of its own.",
                code="body_unexpected",
                verb=verb.name,
            )
        found[param.name] = read_csv(self.body.encode()) if param.live else self.body

    def _nothing(self, verb: Verb, param: Param, word: str) -> UsageError:
        known = sorted(candidates(param, self.variables))
        meant = did_you_mean(word, known)
        message, hint = _said(self.is_notebook, meant, known)
        return UsageError(
            message,
            hint,
            code="variable_unknown" if self.is_notebook else "file_unknown",
            verb=verb.name,
            option=param.shown,
            name=word,
            meant=meant,
            known=", ".join(known[:10]),
        )


def meant_by(param: Param, answer: Answer) -> Any:
    """Return the part of an answer that an argument of this kind asks for."""
    for name in _MEANS.get(param.kind, ()):
        if name in answer:
            return answer[name]
    return answer


def candidates(param: Param, variables: Mapping[str, Any]) -> Iterable[str]:
    """Return the variables that could be meant, judged by their types alone."""
    fits = _is_model if param.kind == "model" else _is_frame
    return [name for name, value in variables.items() if not name.startswith("_") and fits(value)]


def read_csv(data: bytes) -> Any:
    """Return the rows of a CSV text.

    Raises:
        UsageError: it is none.
    """
    import io

    import pandas as pd

    try:
        return pd.read_csv(io.BytesIO(data))
    except (ValueError, pd.errors.ParserError) as error:
        raise UsageError(
            "This text is not CSV: {because}.",
            "begin with a line of column names.",
            code="csv_invalid",
            because=str(error).splitlines()[0].rstrip("."),
        ) from None


def standard_input() -> BinaryIO:
    """Return the stream that `-` stands for on the command line."""
    return sys.stdin.buffer


def _said(notebook: bool, meant: str, known: list[str]) -> tuple[str, str]:
    if not notebook:
        return (
            "There is no file {name}.",
            "{option} of {verb} is a path, or - for CSV on standard input.",
        )
    if meant:
        return "There is no variable and no file {name}.", "Did you mean {meant}?"
    if known:
        return "There is no variable and no file {name}.", "variables that fit: {known}."
    return "There is no variable and no file {name}.", "run the cell that makes it first."


def _bodied(verb: Verb, found: Mapping[str, Any]) -> Param | None:
    free = [param for param in verb.params if param.name not in found]
    texts = [param for param in free if param.kind == "text"]
    rows = [param for param in free if param.kind == "frame" and param.required]
    return next(iter([*texts, *rows]), None)


def _is_frame(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict)
    return any(hasattr(type(value), sign) for sign in _FRAME_SIGNS)


def _is_model(value: Any) -> bool:
    return hasattr(type(value), "predict") and not isinstance(value, type)


def _plain(value: Any) -> Any:
    """Return a number of numpy as Python's own; names in any order as a list."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
