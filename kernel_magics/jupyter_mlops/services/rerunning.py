"""Running a notebook in a fresh kernel with a deadline, in a workspace of its own."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.config import CONFINED, FOLDER, WORKSPACE
from jupyter_mlops.domain import recipes
from jupyter_mlops.domain.lineage import Reproduced
from jupyter_mlops.locale import tell

EXECUTED: Final = "reproduced.ipynb"
START_SECONDS: Final = 60


def rerun(answer: Reproduced, path: Path, seconds: int) -> Reproduced:
    """Run a written notebook and say how its metrics compare with those that were registered."""
    expected = answer["expected"]
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
        problem = _executed(path, _place(expected, path), _environ(path, folder), seconds)
        found = _registered(Path(folder), str(expected["name"]))
    files = {**answer["files"], EXECUTED: str(path.with_name(EXECUTED))}
    told: Reproduced = {**answer, "files": files, "outcome": "failed"}
    if problem:
        return {**told, "because": tell("✗ {ref} was not trained again: {problem}", ref=answer["ref"], problem=problem)}  # fmt: skip
    if found is None:
        return {**told, "because": tell("✗ The notebook ran, and registered no {name}.", name=expected["name"])}  # fmt: skip
    items = recipes.metrics(expected["metrics"], found["metrics"])
    same_bytes = found["artifact"] == expected["artifact"]
    outcome: recipes.Verdict = "the same" if same_bytes else "not measured"
    outcome = recipes.outcome(items) if items else outcome
    because = _because(answer["ref"], outcome, len(items), is_same=same_bytes)
    return {**told, "items": items, "outcome": outcome, "because": because}


def _because(ref: str, outcome: str, n: int, *, is_same: bool) -> str:
    words = {
        "the same": tell("✓ {ref} came out again: all {n} metrics are the same.", ref=ref, n=n),
        "within the interval": tell(
            "✓ {ref} came out again: every metric is within its interval.", ref=ref
        ),
        "different": tell("✗ {ref} did not come out again: metrics differ.", ref=ref),
        "not measured": tell("○ {ref} was trained again; not every metric was measured.", ref=ref),
    }
    bytes_ = tell("The model is the same to the byte.") if is_same else tell("Its bytes differ.")
    return f"{words[outcome]} {bytes_}"


def _place(expected: Mapping[str, Any], path: Path) -> Path:
    """Return where the notebook was, so that it finds its files; else where it is now."""
    said = Path(str(expected["folder"])) if expected["folder"] else path.parent
    return said if said.is_dir() else path.parent


def _environ(path: Path, folder: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if n not in (FOLDER, "MLOPS_NOTEBOOK")}
    return {**kept, WORKSPACE: folder, CONFINED: folder, "JPY_SESSION_NAME": str(path)}


def _executed(path: Path, place: Path, environ: Mapping[str, str], seconds: int) -> str:
    """Execute a notebook in a thread, since an event loop may run in this one; return what stopped it."""
    said: list[str] = []
    running: list[Any] = []
    thread = threading.Thread(
        target=lambda: said.append(_run(path, place, dict(environ), seconds, running)), daemon=True
    )
    thread.start()
    try:
        thread.join(seconds + 2 * START_SECONDS)
    finally:
        if thread.is_alive():  # interrupted, or stuck: nothing is left behind
            _end(running)
            thread.join(START_SECONDS)
    return said[0] if said else tell("it did not end within {seconds} s.", seconds=seconds)


def _end(running: list[Any]) -> None:
    """End the kernel of a run that nobody waits for any more."""
    for client in running:
        provisioner = getattr(getattr(client, "km", None), "provisioner", None)
        process = getattr(provisioner, "process", None)
        if process is not None:
            process.kill()


def _run(path: Path, place: Path, environ: dict[str, str], seconds: int, running: list[Any]) -> str:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    book, format = _book(path)
    deadline = time.monotonic() + seconds
    client = _client()(
        book,
        kernel_name="python3",
        startup_timeout=START_SECONDS,
        timeout_func=lambda _cell: max(int(deadline - time.monotonic()), 1),
        resources={"metadata": {"path": str(place)}},
    )
    running.append(client)
    problem = ""
    try:
        client.execute(env=environ)
    except CellTimeoutError:
        problem = tell("it did not end within {seconds} s.", seconds=seconds)
    except CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}"[:500]
    except (DeadKernelError, RuntimeError, OSError) as error:
        problem = (str(error) or type(error).__name__)[:500]
    with contextlib.suppress(OSError):
        path.with_name(EXECUTED).write_text(format.writes(book), "utf-8")
    return problem


def _book(path: Path) -> tuple[Any, Any]:
    """Return a notebook, and the library that reads and writes it."""
    import nbformat

    library: Any = nbformat
    return library.read(path, as_version=4), library


def _client() -> Any:
    """Return a client that tells the kernel which cell it executes, as JupyterLab does."""
    import nbclient

    base: Any = nbclient.NotebookClient

    class Client(base):  # type: ignore[misc]  # its own types do not foresee other options
        """Executes cells by their ids."""

        async def async_execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
            make = self.kc.session.msg
            about = {"metadata": {"cellId": cell.get("id", "")}}
            self.kc.session.msg = lambda kind, content=None, **more: make(
                kind, content, **{**more, **(about if kind == "execute_request" else {})}
            )
            try:
                return await super().async_execute_cell(cell, cell_index, **options)
            finally:
                self.kc.session.msg = make

    return Client


def _registered(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what the run registered last under a name."""
    import sqlmodel

    from jupyter_mlops.services import server
    from jupyter_mlops.services.workspace import open_local
    from jupyter_mlops.store import tables

    if not (folder / "store.db").exists():
        return None
    ws = open_local(folder)
    try:
        if server.find(ws):
            server.stop(ws)
        with ws.look() as session:
            found = session.exec(
                sqlmodel.select(tables.Version)
                .where(tables.Version.model_id == tables.Model.id, tables.Model.name == name)
                .order_by(sqlmodel.col(tables.Version.id).desc())
            ).first()
            if found is None:
                return None
            return {"metrics": found.metrics, "artifact": json.loads(found.manifest)["artifact"]}
    finally:
        ws.engine.dispose()
