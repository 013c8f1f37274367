"""How each name of a kernel came to its value, followed through the cells in the order they ran.

A value is not looked at: it stands for the statements that made it and the values those read. Two runs
that give a name the same provenance give it the same value, but for chance and the world outside.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jupyter_mlops.domain.statements import Step, steps


@dataclass(frozen=True)
class Ran:
    """A cell as it ran: the how-manieth it was, its text, and up to which line it came."""

    n: int
    source: str
    until_line: int | None = None


@dataclass(frozen=True)
class Value:
    """What a name stands for: what bound it, what changed it since, and which cells had a part in it."""

    bound: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    cells: frozenset[int] = frozenset()
    free: frozenset[str] = frozenset()
    is_module: bool = False

    @property
    def digest(self) -> str:
        """Return what two values have in common that came about in the same way."""
        return _digest(self.bound, *(part for one in self.changed for part in one))


@dataclass
class Kernel:
    """The names of a kernel, and the cells that changed what no name stands for."""

    names: dict[str, Value] = field(default_factory=dict)
    world: set[int] = field(default_factory=set)
    nodes: dict[int, list[ast.stmt]] = field(default_factory=dict)

    def run(self, ran: Ran, *, before: int | None = None) -> Kernel:
        """Follow the statements of a cell, or those before one of them."""
        for step in steps(ran.source)[:before]:
            if ran.until_line is not None and step.last >= ran.until_line:
                break
            self._follow(step, ran.n)
        return self

    def closure(self, names: Iterable[str]) -> frozenset[str]:
        """Return the names with all that the functions among them read when they are called."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.names.get(name, Value()).free
        return frozenset(found)

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return how each of the names, and all that it leads to, came about."""
        return {name: self.names.get(name, Value()).digest for name in self.closure(names)}

    def cells(self, names: Iterable[str]) -> frozenset[int]:
        """Return the cells that had a part in the names."""
        told = (self.names.get(name, Value()).cells for name in self.closure(names))
        return frozenset().union(*told)

    def _follow(self, step: Step, n: int) -> None:
        if step.node is not None:
            self.nodes.setdefault(n, []).append(step.node)
        read = self.closure(step.reads)
        touched = {one.name for one in step.touches}
        cells = self.cells(read) | {n}
        if step.is_world or any(self.names.get(name, Value()).is_module for name in touched):
            self.world.add(n)
        for one in step.touches:
            if one.name not in step.binds:
                self._touch(one.name, one.how, self._told(step, read - touched), cells)
        for name in step.binds:
            self.names[name] = Value(
                bound=_digest(name, self._told(step, read)),
                cells=cells,
                free=step.free.get(name, frozenset()),
                is_module=isinstance(step.node, ast.Import | ast.ImportFrom),
            )

    def _told(self, step: Step, read: Iterable[str]) -> str:
        inputs = [f"{name}={self.names.get(name, Value()).digest}" for name in sorted(read)]
        return _digest(step.text, *inputs)

    def _touch(self, name: str, how: str, told: str, cells: frozenset[int]) -> None:
        old = self.names.get(name, Value())
        change = (how, told)
        if how == "anew":
            kept = tuple(one for one in old.changed if one[0] != "anew")
            self.names[name] = replace(old, changed=(*kept, change), cells=old.cells | cells)
        elif how == "again" or change not in old.changed:
            self.names[name] = replace(old, changed=(*old.changed, change), cells=old.cells | cells)


def followed(cells: Sequence[Ran]) -> Kernel:
    """Return what a kernel knows after these cells."""
    kernel = Kernel()
    for ran in cells:
        kernel.run(ran)
    return kernel


def differing(one: Kernel, other: Kernel, names: Iterable[str]) -> list[str]:
    """Return the names that came about in another way here than there, in order."""
    here, there = one.digests(names), other.digests(names)
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def needed(kernel: Kernel, cells: Mapping[int, Ran], names: Iterable[str]) -> list[int]:
    """Return the cells that the names cannot do without, in the order they ran."""
    wanted = kernel.cells(names) | kernel.world
    return sorted(n for n in wanted if n in cells)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()
