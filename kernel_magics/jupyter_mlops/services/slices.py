"""A part of the traffic that nobody has counted: a question to raw rows, asked column by column."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import expressions, segments
from jupyter_mlops.services.counting import column_of

if TYPE_CHECKING:
    import pyarrow as pa

LOGGED: Final = ({"name": "score", "type": "number"}, {"name": "label", "type": "category"})
"""What can be asked about besides features; a feature of that name goes first."""

_COMPARED: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
_CALCULATED: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
}


class Slice:
    """The rows that meet a condition, such as ``region=EU & age>60``.

    Raises:
        Invalid: it is no condition over the features of this model; the message names the place.
    """

    def __init__(self, text: str, features: Sequence[Mapping[str, Any]]) -> None:
        own = {feature["name"] for feature in features}
        known = [*features, *(told for told in LOGGED if told["name"] not in own)]
        self._kinds = {told["name"]: told["type"] for told in known}
        self._own = own
        self._tree = expressions.tree(segments.plain(text, self._kinds), known)

    @property
    def features(self) -> list[str]:
        """Return the features that the condition asks for."""
        nodes = [node for node in ast.walk(self._tree.body) if isinstance(node, ast.Name)]
        names = dict.fromkeys(self._tree.name_of(node) for node in nodes)
        return [name for name in names if name in self._own]

    @property
    def paths(self) -> list[str]:
        """Return these features as they are read from a file."""
        return [f"features.{name}" for name in self.features]

    def of(self, table: pa.Table) -> pa.Table:
        """Return the rows of a table of predictions that meet the condition."""
        return table.filter(self.mask(table))

    def mask(self, table: pa.Table) -> Any:
        """Return for each row of a table of predictions whether it meets the condition."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = _Reading(self._tree, lambda name: self._column(table, name)).read(self._tree.body)
        if isinstance(found, pa.Scalar):  # a condition that asks for no feature
            return pa.array([bool(found.as_py())] * table.num_rows)
        return pc.fill_null(found, False)

    def _logged(self, name: str) -> str:
        return f"feature:{name}" if name in self._own else name

    def _column(self, table: pa.Table, name: str) -> Any:
        import pyarrow as pa

        column = column_of(table, self._logged(name))
        kind = {"category": pa.string(), "boolean": pa.bool_()}.get(self._kinds[name], pa.float64())
        if column is None:
            return pa.nulls(table.num_rows, kind)
        told = column.cast(kind)
        return _finite(told) if pa.types.is_floating(kind) else told


class _Reading:
    """Reads a condition over whole columns, with the meaning that it has for a row."""

    def __init__(self, tree: expressions.Tree, column: Callable[[str], Any]) -> None:
        self._tree = tree
        self._column = column

    def read(self, node: ast.expr) -> Any:
        import pyarrow as pa

        if isinstance(node, ast.Name):
            return self._column(self._tree.name_of(node))
        if isinstance(node, ast.Constant):
            is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
            return pa.scalar(float(str(node.value)) if is_number else node.value)
        readers: dict[type[ast.expr], Callable[[Any], Any]] = {
            ast.BoolOp: self._all_or_any,
            ast.UnaryOp: self._turned,
            ast.BinOp: self._calculated,
            ast.Compare: self._compared,
        }
        return readers[type(node)](node)

    def _true(self, node: ast.expr) -> Any:
        import pyarrow.compute as pc

        return pc.fill_null(self.read(node), False)

    def _all_or_any(self, node: ast.BoolOp) -> Any:
        import pyarrow.compute as pc

        join = pc.and_ if isinstance(node.op, ast.And) else pc.or_
        return reduce(join, [self._true(value) for value in node.values])

    def _turned(self, node: ast.UnaryOp) -> Any:
        import pyarrow.compute as pc

        if isinstance(node.op, ast.Not):
            return pc.invert(self._true(node.operand))
        value = self.read(node.operand)
        return pc.negate(value) if isinstance(node.op, ast.USub) else value

    def _calculated(self, node: ast.BinOp) -> Any:
        import pyarrow.compute as pc

        left, right = self.read(node.left), self.read(node.right)
        if type(node.op) in _CALCULATED:
            return _finite(getattr(pc, _CALCULATED[type(node.op)])(left, right))
        whole = _finite(pc.floor(pc.divide(left, right)))
        if isinstance(node.op, ast.FloorDiv):
            return whole
        return _finite(pc.subtract(left, pc.multiply(whole, right)))

    def _compared(self, node: ast.Compare) -> Any:
        import pyarrow.compute as pc

        tests, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                tests.append(self._member(left, op, right))
            else:
                compare = getattr(pc, _COMPARED[type(op)])
                tests.append(pc.fill_null(compare(self.read(left), self.read(right)), False))
            left = right
        return reduce(pc.and_, tests)

    def _member(self, left: ast.expr, op: ast.cmpop, right: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        value = self.read(left)
        known = pa.array([self.read(element).as_py() for element in right.elts], value.type)
        found = pc.is_in(value, value_set=known)
        wanted = found if isinstance(op, ast.In) else pc.invert(found)
        return pc.and_(wanted, pc.is_valid(value))


def _finite(values: Any) -> Any:
    """Return numbers with nothing where the result is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
