"""Run the tour from start to end and say, step by step, what happened and where to look."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent
PER_CELL = 120


class Tour(NotebookClient):
    """Executes cells as JupyterLab does, cell ids included, so that lineage is the same."""

    async def async_execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """Execute one cell, tell the kernel its id, and print what came of it."""
        make = self.kc.session.msg
        self.kc.session.msg = lambda kind, content=None, **more: make(
            kind, content, **_with_id(kind, cell, more)
        )
        try:
            done = await super().async_execute_cell(cell, cell_index, **options)
        finally:
            self.kc.session.msg = make
        _tell(cell)
        return done


def main(argv: list[str] | None = None) -> int:
    """Run the tour in a folder; return 0, or 1 with the message of the cell that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=".demo", type=Path)
    folder = parser.parse_args(argv).folder.absolute()
    began = time.monotonic()
    notebook = _prepare(folder)
    tour = Tour(
        nbformat.read(notebook, as_version=4),
        timeout=PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        tour.execute(env={**os.environ, "JPY_SESSION_NAME": str(notebook)})
    except CellExecutionError as error:
        sys.stderr.write(f"\nThe tour stopped: {error.evalue or error}\n")
        return 1
    finally:
        nbformat.write(tour.nb, notebook)
        _stop_server(folder)
    _say(f"\nDone in {time.monotonic() - began:.0f} s.")
    _say(f"  the tour with its outputs   {notebook}")
    _say(f"  the executive page          {folder / 'executive.html'}")
    _say(f"  the workspace               {folder / 'workspace'}")
    _say("  next                        make lab · make dashboards")
    return 0


def _prepare(folder: Path) -> Path:
    """Begin anew: the workspace of an earlier run is put away, its server stopped."""
    _stop_server(folder)
    shutil.rmtree(folder / "workspace", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tour.ipynb", "loan_book.py"):
        shutil.copyfile(HERE / name, folder / name)
    os.environ["JUPYTER_MLOPS_WORKSPACE"] = str(folder / "workspace")
    return folder / "tour.ipynb"


def _stop_server(folder: Path) -> None:
    from jupyter_mlops import open_workspace

    if (folder / "workspace" / "store.db").exists():
        open_workspace(folder / "workspace").stop()


def _with_id(kind: str, cell: Any, more: dict[str, Any]) -> dict[str, Any]:
    if kind != "execute_request":
        return more
    return {**more, "metadata": {**(more.get("metadata") or {}), "cellId": cell.get("id", "")}}


def _tell(cell: Any) -> None:
    if cell.cell_type != "code":
        title = next((line for line in cell.source.splitlines() if line.startswith("#")), "")
        if title:
            _say("\n" + title.lstrip("# "))
        return
    words = [line for line in cell.source.splitlines() if "%mlops" in line]
    for line in words:
        _say(f"  {line.strip()}")
    for output in cell.get("outputs", ()):
        text = output.get("data", {}).get("text/plain", "") or output.get("text", "")
        for line in text.splitlines()[:1] if words else ():
            _say(f"    {line}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
