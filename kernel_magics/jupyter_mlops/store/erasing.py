"""Rows that leave sealed files for good: what proves the rows beside them stays where it was.

A file is never changed in place. What it is to become is written beside it, under a hidden name that
ends with the digest of the new bytes, and takes its place only once the audit log tells of it. The
digests of the rows that went, and their places, stay in the footer of the file itself, so that the
root over the segment can still be reached from every other row.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jupyter_mlops.store.disk import sync_folder
from jupyter_mlops.store.logtables import LEAF

_GONE: Final = b"jupyter-mlops:gone"
_SPOKEN: Final = ("key", "body_digest", "answer")
"""What a request keeps so that the same one can be answered the same."""
_PENDING: Final = re.compile(r"\.(?P<file>.+\.parquet)\.(?P<digest>[0-9a-f]{64})\.next")
_HALF: Final = re.compile(r"\.(?P<stem>[^.].*)\.parquet\.\d+")


@dataclass(frozen=True)
class Gone:
    """A row that went: its place in the segment, its digest, the mark of its id, and the deed."""

    index: int
    leaf: bytes
    mark: str
    deed: int


@dataclass(frozen=True)
class Next:
    """What a file is to become: written beside it, and not in its place yet."""

    file: Path
    beside: Path
    rows: int

    @property
    def digest(self) -> str:
        """Return the digest of the bytes that will be there."""
        found = _PENDING.fullmatch(self.beside.name)
        return "sha256:" + found["digest"] if found else ""


def mark(leaf: bytes, prediction_id: str) -> str:
    """Return by what an id is known again by whoever has it, and by nobody else."""
    return hashlib.sha256(leaf + prediction_id.encode()).hexdigest()


def gone_of(file: parquet.ParquetFile) -> list[Gone]:
    """Return the rows that went from a file, by their places."""
    told = (file.schema_arrow.metadata or {}).get(_GONE, b"[]")
    return [
        Gone(index, bytes.fromhex(leaf), mark, deed) for index, leaf, mark, deed in json.loads(told)
    ]


def leaves_of(kept: Sequence[bytes], gone: Sequence[Gone]) -> list[bytes]:
    """Return the digests of all rows that a file was sealed with, in their order.

    >>> leaves_of([b"a", b"d"], [Gone(1, b"b", "", 1), Gone(2, b"c", "", 1)])
    [b'a', b'b', b'c', b'd']
    """
    told, rest = {one.index: one.leaf for one in gone}, iter(kept)
    return [told.get(at) or next(rest) for at in range(len(kept) + len(gone))]


def places_of(kept: int, gone: Sequence[Gone]) -> list[int]:
    """Return the place in its segment of each row that is still in a file.

    >>> places_of(2, [Gone(1, b"", "", 1)])
    [0, 2]
    """
    taken = {one.index for one in gone}
    return [at for at in range(kept + len(gone)) if at not in taken]


def without(path: Path, goes: Sequence[bool], deed: int) -> Next:
    """Write beside a sealed file of predictions what it is without some rows."""
    file = parquet.ParquetFile(path)
    table, before = file.read(), gone_of(file)
    places = places_of(table.num_rows, before)
    named = table.select(["prediction_id", LEAF]).filter(pa.array(goes)).to_pylist()
    more = [
        Gone(place, row[LEAF], mark(row[LEAF], row["prediction_id"]), deed)
        for place, row in zip(
            (p for p, g in zip(places, goes, strict=True) if g), named, strict=True
        )
    ]
    told = sorted([*before, *more], key=lambda one: one.index)
    footer = json.dumps([[one.index, one.leaf.hex(), one.mark, one.deed] for one in told])
    kept = table.filter(pc.invert(pa.array(goes, pa.bool_())))
    return beside(path, kept.replace_schema_metadata({_GONE: footer.encode()}))


def beside(path: Path, table: pa.Table) -> Next:
    """Write a table beside the file whose place it is to take, durably."""
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(sink, table.schema, compression="zstd") as writer:
        if table.num_rows:  # readers ask every group of rows for its first and last moment
            writer.write_table(table)
    data = sink.getvalue().to_pybytes()
    place = path.with_name(f".{path.name}.{hashlib.sha256(data).hexdigest()}.next")
    with place.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return Next(path, place, table.num_rows)


def take_place(found: Next) -> None:
    """Put a file in the place of the one it was written beside."""
    with contextlib.suppress(FileNotFoundError):  # somebody settled it before
        found.beside.rename(found.file)
    sync_folder(found.file.parent)


def unsettled(folders: Sequence[Path]) -> list[Next]:
    """Return what was written beside files and never took their places: somebody stopped in between."""
    return [
        Next(path.with_name(found["file"]), path, 0)
        for folder in folders
        for path in sorted(folder.rglob(".*.next"))
        if (found := _PENDING.fullmatch(path.name))
    ]


def halves(folders: Sequence[Path], is_sealed: Callable[[str], bool]) -> Iterator[Path]:
    """Return what sealing left behind when it was killed, of segments that are sealed since."""
    for folder in folders:
        for path in sorted(folder.rglob(".*.parquet.*")):
            found = _HALF.fullmatch(path.name)
            if found and is_sealed(found["stem"]):
                yield path


def silenced(path: Path, moments: Sequence[Any]) -> Next | None:
    """Write beside a file of requests what it is without the answers that were kept for repeats then.

    None where none of these moments has any.
    """
    table = parquet.ParquetFile(path).read()
    hit = _spoken(table, moments)
    if not pc.any(hit).as_py():
        return None
    for name in _SPOKEN:
        at, kind = table.column_names.index(name), table.schema.field(name)
        cleared = pc.if_else(hit, pa.scalar(None, kind.type), table[name])
        table = table.set_column(at, kind, cleared)
    return beside(path, table)


def spoken_at(path: Path, moments: Sequence[Any]) -> int:
    """Return how many requests of these moments have an answer that is kept for repeats."""
    try:
        table = parquet.ParquetFile(path).read(columns=["at", *_SPOKEN])
    except FileNotFoundError:
        return 0
    return int(pc.sum(_spoken(table, moments)).as_py() or 0)


def _spoken(table: pa.Table, moments: Sequence[Any]) -> Any:
    spoken = pc.or_(pc.is_valid(table["key"]), pc.is_valid(table["answer"]))
    return pc.and_(pc.is_in(table["at"], value_set=pa.array(moments, table["at"].type)), spoken)


def keys(path: Path) -> set[str]:
    """Return the keys of a file of requests, by which answers are kept for repeats."""
    found = parquet.ParquetFile(path).read(columns=["key"])["key"]
    return {key for key in found.to_pylist() if key}
