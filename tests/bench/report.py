"""What a benchmark or a simulation says: printed as it is found, and kept as Markdown for whoever asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Bound:
    """A figure beside what it has to be; ``figure`` is None where nothing was measured."""

    what: str
    figure: float | None
    wanted: float
    unit: str = "×"
    at_least: bool = True

    @property
    def holds(self) -> bool | None:
        """Say whether the figure keeps the bound, None where there is no figure."""
        if self.figure is None:
            return None
        return self.figure >= self.wanted if self.at_least else self.figure <= self.wanted

    def cells(self) -> list[str]:
        """Return the bound as a row of a table."""
        mark = {None: "–", True: "✓", False: "✗"}[self.holds]
        figure = "not measured" if self.figure is None else f"{self.figure:,.4g} {self.unit}"
        return [
            self.what,
            f"{'≥' if self.at_least else '≤'} {self.wanted:g} {self.unit}",
            figure,
            mark,
        ]


@dataclass
class Report:
    """Sections, sentences and tables in the order they are found, then the bounds."""

    heading: str = "Benchmarks"
    bounds: list[Bound] = field(default_factory=list)
    _markdown: list[str] = field(default_factory=list)

    def title(self, text: str) -> None:
        """Begin a section."""
        print(f"\n{text}", flush=True)
        self._markdown += ["", f"## {text}", ""]

    def say(self, text: str) -> None:
        """Say one thing."""
        print(f"  {text}", flush=True)
        self._markdown.append(f"- {text}")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows below their heads; the first column is words, the others are figures."""
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for row in (heads, *rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            print("  " + "   ".join(cells), flush=True)
        lines = ["| " + " | ".join(row) + " |" for row in (heads, *rows)]
        lines.insert(1, "|---" + "|--:" * (len(heads) - 1) + "|")
        self._markdown += ["", *lines, ""]

    def bound(self, *words: object, **more: object) -> None:
        """Remember a figure that has to keep a bound."""
        self.bounds.append(Bound(*words, **more))  # type: ignore[arg-type]

    def conclude(self) -> None:
        """Show every bound with its figure."""
        self.title("What is asked, and what was found")
        self.table(["", "asked", "found", ""], [bound.cells() for bound in self.bounds])

    def write(self, path: Path) -> None:
        """Write everything that was said as Markdown."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([f"# {self.heading}", *self._markdown]).rstrip() + "\n")
