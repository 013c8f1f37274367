"""Where a model comes from, as far as can be known where it was made; what cannot is absent.

Sources of cells are kept, outputs never: they may hold personal data.
"""

from __future__ import annotations

import hashlib
import json
import platform
import stat
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain import hidden, sources, statements
from jupyter_mlops.domain.hidden import Execution, Notebook, Saved
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.provenance import Ran
from jupyter_mlops.domain.redacted import redacted
from jupyter_mlops.services import repository

LONGEST_CELL: Final = 20_000
LARGEST: Final = 400_000
"""Characters of a cell, and of all cells together, that are kept; the newest go first."""
LARGEST_NOTEBOOK: Final = 50_000_000
LARGEST_FILE: Final = 2**30
"""Bytes of a file that was read; a larger one is named, without its digest."""
MOST_DISTRIBUTIONS: Final = 3_000
_SHOWN: Final = ("jupyter-mlops", "scikit-learn", "numpy", "pandas", "scipy", "skops")
_UNKEPT: Final = ("executions", "is_whole", "values")
_KINDS: Final = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "M": "time"}


def lineage(
    origin: Mapping[str, Any], options: Mapping[str, Any], columns: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is known of notebook, cells, data, code and environment of a registration."""
    path = _path(origin, "notebook")
    place = _path(origin, "model_file") or path or _path(origin, "script")
    ran = executions(origin.get("executions", ()))
    verdict = hidden.judged(
        ran, notebook(path) if path else None, is_whole=bool(origin.get("is_whole"))
    )
    cells = _cells(ran, verdict.needed)
    told = {name: value for name, value in origin.items() if name not in _UNKEPT}
    return {
        **told,
        "source": redacted(str(origin.get("source", ""))),
        "cells": cells,
        "cells_run": len(ran),
        "hidden": {
            "state": verdict.state,
            "findings": [hidden.told(one) for one in verdict.findings],
        },
        "redacted": _is_redacted(ran, cells),
        "frames": _frames(ran, verdict, origin.get("values", {}), options, columns),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _packages(),
        "distributions": distributions(),
        "git": repository.told(place.parent if place else Path.cwd(), place),
        "roles": {name: options[name] for name in ("target", "id", "time") if options.get(name)},
    }


def _path(origin: Mapping[str, Any], name: str) -> Path | None:
    return Path(origin[name]).expanduser() if origin.get(name) else None


def executions(told: Iterable[Mapping[str, Any]]) -> list[Execution]:
    """Return the cells that ran; of one whose moment is not known, when the next one did."""
    found: list[Execution] = []
    latest = ""
    for n, one in reversed(list(enumerate(told))):
        latest = one.get("at") or latest
        ran = Ran(n, one["source"].replace("\x00", ""), one.get("failed_line"))
        found.append(Execution(ran, str(one.get("id") or ""), one.get("count"), latest))
    return found[::-1]


def notebook(path: Path) -> Notebook | None:
    """Return the code cells of a notebook's file; None where there is none that can be read."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_NOTEBOOK:
            return None
        told = json.loads(path.read_text("utf-8"))
        cells = [cell for cell in told["cells"] if cell.get("cell_type") == "code"]
        saved = [Saved(str(cell.get("id") or ""), _joined(cell["source"])) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Notebook(saved, iso(datetime.fromtimestamp(found.st_mtime, UTC)))


def distributions() -> dict[str, str]:
    """Return what is installed, by its normalised name."""
    from importlib.metadata import distributions as installed

    found: dict[str, str] = {}
    for one in installed():
        # Parsing whole metadata takes ten times as long as its first lines.
        text = one.read_text("METADATA") or one.read_text("PKG-INFO") or ""
        lines = (line.partition(": ") for line in text.partition("\n\n")[0].splitlines())
        told = {key: value.strip() for key, _, value in lines if key in ("Name", "Version")}
        if told.keys() == {"Name", "Version"}:
            found.setdefault(told["Name"].lower().replace("_", "-"), told["Version"])
    return dict(sorted(found.items())[:MOST_DISTRIBUTIONS])


def digest_of(path: Path) -> tuple[str, int, str] | None:
    """Return digest, bytes and moment of change of a file; None where that cannot be told."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_FILE:
            return None
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    return f"sha256:{digest}", found.st_size, iso(datetime.fromtimestamp(found.st_mtime, UTC))


def _cells(ran: Sequence[Execution], needed: Sequence[int]) -> list[dict[str, Any]]:
    """Return the cells that had a part, in the order they ran; of too many, the last."""
    left = LARGEST
    kept: list[dict[str, Any]] = []
    for one in (ran[n] for n in reversed(needed)):
        source = one.ran.source
        if _is_idle(source) and one is not ran[-1]:
            continue
        text = redacted(source)[:LONGEST_CELL]
        if (left := left - len(text)) < 0:
            break
        kept.append(
            {
                "cell": one.id or None,
                "execution_count": one.count,
                "source": text,
                "at": one.at or None,
                "failed": one.ran.until_line is not None,
                "cut": len(source) > LONGEST_CELL,
            }
        )
    return kept[::-1]


def _is_idle(source: str) -> bool:
    """Say whether a cell only asks this product something, which no model comes from."""
    return statements.only_words(statements.steps(source))


def _is_redacted(ran: Sequence[Execution], cells: Sequence[Mapping[str, Any]]) -> bool:
    written = {one.ran.source[:LONGEST_CELL] for one in ran}
    return any(cell["source"] not in written for cell in cells)


def _frames(
    ran: Sequence[Execution],
    verdict: hidden.Verdict,
    values: Mapping[str, str],
    options: Mapping[str, Any],
    columns: Mapping[str, Any],
) -> dict[str, Any]:
    """Return for each frame its columns, and what the cells that made it read."""
    names = _names_of_frames(ran)
    return {
        part: {
            "columns": [{"name": name, "type": _kind(one)} for name, one in told.items()],
            "sources": _sources(ran, verdict, names.get(part, frozenset()), values)
            + _own_word(options.get(part)),
        }
        for part, told in columns.items()
        if told is not None
    }


def _names_of_frames(ran: Sequence[Execution]) -> dict[str, frozenset[str]]:
    if not ran:
        return {}
    found = statements.steps(ran[-1].ran.source)
    at = statements.registering(found)
    return {} if at is None else statements.frames(found[at])


def _sources(
    ran: Sequence[Execution],
    verdict: hidden.Verdict,
    names: frozenset[str],
    values: Mapping[str, str],
) -> list[dict[str, Any]]:
    kernel = verdict.kernel
    once = sources.bound_once(node for nodes in kernel.nodes.values() for node in nodes)
    known = {name: value for name, value in values.items() if name in once}
    found = []
    for n in sorted(kernel.cells(names)):
        for one in sources.sources(kernel.nodes.get(n, []), known):
            told = {"kind": one.kind, "how": one.how, "written": one.written, "said": one.said}
            found.append({**told, "cell": ran[n].id or None, **_file(one, ran[n].at)})
    return found


def _file(one: sources.Source, at: str) -> dict[str, Any]:
    """Return what is known of a file that was read, and whether it is still that file."""
    if one.kind != "file" or not one.said:
        return {}
    told = digest_of(Path(one.said).expanduser())
    if told is None:
        return {}
    digest, size, changed_at = told
    return {"digest": digest, "bytes": size, "changed": bool(at) and changed_at > at}


def _own_word(frame: Any) -> list[dict[str, Any]]:
    """Return what a frame says of itself: `frame.attrs["source"]`, or the path that it is read from."""
    if isinstance(frame, str | Path):
        one = sources.Source("file", "path", redacted(str(frame)), str(frame))
        return [{"kind": "file", "how": "path", "written": one.written, "said": one.said, **_file(one, "")}]  # fmt: skip
    attrs = getattr(frame, "attrs", None)
    said = attrs.get("source") if isinstance(attrs, dict) else None
    if not isinstance(said, str | Path):
        return []
    text = redacted(str(said))[:LONGEST_CELL]
    return [{"kind": "said", "how": "attrs", "written": text, "said": text}]


def _kind(values: Any) -> str:
    return _KINDS.get(getattr(getattr(values, "dtype", None), "kind", ""), "text")


def _packages() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _SHOWN:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _joined(source: Any) -> str:
    return "".join(source) if isinstance(source, list) else str(source)
