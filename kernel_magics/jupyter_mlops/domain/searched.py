"""The text that a model is found by: its parts line by line, the same letters on every database.

Everything is brought into one form here, by Unicode's own rules, before a store sees it: NFKC makes
wide, narrow and composed letters the same, case folding large and small ones. A store then only
compares code points, so that its locale does not matter and each store finds the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

PARTS: Final[Mapping[str, int]] = {
    "name": 200,
    "owner": 1_000,
    "unit": 1_000,
    "purpose": 5_000,
    "description": 10_000,
    "tags": 5_000,
    "features": 20_000,
    "notebook": 30_000,
}
"""The lines of the text in their order, and how many letters of each are looked through.

All together they are less than PostgreSQL can index of one text (a megabyte of `tsvector`), whatever
alphabet they are in.
"""
SHOWN: Final = frozenset({"name", "owner", "unit", "purpose"})
"""What a list of models shows anyway, so that nobody has to be told why a model is in it."""
SHORTEST: Final = 3
"""Letters that a word needs to be found by an index of threes; a shorter one is looked for in all."""
_AROUND: Final = 30


def normal(text: str) -> str:
    r"""Return a text as it is compared: one form per letter, no case, one space between words.

    What is no letter of any text (control characters, halves of surrogate pairs) is a space.

    >>> normal("Ｐrix  ÉLEVÉ\x00Straße")
    'prix élevé strasse'
    """
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", spaced).casefold())
    return " ".join(folded.split())


def whole(parts: Mapping[str, str]) -> str:
    """Return the text of a model: a line for each part, also for one that says nothing."""
    return "\n".join(normal(parts.get(part, ""))[:most] for part, most in PARTS.items())


def grams(word: str) -> list[str]:
    """Return every three letters of a word that follow one another.

    >>> grams("churn")
    ['chu', 'hur', 'urn']
    """
    return sorted({word[at : at + SHORTEST] for at in range(len(word) - SHORTEST + 1)})


def told_by(text: str, words: Iterable[str]) -> tuple[str, str] | None:
    """Return the part and the passage that hold a word which no part shows that is listed anyway.

    ``text`` is as :func:`whole` gives it, ``words`` as :func:`normal` does.
    """
    lines = dict(zip(PARTS, text.split("\n"), strict=True))
    for word in words:
        found = [part for part, line in lines.items() if word in line]
        if found and not SHOWN.intersection(found):
            return found[0], _passage(lines[found[0]], word)
    return None


def _passage(line: str, word: str) -> str:
    """Return a word with what stands around it."""
    at = line.index(word)
    begin, end = max(at - _AROUND, 0), at + len(word) + _AROUND
    return ("…" if begin else "") + line[begin:end] + ("…" if end < len(line) else "")


def words(said: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a query as they are compared; what comes to nothing asks for nothing."""
    return tuple(dict.fromkeys(filter(None, map(normal, said))))
