"""Where a frame was read from, as the cells that made it say."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from jupyter_mlops.domain.redacted import redacted, without_login

_FILES: Final = frozenset(
    [
        "read_csv",
        "read_table",
        "read_fwf",
        "read_parquet",
        "read_feather",
        "read_json",
        "read_excel",
        "read_orc",
        "read_hdf",
        "read_stata",
        "read_sas",
        "read_spss",
        "read_xml",
        "read_html",
        "read_ipc",
        "read_ndjson",
        "read_avro",
        "read_delta",
        "scan_csv",
        "scan_parquet",
        "scan_ndjson",
        "scan_ipc",
        "scan_delta",
        "from_csv_auto",
        "loadtxt",
        "genfromtxt",
    ]
)
_QUERIES: Final = frozenset(
    {"read_sql", "read_sql_query", "read_sql_table", "read_database", "sql"}
)
_READY: Final = ("load_", "fetch_")
"""Data sets that a package brings along or fetches: ``sklearn.datasets.load_iris``."""
_PATHS: Final = ("Path", "pathlib.Path", "PurePath", "str", "os.path.join", "path.join")
_LONGEST: Final = 400
_MOST: Final = 50


@dataclass(frozen=True)
class Source:
    """One reading: how it was called, as what it was written, and what that comes to where known."""

    kind: str
    how: str
    written: str
    said: str | None


def sources(nodes: Iterable[ast.stmt], values: Mapping[str, str]) -> list[Source]:
    """Return what the statements read, in order.

    ``values`` holds the texts and paths of names that were bound only once.
    """
    found: dict[Source, None] = {}
    for node in nodes:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and (told := _readable(call, values)):
                found[told] = None
    return list(found)[:_MOST]


def bound_once(nodes: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that one plain assignment binds and nothing else: their value is what it was."""
    plain: dict[str, int] = {}
    stored: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            plain[node.targets[0].id] = plain.get(node.targets[0].id, 0) + 1
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
                stored[one.id] = stored.get(one.id, 0) + 1
    return frozenset(name for name, n in plain.items() if n == stored.get(name) == 1)


def _readable(call: ast.Call, values: Mapping[str, str]) -> Source | None:
    try:
        return _source(call, values)
    except RecursionError:
        return None


def _source(call: ast.Call, values: Mapping[str, str]) -> Source | None:
    how = _dotted(call.func)
    name = how.rpartition(".")[2]
    if name.startswith(_READY) and not call.args:
        return Source("package", how, how, how)
    kind = "file" if name in _FILES else "query" if name in _QUERIES else ""
    first = call.args[0] if call.args else None
    if not kind or first is None:
        return None
    said = _text(first, values)
    if kind == "file" and said and "://" in said:
        kind = "address"
    written = redacted(ast.unparse(first))[:_LONGEST]
    return Source(kind, how[:_LONGEST], written, _shown(kind, said))


def _shown(kind: str, said: str | None) -> str | None:
    if said is None:
        return None
    return (without_login(said) if kind == "address" else redacted(said))[:4096]


def _dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "…", *reversed(parts)])


def _text(node: ast.AST, values: Mapping[str, str]) -> str | None:
    """Return what an expression of texts and paths comes to; None where only running it would tell."""
    found: str | None = None
    match node:
        case ast.Constant(value=str(text)):
            found = text
        case ast.Name(id=name):
            found = values.get(name)
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            found = _joined("/", _text(left, values), _text(right, values))
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            found = _joined("", _text(left, values), _text(right, values))
        case ast.JoinedStr(values=parts):
            found = _joined("", *(_text(part, values) for part in parts))
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            found = _text(value, values)
        case ast.Call(func=func, args=parts) if _dotted(func) in _PATHS:
            found = _joined("/", *(_text(part, values) for part in parts))
    return found


def _joined(between: str, *parts: str | None) -> str | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    if between == "/":
        known = [part.rstrip("/") or "/" for part in known[:-1]] + [known[-1]]
        return known[-1] if known[-1].startswith("/") else "/".join(known).replace("//", "/")
    return between.join(known)
