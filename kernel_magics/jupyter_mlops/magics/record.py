"""Which cells ran, in what order, and how they ended: their text, never their outputs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from jupyter_mlops.domain.names import iso

MOST: Final = 2_000
LARGEST: Final = 4_000_000
"""Cells and characters that are remembered; of a kernel that runs for weeks the oldest go first."""
LONGEST: Final = 100_000


@dataclass
class Executed:
    """One run of one cell; ``failed_line`` is where it raised, 0 where it never began.

    The count is that of history: a shell's own goes on before a cell runs, or after, by its release.
    """

    source: str
    id: str
    count: int | None
    at: str
    began: float = 0.0
    seconds: float | None = None
    failed_line: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "source": self.source,
            "id": self.id,
            "count": self.count,
            "at": self.at,
            "seconds": self.seconds,
            "failed_line": self.failed_line,
        }


class Record:
    """The cells of a kernel since the extension was loaded, and those that ran before it."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cells: list[Executed] = []
        self._size = 0
        self.is_whole = True
        for one in [*earlier(shell), *present(shell)]:
            self._add(one)

    def watch(self) -> None:
        """Take note of every cell from now on."""
        self._shell.events.register("pre_run_cell", self.began)
        self._shell.events.register("post_run_cell", self.ended)

    def unwatch(self) -> None:
        """Take no more note."""
        for event, told in (("pre_run_cell", self.began), ("post_run_cell", self.ended)):
            if told in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, told)

    def began(self, info: Any) -> None:
        """Remember a cell that is about to run."""
        source = getattr(info, "raw_cell", None)
        if not isinstance(source, str) or not source.strip():
            return
        is_counted = getattr(info, "store_history", True)
        count = max(len(_history(self._shell)), 1) if is_counted else None
        id = getattr(info, "cell_id", None)
        self._add(
            Executed(
                source,
                id if isinstance(id, str) else "",
                count,
                iso(datetime.now(UTC)),
                time.monotonic(),
            )
        )

    def ended(self, result: Any) -> None:
        """Remember how it ended."""
        if not self._cells or self._cells[-1].seconds is not None:
            return
        cell = self._cells[-1]
        cell.count = getattr(result, "execution_count", None) or cell.count
        cell.seconds = round(time.monotonic() - cell.began, 3)
        if getattr(result, "error_before_exec", None) is not None:
            cell.failed_line = 0
        elif error := getattr(result, "error_in_exec", None):
            cell.failed_line = _line_of(error, self._shell.user_ns)

    def cells(self) -> list[dict[str, Any]]:
        """Return the cells in the order they ran; the last is the one that runs now."""
        return [cell.to_dict() for cell in self._cells]

    def _add(self, cell: Executed) -> None:
        if len(cell.source) > LONGEST:
            cell.source = cell.source[:LONGEST]
            self.is_whole = False
        self._cells.append(cell)
        self._size += len(cell.source)
        while len(self._cells) > MOST or self._size > LARGEST:
            self._size -= len(self._cells.pop(0).source)
            self.is_whole = False


def earlier(shell: Any) -> Iterator[Executed]:
    """Go through the cells of this kernel that history knows: without ids, and without how they ended."""
    for count, source in enumerate(_history(shell)[:-1]):
        if isinstance(source, str) and source.strip():
            yield Executed(source, "", count, "", seconds=0.0)


def present(shell: Any) -> Iterator[Executed]:
    """Return the cell that runs now, if one does: history has it already."""
    ask = getattr(shell, "get_parent", None)
    parent = ask() if ask else None
    told = parent.get("metadata", {}) if isinstance(parent, dict) else {}
    id, known = told.get("cellId"), _history(shell)
    if known and isinstance(known[-1], str) and known[-1].strip():
        yield Executed(
            known[-1],
            id if isinstance(id, str) else "",
            len(known) - 1,
            iso(datetime.now(UTC)),
            time.monotonic(),
        )


def _history(shell: Any) -> list[Any]:
    history = getattr(shell, "history_manager", None)
    return list(getattr(history, "input_hist_raw", None) or [])


def _line_of(error: BaseException, variables: Any) -> int:
    """Return the line of the cell at which it raised."""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals is variables and frame.f_code.co_name.startswith("<"):
            return trace.tb_lineno
        trace = trace.tb_next
    return 0
