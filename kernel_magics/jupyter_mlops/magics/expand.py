"""`{expression}` and `$name` in a line, as in IPython's own magics, but objects stay objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from IPython.utils.text import DollarFormatter

from jupyter_mlops.commands.parse import split

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK: Final = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


def expanded(line: str, variables: Mapping[str, Any]) -> list[Any]:
    """Return the words of a line; a word that is one expression is the object it gives.

    A value is put in after the line was split into words, so that its spaces and quotes stay its
    own. What is no expression, such as JSON between braces, is left as it was typed.
    """
    if "{" not in line and "$" not in line:
        return list(split(line))
    keeping = _Keeping(line, variables)
    try:
        marked = keeping.marked()
    except ValueError:
        return list(split(line))
    return [_filled(word, keeping.kept) for word in split(marked)]


class _Keeping(DollarFormatter):
    """Leaves a mark where a value belongs, and keeps the value."""

    def __init__(self, line: str, variables: Mapping[str, Any]) -> None:
        self._line = line
        self._variables = dict(variables)
        self.kept: list[Any] = []

    def marked(self) -> str:
        """Return the line with marks; raise ValueError when its braces do not match."""
        parts = []
        for literal, name, spec, conversion in self.parse(self._line):
            parts.append(literal)
            if name is not None:
                parts.append(self._mark(f"{name}:{spec}" if spec else name, conversion))
        return "".join(parts)

    def _mark(self, expression: str, conversion: str | None) -> str:
        try:
            value = eval(expression, dict(self._variables))  # noqa: S307  (theirs, in their kernel)
            self.kept.append(self.convert_field(value, conversion))
        except Exception:  # noqa: BLE001  (any expression may fail in any way)
            return self._typed(expression, conversion)
        return f"{_OPEN}{len(self.kept) - 1}{_CLOSE}"

    def _typed(self, expression: str, conversion: str | None) -> str:
        """Return what is no expression as it was typed."""
        if f"${expression}" in self._line:
            return f"${expression}"
        return f"{{{expression}!{conversion}}}" if conversion else f"{{{expression}}}"


def _filled(word: str, kept: list[Any]) -> Any:
    if whole := _MARK.fullmatch(word):
        return kept[int(whole[1])]
    return _MARK.sub(lambda found: str(kept[int(found[1])]), word)
