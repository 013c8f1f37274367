"""All rows of a data subject in one file, for the subject: in words, as JSON lines and as tables."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from jupyter_mlops.domain.arguments import Here, Prepared
from jupyter_mlops.domain.masked import masked
from jupyter_mlops.domain.subjects import Subject, SubjectFile
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services.export import placing

if TYPE_CHECKING:
    from jupyter_mlops.services.masks import Hidden
    from jupyter_mlops.services.sought import Sought
    from jupyter_mlops.services.whereabouts import Standing
    from jupyter_mlops.services.workspace import Workspace

NAME: Final = "subject.zip"
LARGEST: Final = 64 << 20
"""Bytes of an export that travels in an answer."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_SAID: Final = ("score", "label", "probabilities")
Rows = Sequence[Mapping[str, Any]]


def prepare(here: Here, *, export: str = "", **_: Any) -> Prepared:
    """Look at the place before anything is looked for: is it free, and can it be written to?"""
    return placing.prepare(here, export=_file(export))


def finish(answer: Subject, *, export: str = "", **_: object) -> Subject:
    """Write the file where the person is, whole or not at all, and say where; it is kept nowhere else."""
    told = answer.get("export")
    if told is None or "data" not in told:
        return answer
    data = base64.b64decode(told["data"])
    kept = {name: value for name, value in told.items() if name != "data"}

    def fetch(_digest: str) -> Iterator[bytes]:
        yield data

    done = placing.finish(cast("Any", {"export": kept}), export=_file(export), fetch=fetch)
    return {**answer, "export": cast("SubjectFile", done["export"])}


def _file(to: str) -> str:
    """Return the file that is meant: in a folder, one of our own name."""
    try:
        is_folder = bool(to) and (to.endswith(("/", os.sep)) or Path(to).expanduser().is_dir())
    except (OSError, ValueError, RuntimeError):  # whoever writes it says why it cannot be
        is_folder = False
    return str(Path(to) / NAME) if is_folder else to


def written(
    ws: Workspace, whom: Sought, found: Standing, told: Subject, hidden: Hidden
) -> SubjectFile:
    """Return the file in an answer; the audit log keeps its digest, and nothing keeps its bytes."""
    salt = secrets.token_hex(32)
    parts = _parts(found, hidden)
    digest = whom.digests(salt)["text"]
    data = _zipped(
        {"README.txt": _summary(whom, told, parts, digest, salt).encode(), **_files(parts)}
    )
    if len(data) > LARGEST:
        raise Invalid(
            "The export has {size} MB, more than an answer may carry.",
            "look at one deployment alone: --at DEPLOYMENT",
            code="export_too_large",
            size=len(data) >> 20,
        )
    named = f"sha256:{hashlib.sha256(data).hexdigest()}"
    rows = sum(map(len, parts.values()))
    with ws.act("subject:export", subject="subject") as act:
        act.outcome = "written"
        act.after = {"subject": digest, "by": whom.by, "digest": named, "rows": rows}
    body = base64.b64encode(data).decode()
    return SubjectFile(digest=named, bytes=len(data), rows=rows, data=body)


def _parts(found: Standing, hidden: Hidden) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each kind, each with where it was found; what is hidden is a mark."""
    told: dict[str, list[dict[str, Any]]] = {"predictions": [], "actuals": [], "samples": []}
    for hit in (*found.sealed, *found.open):
        for row in hit.rows.to_pylist():
            row.pop("leaf", None)
            own = logged(row, hidden.get(hit.deployment, frozenset()))
            told["predictions"].append({"deployment": hit.deployment, **own})
    for hit in found.actuals:
        columns = hidden.get(hit.deployment, frozenset())
        names = columns | ({"value"} if "actual" in columns else frozenset())
        for row in hit.rows.to_pylist():
            told["actuals"].append({"deployment": hit.deployment, **masked(row, names)})
    everywhere = frozenset(name for columns in hidden.values() for name in columns)
    for one in found.samples:
        for row in one.rows.to_pylist():
            told["samples"].append({"versions": list(one.refs), **masked(row, everywhere)})
    return told


def logged(row: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """Return a row of the log as whoever asks may see it."""
    if not hidden:
        return dict(row)
    names = set(hidden)
    if "prediction" in hidden:
        names |= {*_SAID}
    if "id" in hidden and row.get("prediction_id") == row.get("id"):
        names.add("prediction_id")
    own = masked({name: value for name, value in row.items() if name != "features"}, names)
    return own | {"features": masked(row.get("features") or {}, hidden)}


def _summary(whom: Sought, told: Subject, parts: Mapping[str, Rows], digest: str, salt: str) -> str:
    named = f"{whom.by} = {whom.value}" if whom.by else whom.value
    lines = [
        tell("What this workspace keeps of {subject}", subject=named),
        "",
        told["because"],
        "",
        *(f"  {name}: {len(rows):,}" for name, rows in parts.items()),
        "",
        *(
            f"  {row['place']}  {row['deployment']}  {row['where']}  {row['rows']:,}"
            for row in told["items"]
        ),
        "",
        tell("Not in this file, since nobody can be told apart there or it was written elsewhere:"),
        *(f"  {one}" for one in told["beyond"]),
        "",
        tell(
            "In the audit log the subject is {digest}, with this salt: {salt}",
            digest=digest,
            salt=salt,
        ),
    ]
    if told["masked"]:
        lines.append(
            tell("Masked for whoever wrote this file: {columns}", columns=", ".join(told["masked"]))
        )
    return "\n".join(lines) + "\n"


def _files(parts: Mapping[str, Rows]) -> dict[str, bytes]:
    files = {}
    for name, rows in parts.items():
        files[f"{name}.jsonl"] = "".join(f"{_json(row)}\n" for row in rows).encode()
        files[f"{name}.csv"] = _table(rows).encode()
    return files


def _json(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)


def _table(rows: Rows) -> str:
    """Return rows as CSV whose cells no spreadsheet takes for formulas."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([guarded(name) for name in names])
    writer.writerows([guarded(row.get(name)) for name in names] for row in flat)
    return out.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name != "features"}
    return own | {f"features.{name}": value for name, value in (row.get("features") or {}).items()}


def guarded(value: Any) -> str:
    """Return a cell that is text to every spreadsheet; numbers are as they are.

    >>> [guarded(value) for value in ("=1+1", -1.5, None, "@x", "plain")]
    ["'=1+1", '-1.5', '', "'@x", 'plain']
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = (
        value
        if isinstance(value, str)
        else _json(value)
        if isinstance(value, list | dict)
        else str(value)
    )
    return f"'{text}" if text.startswith(_FORMULA) else text


def _zipped(files: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files.items():
            told = zipfile.ZipInfo(name, _FIRST_DAY)
            told.compress_type, told.external_attr = zipfile.ZIP_DEFLATED, 0o100600 << 16
            archive.writestr(told, data)
    return sink.getvalue()
