"""A part of the traffic as people name it: ``region=EU & age>60``, read as a condition over rows."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_TOKENS: Final = re.compile(
    r"""(?P<kept>'[^']*'|"[^"]*"|`[^`]+`)|(?P<op>[=!<>]=|[=&|])|(?P<name>[^\W\d]\w*)|(?P<rest>.)""",
    re.DOTALL,
)
_WORDS: Final = {"&": " and ", "|": " or ", "=": "=="}
_BEFORE_A_VALUE: Final = frozenset({"=", "==", "!=", "[", "(", ","})
_SAID: Final = frozenset({"and", "or", "not", "in", "True", "False", "None"})


def plain(text: str, names: Collection[str]) -> str:
    """Return a segment in the language of conditions: ``=`` compares, ``&`` is *and*, ``|`` is *or*.

    A word after ``=`` or in a list that no feature is called by is a text: ``region=EU`` needs no
    quotes.

    >>> plain("region=EU & age>60", ["region", "age"])
    "region=='EU'  and  age>60"
    >>> plain("plan in [basic, 'free'] | `a b` != 1", ["plan", "a b"])
    "plan in ['basic', 'free']  or  `a b` != 1"
    """
    said, before = [], ""
    for found in _TOKENS.finditer(text):
        token = found[0]
        is_value = before in _BEFORE_A_VALUE and found["name"] and token not in {*names, *_SAID}
        said.append(repr(token) if is_value else _WORDS.get(token, token))
        before = token if token.strip() else before
    return "".join(said)
