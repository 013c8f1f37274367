"""A bundle has one form; whatever else comes under that name is refused before it is kept."""

import io
import json
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import Corrupt, Invalid, Unsafe
from jupyter_mlops.formats import bundle

PARTS = {"version.json": b"{}", "blobs/" + "a" * 64: b"model" * 100}


def zipped(parts, how=zipfile.ZIP_STORED, attributes=None):
    """Return a zip as others write one."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as archive:
        for name, data in parts:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = how, attributes or (0o100644 << 16)
            archive.writestr(entry, data)
    return held.getvalue()


def index(parts):
    told = {name: {"bytes": len(data), "digest": bundle.digest(data)} for name, data in parts}
    return json.dumps({"form": 1, "entries": told}).encode()


def tarred():
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        entry = tarfile.TarInfo("../x")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    return held.getvalue()


def many(n):
    """Return the end of an archive that says it has a million entries."""
    return b"PK\x05\x06" + b"\0" * 4 + n.to_bytes(2, "little") * 2 + b"\0" * 10


GOOD = bundle.pack(PARTS)
LISTED = [("index.json", index(PARTS.items())), *PARTS.items()]
HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "a tar": tarred(),
    "../": zipped([*LISTED, ("../../etc/cron.d/x", b"x")]),
    "absolute": zipped([*LISTED, ("/etc/passwd", b"x")]),
    "windows": zipped([*LISTED, ("C:\\x", b"x")]),
    "backslashes": zipped([*LISTED, ("..\\x", b"x")]),
    "long name": zipped([*LISTED, ("x" * 300, b"x")]),
    "NUL": zipped([*LISTED, ("version.json\0.exe", b"x")]),
    "another case": zipped([*LISTED, ("VERSION.JSON", b"x")]),
    "a link": zipped(LISTED, attributes=(stat.S_IFLNK | 0o777) << 16),
    "a device": zipped(LISTED, attributes=(stat.S_IFCHR | 0o666) << 16),
    "setuid": zipped(LISTED, attributes=(stat.S_IFREG | 0o4755) << 16),
    "compressed": zipped(LISTED, zipfile.ZIP_DEFLATED),
    "a bomb": zipped([*LISTED, ("checks.json", b"\0" * 10_000_000)], zipfile.ZIP_DEFLATED),
    "more entries than there are": many(65_535),
    "two thousand entries": zipped([(f"blobs/{at:064x}", b"") for at in range(2_000)]),
    "no index": zipped(PARTS.items()),
    "before": b"#!/bin/sh\n" + GOOD,
    "after": GOOD + b"x",
    "a comment": GOOD[:-2] + b"\x01\0x",
    "cut": GOOD[:-30],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", [*HOSTILE, "twice"])
def test_what_is_no_bundle_of_ours_is_refused(case):
    data = HOSTILE.get(case) or zipped([*LISTED, *PARTS.items()])
    with pytest.raises((Unsafe, Invalid)) as refused:
        bundle.unpack(b"" if case == "nothing" else data)
    assert refused.value.code in {"archive_rejected", "bundle_invalid"}
    assert refused.value.hint


def test_a_bundle_is_the_same_bytes_each_time_and_reads_back():
    assert bundle.pack(dict(reversed(PARTS.items()))) == GOOD
    assert bundle.unpack(GOOD) == PARTS
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:  # others read it too
        assert archive.testzip() is None
        assert archive.read("version.json") == b"{}"


@given(at=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 7))
def test_any_changed_bit_is_found(at, bit):
    changed = bytearray(GOOD)
    changed[at] ^= 1 << bit
    with pytest.raises((Unsafe, Invalid, Corrupt)):
        bundle.unpack(bytes(changed))


@given(data=st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_line(data):
    with pytest.raises((Unsafe, Invalid)):
        bundle.unpack(data)


@pytest.mark.parametrize(
    "told",
    [
        index([("version.json", b"other"), *[*PARTS.items()][1:]]),
        index([*PARTS.items(), ("checks.json", b"x")]),
        index([("version.json", b"{}")]),
        b'{"form":2,"entries":{}}',
        b'{"form":1,"entries":[]}',
        b'{"form":1,"entries":{"version.json":{"bytes":99999999999,"digest":"x"}}}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_an_index_that_tells_of_something_else_is_refused(told):
    with pytest.raises((Unsafe, Invalid, Corrupt)):
        bundle.unpack(bundle.written({"index.json": told, **PARTS}))
