"""Reading a backup: nothing of it is kept before its parts are where and what its manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jupyter_mlops.domain.backups import Contents, contents
from jupyter_mlops.errors import Corrupt, Invalid
from jupyter_mlops.services.backups import files

if TYPE_CHECKING:
    from jupyter_mlops.formats.archive import Member


@dataclass(frozen=True)
class Archive:
    """A backup that is open: what it says it holds, and where its parts are."""

    path: Path
    file: IO[bytes]
    told: Contents
    parts: dict[str, Member]

    def pieces(self, name: str) -> Iterator[bytes]:
        """Return the bytes of a part; at their end it raises unless they are what the manifest says."""
        from jupyter_mlops.formats import archive

        return archive.checked(self.file, self.parts[name], self.told.digests[name])

    def lines(self, name: str) -> Iterator[bytes]:
        """Return the lines of a part, checked in the same way."""
        rest = b""
        for piece in self.pieces(name):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest

    @property
    def size(self) -> int:
        """Return how many bytes there are in all parts."""
        return sum(part.size for part in self.parts.values())


@contextmanager
def opened(path: str, *, digest: str = "") -> Iterator[Archive]:
    """Open a backup whose parts are the ones its manifest names; their bytes are still to be read.

    Raises:
        Invalid: there is no such file, or it is no backup.
        Unsafe: it is not written the way `backup` writes, or holds what belongs to no workspace.
        Corrupt: it is another one than the digest says.
    """
    from jupyter_mlops.formats import archive

    with _file(path) as file:
        parts = archive.members(file)
        found, known_by = archive.manifest(file, parts)
        told = contents(found, known_by)
        if told is None:
            raise Invalid(
                "The manifest of this backup cannot be read.",
                "a newer jupyter-mlops may have written it: pip install --upgrade jupyter-mlops",
                code="backup_invalid",
            )
        _check_digest(known_by, digest)
        del parts[archive.MANIFEST]
        _check_listed(told, parts)
        yield Archive(Path(file.name), file, told, parts)


@contextmanager
def _file(path: str) -> Iterator[IO[bytes]]:
    try:
        file = Path(path).expanduser().absolute().open("rb")
    except (OSError, ValueError, RuntimeError) as error:
        raise Invalid(
            "The backup {path} cannot be read: {reason}.",
            "`backup --to FILE` writes one.",
            code="backup_unreadable",
            path=path,
            reason=getattr(error, "strerror", "") or error,
        ) from None
    with file:
        yield file


def _check_digest(found: str, wanted: str) -> None:
    if wanted and wanted != found:
        raise Corrupt(
            "This backup is {found}, and not {wanted}.",
            "`audit workspace:backup` lists the digests of the backups that were written.",
            code="backup_other",
            found=found,
            wanted=wanted,
        )


def _check_listed(told: Contents, parts: dict[str, Member]) -> None:
    """Refuse parts that no manifest names, and names that belong to no workspace."""
    from jupyter_mlops.formats import archive

    listed = [table.member for table in told.tables] + list(told.files)
    for name in listed:
        if name not in parts:
            raise archive.rejected("listed", name)
    for name in parts:
        if name not in told.digests:
            raise archive.rejected("listed", name)
    if len(listed) != len(parts):
        raise archive.rejected("listed", archive.MANIFEST)
    for name in told.files:
        if not files.belongs(name):
            raise archive.rejected("name", name)
