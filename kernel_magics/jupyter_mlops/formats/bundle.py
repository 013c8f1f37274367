"""One file that holds many: a zip in the one way we write it, so that what is else is refused.

Entries are stored as they are (nothing can unfold into more than was sent), in the order of their
names, without dates, rights, links or comments. Whoever reads one writes it again and compares: an
archive that two programs could understand differently is none of ours.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

from jupyter_mlops.errors import Corrupt, Invalid, Unsafe

FORM: Final = 1
INDEX: Final = "index.json"
MOST: Final = 1_000
LARGEST: Final = 512 << 20
"""Bytes that a bundle may have; it is read into memory."""
_NAME: Final = re.compile(r"[a-z]{1,30}\.jsonl?|blobs/[0-9a-f]{64}")
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<4sHHHHIIH")
_FIRST_DAY: Final = 33
"""The first of January 1980, where dates of a zip begin."""
_UNIX: Final = 3 << 8
_PLAIN_FILE: Final = 0o100644 << 16


def digest(data: bytes) -> str:
    """Return the digest of bytes as an index names it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return a bundle of these parts, the same bytes each time, with an index of their digests."""
    told = {name: {"bytes": len(data), "digest": digest(data)} for name, data in parts.items()}
    index = json.dumps({"form": FORM, "entries": told}, sort_keys=True, separators=(",", ":"))
    return written({INDEX: index.encode(), **parts})


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the parts of a bundle, each of which is what its index says.

    Raises:
        Unsafe: it is no archive in the one form that we write.
        Invalid: it is none at all, or its index is none.
        Corrupt: a part is not what the index says.
    """
    parts = _read(data)
    if written(parts) != data:
        raise _rejected("form")
    index = _index(parts.pop(INDEX, b""))
    if index.keys() != parts.keys():
        raise _rejected("index")
    for name, part in parts.items():
        if index[name] != {"bytes": len(part), "digest": digest(part)}:
            raise Corrupt(
                "{name} in this bundle is not what its index says.",
                "get the file again from where it was written; nothing of it was kept.",
                code="bundle_changed",
                name=name,
            )
    return parts


def written(parts: Mapping[str, bytes]) -> bytes:
    """Return entries as a zip, in the order of their names."""
    body, central = bytearray(), bytearray()
    for name in sorted(parts):
        data, told, at = parts[name], name.encode(), len(body)
        of_data = (zlib.crc32(data), len(data), len(data), len(told))
        body += _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _FIRST_DAY, *of_data, 0) + told + data
        head = (b"PK\1\2", _UNIX | 20, 20, 0, 0, 0, _FIRST_DAY)
        central += _CENTRAL.pack(*head, *of_data, 0, 0, 0, 0, _PLAIN_FILE, at) + told
    n = len(parts)
    return bytes(body + central + _END.pack(b"PK\5\6", 0, 0, n, n, len(central), len(body), 0))


def _read(data: bytes) -> dict[str, bytes]:
    """Return what the archive lists; how much that is, is known before any of it is copied."""
    if len(data) < _END.size or not data.startswith(b"PK"):
        raise Invalid(
            "This file is no bundle.",
            "`bundle REF --to FILE` writes one.",
            code="bundle_invalid",
        )
    if len(data) > LARGEST:
        raise _rejected("large", most=LARGEST >> 20)
    signature, _, _, n, _, size, start, _ = _END.unpack(data[-_END.size :])
    if signature != b"PK\5\6" or start + size + _END.size != len(data):
        raise _rejected("end")
    if not 0 < n <= MOST:
        raise _rejected("many", n=f"{n:,}", most=f"{MOST:,}")
    entries = _entries(memoryview(data)[start : start + size], n)
    if sum(length for _, _, length in entries) > len(data):
        raise _rejected("over")
    view = memoryview(data)
    return {
        name: bytes(view[(begin := at + _LOCAL.size + len(name)) : begin + length])
        for name, at, length in entries
    }


def _entries(central: memoryview, n: int) -> list[tuple[str, int, int]]:
    """Return name, place and length of each entry."""
    found: list[tuple[str, int, int]] = []
    names: set[str] = set()
    at = 0
    for _ in range(n):
        if at + _CENTRAL.size > len(central):
            raise _rejected("cut")
        told = _CENTRAL.unpack_from(central, at)
        name = bytes(central[at + _CENTRAL.size : at + _CENTRAL.size + told[10]])
        text = name.decode("ascii", "backslashreplace")
        if not _NAME.fullmatch(text):
            raise _rejected("name", name=repr(text[:60]))
        if text in names:
            raise _rejected("twice", name=repr(text))
        names.add(text)
        found.append((text, told[16], told[9]))
        at += _CENTRAL.size + told[10] + told[11] + told[12]
    return found


def _index(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
        entries = told["entries"]
        known = told["form"] == FORM and isinstance(entries, dict)
    except (ValueError, TypeError, KeyError, RecursionError):
        known = False
    if not known:
        raise Invalid(
            "The index of this bundle cannot be read.",
            "a newer jupyter-mlops may have written it: pip install --upgrade jupyter-mlops",
            code="bundle_invalid",
        )
    found: dict[str, Any] = entries
    return found


_WHY: Final = {
    "form": "This archive is refused: it is not written the way `bundle` writes.",
    "index": "This archive is refused: its index names other parts than it has.",
    "large": "This archive is refused: it is larger than {most} MiB.",
    "end": "This archive is refused: its end is not where it should be.",
    "many": "This archive is refused: it has {n} entries, and {most} are the most.",
    "over": "This archive is refused: its entries lie over one another.",
    "cut": "This archive is refused: its list of entries is cut short.",
    "name": "This archive is refused: it has an entry called {name}.",
    "twice": "This archive is refused: it has two entries called {name}.",
}


def _rejected(why: str, **values: object) -> Unsafe:
    return Unsafe(
        _WHY[why],
        "unpack nothing by hand; ask for a file that `bundle REF --to FILE` wrote.",
        code="archive_rejected",
        **values,
    )
