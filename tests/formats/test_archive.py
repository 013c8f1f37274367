"""A backup has one form; whatever else comes under that name is refused, by the name of its part."""

import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import Corrupt, Invalid, MlopsError, Unsafe
from jupyter_mlops.formats import archive

LONG = "predictions/deployment=" + "d" * 100 + "/day=2026-01-01/" + "s" * 60 + ".parquet"
PARTS = {"store/a.jsonl": b"[1]\n" * 300, "artifacts/sha256/ab/abc": b"", LONG: b"x" * 512}


def made(parts=None, manifest=None):
    """Return an archive in our form."""
    held = io.BytesIO()
    writer = archive.Writer(held)
    for name, data in (PARTS if parts is None else parts).items():
        writer.add(name, [data[:5], data[5:]])
    writer.end(manifest or {})
    return held.getvalue()


def tarred(*entries, how=tarfile.USTAR_FORMAT):
    """Return a tar as others write one, with our manifest at its end."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=how) as opened:
        for name, more in [*entries, (archive.MANIFEST, {"data": b"{}"})]:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.uname, entry.gname = 0o600, "", ""
            data = more.get("data", b"")
            entry.size = len(data)
            for field, value in more.items():
                if field != "data":
                    setattr(entry, field, value)
            opened.addfile(entry, io.BytesIO(data))
    return held.getvalue()


def read(data):
    """Return the parts of an archive, as far as it is one."""
    file = io.BytesIO(data)
    found = archive.members(file)
    archive.manifest(file, found)
    return {name: b"".join(archive.pieces(file, one)) for name, one in found.items()}


def edited(at, data):
    raw = bytearray(made())
    raw[at : at + len(data)] = data
    return bytes(raw)


def test_what_is_written_is_read_and_any_tar_program_agrees():
    assert read(made()) == {**PARTS, archive.MANIFEST: b"{}"}
    with tarfile.open(fileobj=io.BytesIO(made())) as opened:
        told = {one.name: opened.extractfile(one).read() for one in opened}
    assert told == {**PARTS, archive.MANIFEST: b"{}"}
    assert made() == made()


HOSTILE = {
    "../../etc/cron.d/x": tarred(("../../etc/cron.d/x", {"data": b"x"})),
    "/etc/passwd": tarred(("/etc/passwd", {"data": b"x"})),
    "C:\\\\x": tarred(("C:\\x", {"data": b"x"})),
    "store/../../x": tarred(("store/../../x", {"data": b"x"})),
    "a/./b": tarred(("a/./b", {"data": b"x"})),
    "é": tarred(("é", {"data": b"x"})),
    "a link": tarred(("artifacts/link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})),
    "a hard link": tarred(("artifacts/hard", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})),
    "a device": tarred(("artifacts/dev", {"type": tarfile.BLKTYPE})),
    "a folder": tarred(("artifacts", {"type": tarfile.DIRTYPE})),
    "rights": tarred(("artifacts/setuid", {"mode": 0o4755, "data": b"x"})),
    "a person": tarred(("artifacts/mine", {"uid": 1000, "data": b"x"})),
    "a date": tarred(("artifacts/dated", {"mtime": 1, "data": b"x"})),
    "GNU": tarred(("artifacts/" + "x" * 150, {"data": b"x"}), how=tarfile.GNU_FORMAT),
    "pax": tarred(("artifacts/" + "x" * 150, {"data": b"x"}), how=tarfile.PAX_FORMAT),
    "twice": made({"a": b"x"})[:1024] + made({"a": b"y"}),
    "below another": made({"a": b"x", "a/b": b"y"}),
    "no manifest": tarred(("a", {"data": b"x"}))[:1024] + bytes(1024),
    "cut": made()[:-1024],
    "cut in a part": made()[:3000],
    "behind": made() + b"x",
    "more zeros": made() + bytes(9216),
    "between": edited(512 + 1200, b"x"),
    "negative": edited(124, b"-0000000001"),
    "binary": edited(124, b"\x80" + bytes(10) + b"\x01"),
    "far too large": edited(124, b"77777777777"),
    "blank": edited(124, b"       2260"),
    "a manifest of nothing": made(manifest=None)[:-1536] + b"x" * 512 + bytes(1024),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_not_written_our_way_is_refused(what):
    with pytest.raises(Unsafe) as refused:
        read(HOSTILE[what])
    assert refused.value.code == "archive_rejected"


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "artifacts/link", "artifacts/setuid", "a/./b"]
)
def test_the_refusal_names_the_part(name):
    data = next(data for data in HOSTILE.values() if name.encode() in data)
    with pytest.raises(Unsafe, match=name.replace(".", r"\.")):
        read(data)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\3\4" + bytes(4000), bytes(4096)])
def test_what_is_no_archive_at_all_is_said_so(data):
    with pytest.raises(Invalid, match="is no backup"):
        read(data)


def test_a_part_is_checked_while_it_is_read():
    file = io.BytesIO(made())
    found = archive.members(file)["store/a.jsonl"]
    with pytest.raises(Corrupt, match=r"store/a\.jsonl"):
        list(archive.checked(file, found, "sha256:" + "0" * 64))


def test_a_manifest_nested_without_end_is_refused():
    data = b"[" * 200_000
    held = io.BytesIO()
    archive.Writer(held).add(archive.MANIFEST, [data])
    with pytest.raises(Unsafe):
        read(held.getvalue() + bytes(1024))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(made()) - 1), st.binary(min_size=1, max_size=4))
def test_no_edit_is_a_crash_and_none_of_a_head_is_taken(at, data):
    raw = bytearray(made())
    raw[at : at + len(data)] = data
    try:
        told = read(bytes(raw))
    except MlopsError:
        return
    assert {name: len(part) for name, part in told.items()} == {
        **{name: len(part) for name, part in PARTS.items()},
        archive.MANIFEST: 2,
    }


def test_manifests_that_say_anything_are_none():
    from jupyter_mlops.domain.backups import contents

    good = {
        "form": 1, "product": "", "revision": "", "at": "", "workspace": "", "events": 0, "head": "",
        "first_bad": None, "tables": [], "files": [], "left_out": [], "differing": [],
    }  # fmt: skip
    assert contents(good, "d") is not None
    for name in good:
        for value in (7, None, "x", [None], {"a": 1}, -1, True, [{"name": 1}]):
            told = json.loads(json.dumps({**good, name: value}))
            found = contents(told, "d")
            assert found is None or told[name] == value
        assert contents({key: value for key, value in good.items() if key != name}, "d") is None
    for odd in (None, [], "x", 3):
        assert contents(odd, "d") is None
