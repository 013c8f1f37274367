"""A large file that holds many: a tar in the one way we write it, so that what is else is refused.

Members are stored as they are (nothing can unfold into more than was sent), as plain files of nobody,
without dates, links or extensions; any tar program reads them. The last one is the manifest, which names
all others with their digests. Whoever reads an archive writes each head again and compares: an archive
that two programs could understand differently is none of ours.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from jupyter_mlops.errors import Corrupt, Invalid, Unsafe

MANIFEST: Final = "manifest.json"
LARGEST: Final = (8 << 30) - 1
"""Bytes that a member may have: what its head can say."""
LARGEST_MANIFEST: Final = 1 << 30
"""Bytes of a manifest, which is read into memory."""
_BLOCK: Final = 512
_END: Final = bytes(2 * _BLOCK)
_PAGE: Final = 1 << 20
_PART: Final = r"\.?[A-Za-z0-9_][A-Za-z0-9._=-]{0,240}"
_NAME: Final = re.compile(rf"{_PART}(?:/{_PART}){{0,5}}", re.ASCII)
_HEAD: Final = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x")
_LINKS: Final = frozenset(b"123456")


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, its bytes and where they begin."""

    name: str
    size: int
    at: int


class Writer:
    """Writes an archive into an open file, member by member."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, name: str, pieces: Iterable[bytes]) -> dict[str, Any]:
        """Write a member, however large it turns out to be, and return what a manifest says of it.

        Raises:
            Invalid: it is larger than a member can be.
        """
        at, size, found = self._file.tell(), 0, hashlib.sha256()
        self._file.write(bytes(_BLOCK))
        for piece in pieces:
            size += len(piece)
            found.update(piece)
            self._file.write(piece)
        if size > LARGEST:
            raise Invalid(
                "{name} has {size} bytes, more than a backup can hold in one piece.",
                "copy it by hand, or archive what it belongs to.",
                code="member_too_large",
                name=name,
                size=f"{size:,}",
            )
        self._file.write(bytes(-size % _BLOCK))
        end = self._file.tell()
        self._file.seek(at)
        self._file.write(head(name, size))
        self._file.seek(end)
        return {"name": name, "bytes": size, "digest": f"sha256:{found.hexdigest()}"}

    def end(self, manifest: Mapping[str, Any]) -> str:
        """Write the manifest and the end; return the manifest's digest, which the archive is known by."""
        told = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
        digest = str(self.add(MANIFEST, [told])["digest"])
        self._file.write(_END)
        return digest


def head(name: str, size: int) -> bytes:
    """Return the one head that a member of this name and size has.

    Raises:
        Unsafe: the name is none that we write.
    """
    folder, last = _split(name)
    told = (
        last.encode(), b"0000600\0", b"0000000\0", b"0000000\0", f"{size:011o}\0".encode(),
        f"{0:011o}\0".encode(), b" " * 8, b"0", b"", b"ustar\0", b"00", b"", b"",
        b"0000000\0", b"0000000\0", folder.encode(),
    )  # fmt: skip
    raw = _HEAD.pack(*told)
    return raw[:148] + f"{sum(raw):06o}\0 ".encode() + raw[156:]


def members(file: IO[bytes]) -> dict[str, Member]:
    """Return what an archive holds, by name; only heads are read.

    Raises:
        Invalid: it is no archive at all.
        Unsafe: it is not written the way we write.
    """
    whole = file.seek(0, 2)
    file.seek(0)
    if whole < _BLOCK + len(_END) or file.read(_BLOCK)[257:262] != b"ustar":
        raise Invalid(
            "This file is no backup.",
            "`backup --to FILE` writes one.",
            code="backup_invalid",
        )
    found: dict[str, Member] = {}
    at, last = 0, ""
    while (block := _at(file, at, _BLOCK, last)) != _END[:_BLOCK]:
        last, size = _read_head(block)
        if last in found:
            raise rejected("twice", last)
        member = Member(last, size, at + _BLOCK)
        at += _BLOCK + size + -size % _BLOCK
        if at + len(_END) > whole:
            raise rejected("cut", last)
        if any(_at(file, member.at + size, -size % _BLOCK, last)):
            raise rejected("between", last)
        found[last] = member
    if at + len(_END) != whole or _at(file, at, len(_END), last) != _END:
        raise rejected("after", last)
    _check_folders(found)
    if last != MANIFEST or found[last].size > LARGEST_MANIFEST:
        raise rejected("manifest", last)
    return found


