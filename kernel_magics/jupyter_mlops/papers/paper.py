"""What a document says, before it has any form: headings, paragraphs, tables, pictures, blanks.

Every form is written from this and nothing else, so that all of them say the same.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from jupyter_mlops.domain.written import State

Look = Literal["plain", "guidance", "note", "code"]

NARROWEST: Final = 7
LONGEST_WORD: Final = 20
WIDEST: Final = 70
"""Characters by which a column of a table is measured."""
TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
"""Characters that turn the order of text around, so that it reads otherwise than it is."""


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3, with its number and what its source is."""

    level: int
    number: str
    text: str
    cites: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Some sentences: plain, what a source asks for, a note, or code as it is."""

    text: str
    look: Look = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of text; ``right`` columns hold numbers. ``key`` tells tables of two documents apart."""

    key: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()
    title: str = ""

    @property
    def shares(self) -> list[float]:
        """Return how much of the line each column needs; Japanese signs are twice as wide."""
        rows = [self.head, *self.rows]
        columns = [[row[i] for row in rows] for i in range(len(self.head))]
        weights = [
            max(
                min(max(map(_width, texts)), WIDEST) ** 0.75,
                min(max(map(_longest_word, texts)), LONGEST_WORD) * 0.8,
                NARROWEST,
            )
            for texts in columns
        ]
        return [weight / sum(weights) for weight in weights]


@dataclass(frozen=True)
class Picture:
    """A chart, the question it answers, and what it says in words."""

    key: str
    chart: Any
    asks: str
    says: str = ""


@dataclass(frozen=True)
class Gap:
    """A question to a person, with the answer if there is one."""

    id: str
    asks: str
    state: State
    answer: str = ""
    ref: str = ""
    by: str = ""
    at: str = ""


Block = Heading | Paragraph | Table | Picture | Gap


@dataclass(frozen=True)
class Paper:
    """A whole document; ``front`` is what machines read of it, in the order it is written."""

    language: str
    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    note: str
    blocks: Sequence[Block]
    draft: str = ""
    draft_line: str = ""
    meter: str = ""
    footer: str = ""
    front: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gaps(self) -> list[Gap]:
        """Return the questions, each once."""
        found = {block.id: block for block in self.blocks if isinstance(block, Gap)}
        return list(found.values())

    @property
    def share(self) -> float:
        """Return which share of the questions is answered for this very version."""
        gaps = self.gaps
        return sum(gap.state == "answered" for gap in gaps) / len(gaps) if gaps else 1.0


def _width(text: str) -> int:
    return max(
        (
            sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
            for line in text.split("\n")
        ),
        default=0,
    )


def _longest_word(text: str) -> int:
    return max((_width(word) for word in text.split()), default=0)


_T = TypeVar("_T")


def pure(value: _T) -> _T:
    """Return a paper, or any part of it, whose every text can be held by every form."""
    if isinstance(value, str):
        return "".join(map(_seen, value))  # type: ignore[return-value]
    if isinstance(value, Picture):
        return dataclasses.replace(value, asks=pure(value.asks), says=pure(value.says))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = {part.name: pure(getattr(value, part.name)) for part in dataclasses.fields(value)}
        return type(value)(**told)
    if isinstance(value, Mapping):
        return {pure(key): pure(one) for key, one in value.items()}  # type: ignore[return-value]
    if isinstance(value, list | tuple):
        return tuple(pure(one) for one in value)  # type: ignore[return-value]
    return value


def _seen(character: str) -> str:
    """Return a character as it is, or written out where it would be invisible or illegal."""
    if character in "\n\t" or character.isprintable():
        return character
    kind = unicodedata.category(character)
    if kind == "Zs" or (kind == "Cf" and character not in TURNS and character != "\ufeff"):
        return character
    return f"\\u{ord(character):04x}"
