"""What a backup says of itself, and the shapes in which that is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NotRequired, TypedDict

FORM: Final = 1
WRITTEN: Final = "workspace:backup:written"
DRILLED: Final = "workspace:drill:done"
OLD_BACKUP: Final = 7
"""Days after which a backup is called old."""
OLD_DRILL: Final = 90
"""Days after which a drill is called old."""
LEFT_OUT: Final = (
    "server.json", "webhook", "webhook-allowed.txt", "spool/repeats.db", "server.log", "backups/",
)  # fmt: skip
"""What a backup leaves where it is: secrets, what its owner wrote by hand, and what is made anew."""


class Backup(TypedDict):
    """A backup that was written: where, the digest it is known by, and what is in it."""

    written: str
    digest: str
    bytes: int
    tables: int
    rows: int
    files: int
    events: int
    head: str
    ok: bool
    seconds: float
    left_out: list[str]
    differing: list[str]


class Restored(TypedDict):
    """A workspace that came out of a backup, proved: where it is, and what is in it.

    ``segments`` is how many sealed pieces of the prediction log were proved by their roots; ``known``
    says whether this workspace wrote the backup.
    """

    where: str
    archive: str
    digest: str
    at: str
    product: str
    tables: int
    rows: int
    files: int
    events: int
    head: str
    ok: bool
    segments: int
    seconds: float
    left_out: list[str]
    differing: list[str]
    drill: bool
    known: NotRequired[bool]


@dataclass(frozen=True)
class Dump:
    """A table in a backup: its columns, how many rows, and the digest of its lines."""

    name: str
    columns: tuple[str, ...]
    rows: int
    digest: str

    @property
    def member(self) -> str:
        """Return the part of the archive that holds it."""
        return f"store/{self.name}.jsonl"


@dataclass(frozen=True)
class Contents:
    """What a backup holds, as its manifest says: the chain's end and count, tables, files."""

    digest: str
    product: str
    revision: str
    at: str
    workspace: str
    events: int
    head: str
    first_bad: int | None
    tables: tuple[Dump, ...]
    files: Mapping[str, str]
    left_out: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Return how many rows there are in all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def digests(self) -> dict[str, str]:
        """Return the digest of every part of the archive by its name."""
        return {**{table.member: table.digest for table in self.tables}, **self.files}


def contents(told: Any, digest: str) -> Contents | None:
    """Return what a manifest says, or None when it is none that is known here."""
    try:
        if told["form"] != FORM:
            return None
        return Contents(
            digest=digest,
            tables=tuple(_dump(table) for table in told["tables"]),
            files={_text(file["name"]): _text(file["digest"]) for file in told["files"]},
            left_out=tuple(map(_text, told["left_out"])),
            differing=tuple(map(_text, told["differing"])),
            events=_count(told["events"]),
            first_bad=None if told["first_bad"] is None else _count(told["first_bad"]),
            **{name: _text(told[name]) for name in _TEXTS},
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


_TEXTS: Final = ("product", "revision", "at", "workspace", "head")


def _dump(told: Any) -> Dump:
    columns = tuple(map(_text, told["columns"]))
    return Dump(_text(told["name"]), columns, _count(told["rows"]), _text(told["digest"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value
