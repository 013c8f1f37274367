"""What an ONNX graph makes of one row before its last model sees it, read without running it.

A *cell* is one number of a tensor: a number of the row, or what a text of the row is looked up as. Only
steps that choose, look up, put side by side and keep the order of numbers are read; whatever else a graph does is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Final

import numpy as np

_MOST: Final = 20_000
"""Cells of a whole graph: one that doubles its tensor again and again is not followed."""

FLOAT, WHOLE, TEXT, DOUBLE = 1, 7, 8, 11
"""Kinds of tensors, by their numbers in ONNX."""
NARROW: Final = ("float32", 0.0)
WIDE: Final = ("float64", 0.0)
"""Steps that change the width of a number."""
TABLE: Final = 2
"""The rank of rows and columns."""


@dataclass(frozen=True)
class Cell:
    """The number at a place of the row or, with ``levels``, what the text at a place is looked up as.

    ``is_narrow`` where a number is rounded to float32 first; ``steps`` are what is then done to it.
    """

    place: int
    is_narrow: bool
    levels: Mapping[str, float] | None = None
    other: float = 0.0
    steps: tuple[tuple[str, float], ...] = ()

    def then(self, *steps: tuple[str, float]) -> Cell:
        """Return the cell after further steps, which keep the order of numbers."""
        _check(self.levels is None and all(math.isfinite(told) for _, told in steps))
        _check(all(told > 0 for name, told in steps if name in ("*", "/")))
        return replace(self, steps=(*self.steps, *steps))


@dataclass(frozen=True)
class Tensor:
    """The cells of one row, beside each other in its last dimension; those before are all one long."""

    cells: Sequence[Cell]
    kind: int
    rank: int = TABLE


@dataclass
class _Reading:
    tensors: dict[str, Tensor]
    constants: Mapping[str, list[Any]]
    left: int = field(default=_MOST)

    def inputs(self, node: Any) -> list[Tensor]:
        """Return the tensors that go into a node, without constants; ``KeyError`` when one is not known."""
        return [self.tensors[name] for name in node.input if name not in self.constants]

    def one(self, node: Any) -> Tensor:
        """Return the only tensor that goes into a node."""
        (found,) = self.inputs(node)
        return found


class _NotReadError(Exception):
    """A step does something else than was expected of it."""


def read(graph: Any, inputs: Sequence[str]) -> dict[str, Tensor]:
    """Return every tensor whose cells are known, by its name.

    ``inputs`` names those that hold the row; others are not known.
    """
    constants = {told.name: _numbers(told) for told in graph.initializer}
    reading = _Reading({}, constants)
    for told in graph.input:
        given = _given(told.type.tensor_type) if told.name in inputs else None
        if given is not None:
            reading.tensors[told.name] = given
    for node in graph.node:
        step = _STEPS.get(node.op_type)
        if step is None:
            continue
        try:
            made = step(reading, node, _said(node))
        except (KeyError, IndexError, ValueError, TypeError, _NotReadError):
            continue  # not known, and neither is what follows from it
        reading.left -= sum(len(tensor.cells) for tensor in made)
        if reading.left < 0:
            return {}
        reading.tensors.update(zip(node.output, made, strict=False))
    return reading.tensors


def _given(told: Any) -> Tensor | None:
    kind, dimensions = told.elem_type, told.shape.dim
    wide = dimensions[1].dim_value if len(dimensions) == TABLE else 0
    if kind not in (FLOAT, DOUBLE, TEXT) or not 0 < wide <= _MOST:
        return None
    return Tensor([Cell(at, kind == FLOAT) for at in range(wide)], kind)


def _numbers(tensor: Any) -> list[Any]:
    """Return the numbers of a constant that has one row of them, or none."""
    from onnx import numpy_helper

    is_row = len(tensor.dims) == 1 or (len(tensor.dims) == TABLE and tensor.dims[0] == 1)
    if tensor.data_type not in (FLOAT, DOUBLE, WHOLE) or not is_row or tensor.dims[-1] > _MOST:
        return []
    try:
        found: list[Any] = numpy_helper.to_array(tensor).ravel().tolist()
    except ValueError:
        return []
    return found


def _said(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _check(fits: bool) -> None:
    if not fits:
        raise _NotReadError


def _split(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    whole, sizes = reading.one(node), reading.constants[node.input[1]]
    _check(said.get("axis") in (1, -1) and whole.rank == TABLE and min(sizes) >= 0)
    ends = list(accumulate(sizes))
    _check(ends[-1] == len(whole.cells) and len(ends) == len(node.output))
    return [
        Tensor(whole.cells[end - size : end], whole.kind)
        for size, end in zip(sizes, ends, strict=True)
    ]


def _concat(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    parts = reading.inputs(node)
    rank, kind = parts[0].rank, parts[0].kind
    _check(len(parts) == len(node.input) and said.get("axis") in (-1, rank - 1))
    _check(all((part.rank, part.kind) == (rank, kind) for part in parts))
    _check(sum(len(part.cells) for part in parts) <= reading.left)
    return [Tensor([cell for part in parts for cell in part.cells], kind, rank)]


def _reshape(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    whole = reading.one(node)
    _check(not said and reading.constants[node.input[1]] == [-1, len(whole.cells)])
    return [Tensor(whole.cells, whole.kind)]


def _cast(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    whole, kind = reading.one(node), said["to"]
    _check(kind in (FLOAT, DOUBLE) and whole.kind != TEXT)
    become = _widened if kind == DOUBLE else _narrowed
    return [Tensor([become(cell) for cell in whole.cells], kind, whole.rank)]


def _same(reading: _Reading, node: Any, _: Mapping[str, Any]) -> list[Tensor]:
    return [reading.one(node)]


def _imputer(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    """A row of ordinary values has nothing that would be replaced."""
    whole = reading.one(node)
    _check(whole.kind in (FLOAT, DOUBLE) and math.isnan(said["replaced_value_float"]))
    _check(all(cell.levels is None for cell in whole.cells))
    return [whole]


def _scaler(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    whole = reading.one(node)
    _check(whole.kind in (FLOAT, DOUBLE) and whole.rank == TABLE)
    cells = [
        cell.then(("-", offset), ("*", factor), NARROW)
        for cell, offset, factor in zip(whole.cells, said["offset"], said["scale"], strict=True)
    ]
    return [Tensor(cells, FLOAT, whole.rank)]


def _arithmetic(reading: _Reading, node: Any, _: Mapping[str, Any]) -> list[Tensor]:
    into, by = node.input
    whole, told = reading.tensors[into], reading.constants[by]
    _check(whole.kind in (FLOAT, DOUBLE))
    cells = [
        cell.then((_SIGNS[node.op_type], number))
        for cell, number in zip(whole.cells, told, strict=True)
    ]
    return [Tensor(cells, whole.kind, whole.rank)]


def _label_encoder(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    if "values_int64s" in said:
        kind, values, other = WHOLE, said["values_int64s"], said.get("default_int64", -1)
    else:
        kind, values, other = FLOAT, said["values_floats"], said.get("default_float", -0.0)
    whole, words = reading.one(node), _words(said["keys_strings"])
    _check(whole.kind == TEXT)
    levels = {word: float(value) for word, value in zip(words, values, strict=True)}
    cells = [Cell(cell.place, kind == FLOAT, levels, float(other)) for cell in whole.cells]
    return [Tensor(cells, kind, whole.rank)]


def _one_hot(reading: _Reading, node: Any, said: Mapping[str, Any]) -> list[Tensor]:
    whole, words = reading.one(node), _words(said["cats_strings"])
    _check((whole.kind, whole.rank) == (TEXT, TABLE) and said.get("zeros", 1) == 1)
    (cell,) = whole.cells
    return [Tensor([Cell(cell.place, True, {word: 1.0}) for word in words], FLOAT, TABLE + 1)]


def _words(keys: Sequence[bytes]) -> list[str]:
    found = [key.decode() for key in keys]
    _check(len({*found}) == len(found))
    return found


def _narrowed(cell: Cell) -> Cell:
    if cell.levels is None:
        return cell.then(NARROW) if cell.steps else replace(cell, is_narrow=True)
    levels = {level: float(np.float32(value)) for level, value in cell.levels.items()}
    return replace(cell, is_narrow=True, levels=levels, other=float(np.float32(cell.other)))


def _widened(cell: Cell) -> Cell:
    return cell.then(WIDE) if cell.levels is None and (cell.is_narrow or cell.steps) else cell


_SIGNS: Final = {"Add": "+", "Div": "/", "Mul": "*", "Sub": "-"}
_STEPS: Final = {
    **dict.fromkeys(_SIGNS, _arithmetic),
    "Cast": _cast,
    "Concat": _concat,
    "Identity": _same,
    "Imputer": _imputer,
    "LabelEncoder": _label_encoder,
    "OneHotEncoder": _one_hot,
    "Reshape": _reshape,
    "Scaler": _scaler,
    "Split": _split,
}
