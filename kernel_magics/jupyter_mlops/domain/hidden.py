"""Whether a notebook, run from the top, would come to what its kernel came to; and if not, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from jupyter_mlops.domain.provenance import Kernel, Ran, differing, followed, needed
from jupyter_mlops.domain.statements import Step, registering, steps, text_of, wanted

Why = Literal[
    "edited", "deleted", "repeated", "out of order", "not run", "unsaved", "incomplete", "differs"
]
State = Literal["clean", "hidden", "unknown"]
MOST: Final = 20


@dataclass(frozen=True)
class Execution:
    """A cell as the kernel ran it; ``at`` and ``saved_at`` are ISO 8601 in UTC, which sorts."""

    ran: Ran
    id: str = ""
    count: int | None = None
    at: str = ""


@dataclass(frozen=True)
class Saved:
    """A code cell as its notebook's file has it."""

    id: str
    source: str


@dataclass(frozen=True)
class Notebook:
    """A notebook as it was last saved."""

    cells: Sequence[Saved]
    saved_at: str


@dataclass(frozen=True)
class Finding:
    """One reason why running from the top may not come to the same, and the cell it is about."""

    why: Why
    n: int | None = None
    id: str = ""
    count: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What was found: clean, hidden or unknown, the reasons, and which executions were needed."""

    state: State
    findings: tuple[Finding, ...] = ()
    needed: tuple[int, ...] = ()
    names: frozenset[str] = frozenset()
    kernel: Kernel = field(default_factory=Kernel)


def judged(
    executions: Sequence[Execution], notebook: Notebook | None, *, is_whole: bool = True
) -> Verdict:
    """Follow what really ran up to the registering cell, which is the last, and compare.

    ``is_whole`` says whether the record reaches back to the start of the kernel.
    """
    if not executions:
        return Verdict("unknown")
    last = executions[-1]
    real = followed([one.ran for one in executions[:-1]])
    before, step = _at_registering(last.ran.source)
    real.run(Ran(last.ran.n, last.ran.source), before=before)
    names = _named(step, last.ran.source)
    ran = {one.ran.n: one for one in executions}
    kept = needed(real, {n: one.ran for n, one in ran.items()}, names)
    kept = [n for n in kept if n != last.ran.n]
    found = Verdict("unknown", (), (*kept, last.ran.n), names, real)
    if not is_whole:
        return _as("unknown", found, [Finding("incomplete")])
    if notebook is None:
        return found
    return _compared(found, executions, notebook)


def _compared(found: Verdict, executions: Sequence[Execution], notebook: Notebook) -> Verdict:
    last = executions[-1]
    place = place_of(last, notebook)
    cells = notebook.cells if place is None else notebook.cells[: place + 1]
    top = Kernel()
    for n, cell in enumerate(cells):
        is_last = place is not None and n == len(cells) - 1
        top.run(Ran(n, cell.source), before=_at_registering(cell.source)[0] if is_last else None)
    if place is None:
        top.run(Ran(len(cells), last.ran.source), before=_at_registering(last.ran.source)[0])
    differ = differing(found.kernel, top, found.names)
    reasons = []
    if differ:
        reasons += _reasons(found.kernel, top, differ, executions, cells, notebook)
    reasons += _missing(last, place, notebook)
    if not reasons:
        return _as("clean", found, [])
    is_sure = any(one.why != "unsaved" for one in reasons)
    return _as("hidden" if is_sure else "unknown", found, reasons)


def _as(state: State, found: Verdict, reasons: Sequence[Finding]) -> Verdict:
    shown = tuple(dict.fromkeys(reasons))[:MOST]
    return Verdict(state, shown, found.needed, found.names, found.kernel)


def place_of(one: Execution, notebook: Notebook) -> int | None:
    """Return where the notebook has the cell: by its id, else by what it says."""
    for n, cell in enumerate(notebook.cells):
        if one.id and cell.id == one.id:
            return n
    said = text_of(one.ran.source)
    same = [n for n, cell in enumerate(notebook.cells) if text_of(cell.source) == said]
    return same[-1] if same else None


def _missing(last: Execution, place: int | None, notebook: Notebook) -> list[Finding]:
    """Say when the very cell that registers is not in the file, or says something else there."""
    if place is None:
        return [Finding("unsaved", last.ran.n, last.id, last.count)]
    is_same = text_of(notebook.cells[place].source) == text_of(last.ran.source)
    if is_same:
        return []
    why: Why = "edited" if notebook.saved_at > last.at else "unsaved"
    return [Finding(why, last.ran.n, last.id, last.count)]


def _reasons(
    real: Kernel,
    top: Kernel,
    differ: Sequence[str],
    executions: Sequence[Execution],
    cells: Sequence[Saved],
    notebook: Notebook,
) -> list[Finding]:
    names = tuple(name for name in differ if name in real.names or name in top.names)
    had_a_part, above = real.cells(differ), top.cells(differ)
    ran = [
        one
        for one in executions[:-1]
        if one.ran.n in had_a_part or place_of(one, notebook) in above
    ]
    found = [told for one in ran if (told := _changed(one, notebook, names))]
    found += _repeated(ran, names)
    found += _out_of_order(ran, notebook, names)
    found += _never_run(top, differ, executions, cells, notebook, names)
    return found or [Finding("differs", names=names)]


def _changed(one: Execution, notebook: Notebook, names: tuple[str, ...]) -> Finding | None:
    """Say whether the file still has a cell as it ran; what was saved before it ran tells nothing."""
    place = place_of(one, notebook)
    if place is not None and text_of(notebook.cells[place].source) == text_of(one.ran.source):
        return None
    gone: Why = "edited" if place is not None else "deleted"
    why: Why = gone if not one.at or notebook.saved_at > one.at else "unsaved"
    return Finding(why, one.ran.n, one.id, one.count, names)


def _key(one: Execution) -> str:
    return one.id or text_of(one.ran.source)


def _repeated(ran: Sequence[Execution], names: tuple[str, ...]) -> list[Finding]:
    last = {_key(one): one for one in ran}
    times = {key: sum(_key(one) == key for one in ran) for key in last}
    return [
        Finding("repeated", one.ran.n, one.id, one.count, names)
        for key, one in last.items()
        if times[key] > 1
    ]


def _out_of_order(
    ran: Sequence[Execution], notebook: Notebook, names: tuple[str, ...]
) -> list[Finding]:
    """Say which cells ran after one that stands below them."""
    latest = {_key(one): one for one in ran}
    found, lowest = [], -1
    for one in sorted(latest.values(), key=lambda one: one.ran.n):
        place = place_of(one, notebook)
        if place is None:
            continue
        if place < lowest:
            found.append(Finding("out of order", one.ran.n, one.id, one.count, names))
        lowest = max(lowest, place)
    return found


def _never_run(
    top: Kernel,
    differ: Sequence[str],
    executions: Sequence[Execution],
    cells: Sequence[Saved],
    notebook: Notebook,
    names: tuple[str, ...],
) -> list[Finding]:
    """Say which cells stand above the registering one, would have a part in it, and never ran."""
    places = {place_of(one, notebook) for one in executions}
    return [
        Finding("not run", None, cells[n].id, None, names)
        for n in sorted(top.cells(differ))
        if n < len(cells) and n not in places
    ]


def _at_registering(source: str) -> tuple[int, Step | None]:
    """Return the statement of a cell that registers; where none can be told, the cell is one."""
    found = steps(source)
    at = registering(found)
    return (0, None) if at is None else (at, found[at])


def _named(step: Step | None, source: str) -> frozenset[str]:
    if step is not None:
        return wanted(step)
    return frozenset().union(*(one.reads for one in steps(source)))


def told(found: Finding) -> Mapping[str, object]:
    """Return a finding as JSON has it."""
    return {
        "why": found.why,
        "cell": found.id or None,
        "execution_count": found.count,
        "names": list(found.names),
    }