def manifest(file: IO[bytes], found: Mapping[str, Member]) -> tuple[Any, str]:
    """Return the manifest of an archive and its digest; it may say anything."""
    data = b"".join(pieces(file, found[MANIFEST]))
    try:
        return json.loads(data), "sha256:" + hashlib.sha256(data).hexdigest()
    except (ValueError, RecursionError):
        raise rejected("manifest", MANIFEST) from None


def pieces(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """Return the bytes of a member, page by page; whoever takes them hashes them."""
    at, left = member.at, member.size
    while left:
        file.seek(at)
        page = file.read(min(_PAGE, left))
        if not page:
            raise rejected("cut", member.name)
        yield page
        at, left = at + len(page), left - len(page)


def checked(file: IO[bytes], member: Member, digest: str) -> Iterator[bytes]:
    """Return the bytes of a member and raise at their end unless they have this digest.

    Raises:
        Corrupt: they have another.
    """
    found = hashlib.sha256()
    for page in pieces(file, member):
        found.update(page)
        yield page
    if f"sha256:{found.hexdigest()}" != digest:
        raise changed(member.name)


def changed(name: str) -> Corrupt:
    """Return the error of a member that is not what the manifest says."""
    return Corrupt(
        "{name} in this backup is not what its manifest says.",
        "take an older backup; nothing of this one was kept.",
        code="backup_changed",
        name=name,
    )


def _at(file: IO[bytes], at: int, size: int, last: str) -> bytes:
    file.seek(at)
    block = file.read(size)
    if len(block) != size:
        raise rejected("cut", last)
    return block


def _read_head(block: bytes) -> tuple[str, int]:
    """Return name and size that a head tells, when it is exactly the head we would write."""
    told = _HEAD.unpack(block)
    last, folder = (_text(told[at]) for at in (0, 15))
    name = f"{folder}/{last}" if folder else last
    if block[156] in _LINKS:
        raise rejected("link", name)
    if not _NAME.fullmatch(name):
        raise rejected("name", name)
    digits = told[4][:-1]
    if not re.fullmatch(rb"[0-7]{11}", digits) or head(name, int(digits, 8)) != block:
        raise rejected("form", name)
    return name, int(digits, 8)


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "backslashreplace")


def _split(name: str) -> tuple[str, str]:
    """Return folder and last part of a name, as the two fields of a head have room for them."""
    if not _NAME.fullmatch(name):
        raise rejected("name", name)
    if len(name) <= 100:  # noqa: PLR2004 - the first field
        return "", name
    folder, _, last = name.rpartition("/")
    if not folder or len(folder) > 155 or len(last) > 100:  # noqa: PLR2004 - the two fields
        raise rejected("name", name)
    return folder, last


def _check_folders(found: Mapping[str, Member]) -> None:
    for name in found:
        parts = name.split("/")
        for n in range(1, len(parts)):
            if "/".join(parts[:n]) in found:
                raise rejected("folder", name)


_WHY: Final = {
    "form": "This backup is refused: its part {name} is not written the way `backup` writes.",
    "name": "This backup is refused: it has a part called {name}.",
    "link": "This backup is refused: its part {name} is a link, a folder or a device, and no file.",
    "twice": "This backup is refused: it has two parts called {name}.",
    "folder": "This backup is refused: its part {name} lies below another part.",
    "cut": "This backup is refused: it is cut short after {name}.",
    "between": "This backup is refused: something stands behind its part {name}.",
    "after": "This backup is refused: something stands behind its last part, {name}.",
    "manifest": "This backup is refused: its last part has to be a manifest, and is {name}.",
    "listed": "This backup is refused: its manifest and its parts differ at {name}.",
}


def rejected(why: str, name: object) -> Unsafe:
    """Return the error of an archive that is none of ours, with the name of the part that tells so."""
    return Unsafe(
        _WHY[why],
        "unpack nothing by hand; take a file that `backup --to FILE` wrote.",
        code="archive_rejected",
        name=name if str(name).isascii() and _NAME.fullmatch(str(name)) else repr(name),
    )
