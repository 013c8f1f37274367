"""The keyed answers of a day, in one small file that all processes of a server share.

A row is claimed before its request is answered, by an insert that only one can make. The log stays
the truth: what this file lost, or what a process left claimed when it died, is found there again.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.errors import Unavailable

HOURS: Final = 24
MOST_BYTES: Final = 1 << 30
AT_ONCE: Final = 500
_WAIT_SECONDS: Final = 2
_PRAGMAS: Final = (
    "PRAGMA auto_vacuum=INCREMENTAL",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA cache_size=-4000",
)
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS answer (
        id INTEGER PRIMARY KEY, deployment TEXT NOT NULL, key TEXT NOT NULL, owner INTEGER,
        body TEXT NOT NULL, said BLOB, at INTEGER NOT NULL, UNIQUE (deployment, key))""",
    "CREATE INDEX IF NOT EXISTS answer_at ON answer (at)",
    "CREATE INDEX IF NOT EXISTS answer_owner ON answer (owner) WHERE owner IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


@dataclass(frozen=True)
class Known:
    """What is known of a key: the digest of the body it came with, and what was answered, if it was."""

    body: str
    said: bytes | None


class Repeats:
    """One connection to the file; a thread has its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # two that make it at once would spoil it
            self._db = _opened_or_made_anew(path)

    def claim(self, deployment: str, key: str, body: str, owner: int) -> Known | None:
        """Take a key for a process, or return what is known of it."""
        while True:
            made = self._do(
                "INSERT INTO answer (deployment, key, owner, body, at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (deployment, key, owner, body, int(time.time())),
            )
            if made.rowcount:
                return None
            row = self._do(
                "SELECT body, said FROM answer WHERE deployment = ? AND key = ?", (deployment, key)
            ).fetchone()
            if row is not None:
                return Known(*row)

    def keep(
        self, deployment: str, key: str, body: str, said: bytes, at: int | None = None
    ) -> None:
        """Remember what was answered; what was remembered before stays."""
        self._do(
            "INSERT INTO answer (deployment, key, body, said, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (deployment, key) DO UPDATE SET said = excluded.said, body = excluded.body,"
            " owner = NULL WHERE said IS NULL",
            (deployment, key, body, said, int(time.time()) if at is None else at),
        )

    def drop(self, deployment: str, key: str) -> None:
        """Give a claim back: its request was not answered."""
        self._do(
            "DELETE FROM answer WHERE deployment = ? AND key = ? AND said IS NULL",
            (deployment, key),
        )

    def left_by(self, dead: Iterable[int]) -> list[tuple[str, str, int]]:
        """Return the claims of processes that have died: deployment, key, and when it was made."""
        found = []
        for owner in dead:
            found += self._do(
                "SELECT deployment, key, at FROM answer WHERE owner = ?", (owner,)
            ).fetchall()
        return found

    def owners(self) -> set[int]:
        """Return the processes that hold claims."""
        rows = self._do("SELECT DISTINCT owner FROM answer WHERE owner IS NOT NULL")
        return {owner for (owner,) in rows.fetchall()}

    def fact(self, name: str) -> str:
        """Return what was noted under a name, or nothing."""
        row = self._do("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def note(self, name: str, value: str) -> None:
        """Note something under a name."""
        self._do("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def clean(self) -> None:
        """Forget what is older than a day, and the oldest of what takes more than a gigabyte."""
        late = int(time.time()) - HOURS * 3600
        old = "SELECT id FROM answer WHERE at < ? LIMIT ?"
        while self._delete(old, (late, AT_ONCE)):
            pass
        oldest = "SELECT id FROM answer ORDER BY at LIMIT ?"
        while self._bytes() > MOST_BYTES and self._delete(oldest, (AT_ONCE,)):
            pass
        self._do("PRAGMA incremental_vacuum(1000)").fetchall()

    def forget(self, deployment: str, keys: Iterable[str]) -> bool:
        """Forget answers for good; say whether nothing of them is left in the file or its log."""
        self._do("PRAGMA secure_delete=ON")
        for key in keys:
            self._do("DELETE FROM answer WHERE deployment = ? AND key = ?", (deployment, key))
        busy, *_ = self._do("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _delete(self, which: str, words: tuple[int, ...]) -> int:
        done = self._do(f"DELETE FROM answer WHERE id IN ({which})", words)  # noqa: S608  (ours)
        return int(done.rowcount)

    def _bytes(self) -> int:
        size, pages, free = (
            self._do(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size * (pages - free))

    def _do(self, statement: str, words: tuple[Any, ...] = ()) -> Any:
        try:
            return self._db.execute(statement, words)
        except _errors().Error as error:
            raise _unavailable(error) from None


def _opened_or_made_anew(path: Path) -> Any:
    """Open the file; one that is no database any more gives way, since the log knows what it held."""
    try:
        return _opened(path)
    except _errors().OperationalError as error:  # locked, or the disk: the file may well be whole
        raise _unavailable(error) from None
    except _errors().DatabaseError:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _opened(path)


def _opened(path: Path) -> Any:
    db = _errors().connect(
        str(path), isolation_level=None, check_same_thread=False, timeout=_WAIT_SECONDS
    )
    try:
        for statement in (*_PRAGMAS, *_TABLES):
            db.execute(statement)
    except _errors().Error:
        db.close()
        raise
    with contextlib.suppress(OSError):
        path.chmod(0o600)
    return db


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(
        "What was answered before cannot be looked up: {why}.",
        "try again; without an Idempotency-Key it is not needed.",
        code="repeats_unavailable",
        why=error,
    )


def _errors() -> Any:
    from jupyter_mlops.store.engine import sqlite_module

    return sqlite_module()
