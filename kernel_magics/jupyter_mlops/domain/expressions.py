"""Conditions over the features of a row, as people write them: read into functions, never run.

``age < 18 and plan in ['basic', 'free'] and not (`monthly income` / age > 1000)`` is parsed, and
each part is one of a short list: comparisons, ``and or not``, ``in`` a list of constants,
``+ - * / // %``, constants and names of features. A name with spaces stands between backticks.

A comparison with a missing value is false; arithmetic with one is missing, and so is a division
by zero. Kinds are checked when the condition is read: a number is not compared with a text.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from jupyter_mlops.errors import Invalid, did_you_mean

LONGEST: Final = 1000
DEEPEST: Final = 25
MOST_PARTS: Final = 200

Row = Mapping[str, Any]
Reading = Callable[[Row], Any]

_TOKENS: Final = re.compile(r"""'[^']*'|"[^"]*"|`([^`]+)`""")
_KINDS: Final = {"category": "text", "boolean": "condition"}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_MEMBERSHIPS: Final = (ast.In, ast.NotIn)


@dataclass(frozen=True)
class _Part:
    """A part of a condition: what kind of value it has, and how to get it from a row."""

    kind: str
    value: Reading


def condition(text: str, features: Sequence[Mapping[str, Any]]) -> Callable[[Row], bool]:
    """Return the function that says whether a row meets the condition.

    Raises:
        Invalid: it is no condition over these features; the message names the place.
    """
    found = _Parser(text, features).parse()
    return lambda row: found(row) is True


@dataclass(frozen=True)
class Tree:
    """A condition that was found right: its syntax, and the names that stand between backticks."""

    body: ast.expr
    quoted: Mapping[int, str]

    def name_of(self, node: ast.Name) -> str:
        """Return the feature that a name stands for."""
        return self.quoted.get(node.col_offset, node.id)


def tree(text: str, features: Sequence[Mapping[str, Any]]) -> Tree:
    """Return a condition for those who read it another way than row by row.

    Raises:
        Invalid: it is no condition over these features; the message names the place.
    """
    parser = _Parser(text, features)
    parser.parse()
    return parser.tree


