"""What is known of the notebook and the cell that speak; what is not known is absent."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from jupyter_mlops.magics.record import Record, earlier, present

NOTEBOOK: Final = "MLOPS_NOTEBOOK"
_LONGEST: Final = 100_000
_LONGEST_VALUE: Final = 4_096


def origin(
    shell: Any, environ: Mapping[str, str] = os.environ, *, record: Record | None = None
) -> dict[str, Any]:
    """Return notebook, cell, its source, and which cells ran before, as far as this front end tells.

    ``executions`` are in the order they ran, the present one last; ``values`` are texts and paths that
    variables hold: they say which file a frame was read from, and are not kept.
    """
    parent = _parent(shell)
    ran = (
        record.cells() if record else [one.to_dict() for one in (*earlier(shell), *present(shell))]
    )
    source = str(parent.get("content", {}).get("code") or (ran[-1]["source"] if ran else ""))
    told = {
        "executions": ran,
        "is_whole": record.is_whole if record else True,
        "values": _values(shell.user_ns),
        "notebook": next(_notebooks(shell, environ), None),
        "cell": parent.get("metadata", {}).get("cellId"),
        "source": source[:_LONGEST],
        "source_sha256": hashlib.sha256(source.encode()).hexdigest() if source else "",
        "execution_count": ran[-1]["count"] if ran else None,
    }
    return {name: value for name, value in told.items() if value}


def of_python() -> dict[str, Any]:
    """Return what is known where Python itself is asked: a notebook without the magic, or a script."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        magics = shell.magics_manager.registry.get("MlopsMagics")
        return origin(shell, record=getattr(magics, "record", None))
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    is_program = getattr(main, "__spec__", None) is not None or Path(file or "").suffix != ".py"
    if not file or is_program:
        return {}
    path = Path(file).absolute()
    try:
        source = path.read_text("utf-8", "replace")[:_LONGEST]
    except OSError:
        return {"script": str(path)}
    digest = hashlib.sha256(source.encode()).hexdigest()
    return {"script": str(path), "source": source, "source_sha256": digest}


def _values(variables: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: str(value)
        for name, value in list(variables.items())
        if isinstance(value, str | PurePath) and not name.startswith("_")
    }
    return {name: value for name, value in found.items() if len(value) <= _LONGEST_VALUE}


def _notebooks(shell: Any, environ: Mapping[str, str]) -> Iterator[str]:
    """Go through the places where front ends leave the path, the surest first."""
    if said := environ.get(NOTEBOOK):
        yield said
    for said in (shell.user_ns.get("__vsc_ipynb_file__"), environ.get("JPY_SESSION_NAME")):
        if isinstance(said, str) and said.endswith(".ipynb"):
            yield said
    script = environ.get("SCRIPT_NAME", "")
    if script.endswith(".ipynb"):
        yield script.partition("/voila/render/")[2] or script


def _parent(shell: Any) -> Mapping[str, Any]:
    """Return the message that asked for this cell; a terminal has none."""
    ask = getattr(shell, "get_parent", None)
    parent = ask() if ask else None
    return parent if isinstance(parent, Mapping) else {}