class _Parser:
    """Reads one condition."""

    def __init__(self, text: str, features: Sequence[Mapping[str, Any]]) -> None:
        self._text = " ".join(text.split("\n")).strip()
        self._kinds = {f["name"]: _KINDS.get(f["type"], "number") for f in features}
        self._quoted: dict[int, str] = {}
        self._parts = 0
        self.tree = Tree(ast.Constant(value=True), {})

    def parse(self) -> Reading:
        if not self._text or len(self._text) > LONGEST:
            raise _wrong(0, f"a condition has 1 to {LONGEST} characters", "write: age < 18.")
        if any("\ud800" <= char <= "\udfff" for char in self._text):
            raise _wrong(0, "it holds half a character", "write the whole one.")
        body = self._tree().body
        self.tree = Tree(body, self._quoted)
        part = self._read(body, 0)
        if part.kind != "condition":
            raise _wrong(0, f"it is a {part.kind}, and has to be true or false", "compare it.")
        return part.value

    def _tree(self) -> ast.Expression:
        plain = _TOKENS.sub(self._named, self._text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(plain, mode="eval")
        except SyntaxError as error:
            at = error.offset - 1 if error.offset else len(self._text)
            raise _wrong(at, "it cannot be read from there", "write: age < 18 and …") from None
        except (ValueError, RecursionError, MemoryError):
            raise _wrong(0, "it cannot be read", "write: age < 18 and …") from None

    def _named(self, found: re.Match[str]) -> str:
        """Put a plain name of the same length where one between backticks stands."""
        if found[1] is None:
            return found[0]
        at = len(_TOKENS.sub(self._length, self._text[: found.start()]).encode())
        self._quoted[at] = found[1]
        return self._length(found)

    @staticmethod
    def _length(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else "_" * len(found[0].encode())

    def _read(self, node: ast.expr, depth: int) -> _Part:
        self._parts += 1
        if depth > DEEPEST or self._parts > MOST_PARTS:
            self._refuse(node, "it is too large", "use several rules.")
        readers: dict[type[ast.expr], Callable[[Any, int], _Part]] = {
            ast.BoolOp: self._all_or_any,
            ast.UnaryOp: self._turned,
            ast.BinOp: self._calculated,
            ast.Compare: self._compared,
            ast.Name: self._feature,
            ast.Constant: self._constant,
        }
        if type(node) not in readers:
            hint = "the parts are: comparisons, and or not, in, + - * / // %, constants, features."
            self._refuse(node, "this is no part of a condition", hint)
        return readers[type(node)](node, depth + 1)

    def _all_or_any(self, node: ast.BoolOp, depth: int) -> _Part:
        parts = [self._of_kind(value, "condition", depth) for value in node.values]
        if isinstance(node.op, ast.And):
            return _Part("condition", lambda row: all(part(row) is True for part in parts))
        return _Part("condition", lambda row: any(part(row) is True for part in parts))

    def _turned(self, node: ast.UnaryOp, depth: int) -> _Part:
        if isinstance(node.op, ast.Not):
            part = self._of_kind(node.operand, "condition", depth)
            return _Part("condition", lambda row: part(row) is not True)
        if not isinstance(node.op, ast.USub | ast.UAdd):
            self._refuse(node, "this is no part of a condition", "write not, - or +.")
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        number = self._of_kind(node.operand, "number", depth)
        return _Part("number", lambda row: _each(operator.mul, sign, number(row)))

    def _calculated(self, node: ast.BinOp, depth: int) -> _Part:
        if type(node.op) not in _ARITHMETIC:
            self._refuse(node, "this is no arithmetic of ours", "use + - * / // %.")
        do = _ARITHMETIC[type(node.op)]
        left = self._of_kind(node.left, "number", depth)
        right = self._of_kind(node.right, "number", depth)
        return _Part("number", lambda row: _each(do, left(row), right(row)))

    def _compared(self, node: ast.Compare, depth: int) -> _Part:
        tests: list[Callable[[Row], bool]] = []
        left = self._read(node.left, depth)
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, _MEMBERSHIPS):
                tests.append(self._member(left, op, right))
                continue
            if type(op) not in _COMPARISONS:
                self._refuse(node, "this is no comparison of ours", "use < <= > >= == != in.")
            other = self._read(right, depth)
            self._check_alike(node, left, other, op)
            tests.append(_comparison(_COMPARISONS[type(op)], left.value, other.value))
            left = other
        return _Part("condition", lambda row: all(test(row) for test in tests))

    def _member(self, left: _Part, op: ast.cmpop, right: ast.expr) -> Callable[[Row], bool]:
        if not isinstance(right, ast.List | ast.Tuple) or len(right.elts) > MOST_PARTS:
            self._refuse(right, "in needs a list of constants", "write: plan in ['basic', 'free'].")
        known = set()
        for element in right.elts:
            if not isinstance(element, ast.Constant | ast.UnaryOp):
                self._refuse(element, "in needs a list of constants", "write them out.")
            part = self._of_kind(element, left.kind, 0)
            known.add(part({}))
        wanted = isinstance(op, ast.In)
        value = left.value

        def test(row: Row) -> bool:
            found = value(row)
            return found is not None and (found in known) is wanted

        return test

    def _feature(self, node: ast.Name, _depth: int) -> _Part:
        name = self._quoted.get(node.col_offset, node.id)
        if name not in self._kinds:
            meant = did_you_mean(name, self._kinds)
            shown = f"`{meant}`" if meant and not meant.isidentifier() else meant
            hint = f"did you mean {shown}?" if meant else "`show REF` lists the features."
            self._refuse(node, f"there is no feature {name}", hint)
        if self._kinds[name] == "number":
            return _Part("number", lambda row: _float(row.get(name)))
        return _Part(self._kinds[name], lambda row: row.get(name))

    def _constant(self, node: ast.Constant, _depth: int) -> _Part:
        value = node.value
        if value is None:
            self._refuse(node, "a missing value is in no comparison", "write: when: missing.")
        if isinstance(value, bool):
            return _Part("condition", lambda _row: value)
        if isinstance(value, str):
            return _Part("text", lambda _row: value)
        number = _float(value) if isinstance(value, int | float) else None
        if number is None:
            self._refuse(node, "this is no constant of ours", "write a number or a text.")
        return _Part("number", lambda _row: number)

    def _of_kind(self, node: ast.expr, kind: str, depth: int) -> Reading:
        part = self._read(node, depth)
        if part.kind != kind:
            self._refuse(node, f"this is a {part.kind}, and has to be a {kind}", "compare it.")
        return part.value

    def _check_alike(self, node: ast.Compare, left: _Part, right: _Part, op: ast.cmpop) -> None:
        if left.kind != right.kind:
            what = f"a {left.kind} is compared with a {right.kind}"
            self._refuse(node, what, "a text stands between quotes, a feature does not.")
        if left.kind != "number" and not isinstance(op, ast.Eq | ast.NotEq):
            self._refuse(node, f"a {left.kind} is not more or less than another", "use == or in.")

    def _refuse(self, node: ast.expr, what: str, hint: str) -> NoReturn:
        before = self._text.encode()[: node.col_offset]  # the parser counts bytes
        raise _wrong(len(before.decode(errors="ignore")), what, hint)


def _each(do: Callable[[float, float], float], left: Any, right: Any) -> float | None:
    """Calculate with two numbers; None where one is missing or the result is no number."""
    if left is None or right is None:
        return None
    try:
        return _float(do(left, right))
    except (ZeroDivisionError, OverflowError):
        return None


def _comparison(
    compare: Callable[[Any, Any], bool], left: Reading, right: Reading
) -> Callable[[Row], bool]:
    def test(row: Row) -> bool:
        one, other = left(row), right(row)
        return one is not None and other is not None and compare(one, other)

    return test


def _float(value: Any) -> float | None:
    """Return a number as a float, so that no chain of products grows; None for what is none."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _wrong(at: int, what: str, hint: str) -> Invalid:
    return Invalid(
        "The condition is wrong at character {at}: {what}.",
        "{how}",
        code="expression_invalid",
        at=at + 1,
        what=what,
        how=hint,
    )
