"""Verify an exported audit log with Python 3.8 alone: say what is wrong, exit with 0 or 1."""

import argparse
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

LINE = re.compile(rb'\{"seq":(-?\d{1,18}),"digest":"([^"]*)","event":(.*)\}\n?')


def opened(place: Path, name: str) -> io.BufferedReader:
    """Open a part of an export, zipped or not; one there twice could be read in two ways."""
    if place.is_dir():
        return (place / name).open("rb")
    archive = zipfile.ZipFile(place)
    [_] = [one for one in archive.namelist() if one == name]
    return io.BufferedReader(archive.open(name), 1 << 16)  # type: ignore[arg-type]


def digest_of(line: bytes, n: int, prev: str) -> str:
    """Return the digest of the n-th event, which has to name ``prev``, that of the one before."""
    try:
        seq, digest, body = LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        if int(seq) != n:
            sys.exit(f"Event {n} is missing: event {int(seq)} stands in its place.")
        if b"sha256:" + hashlib.sha256(body).hexdigest().encode() != digest:
            sys.exit(f"Event {n} was edited: its digest does not fit its text.")
        told = json.loads(body.decode() if body[:1] + body[-1:] == b"{}" else "null")
        if told.get("prev") != prev:
            sys.exit(f"Event {n} does not follow the event before it.")
        if told.get("seq") != n:
            sys.exit(f"Event {n} carries another number in its text.")
        return str(digest, "ascii")
    except (ValueError, AttributeError, RecursionError):
        sys.exit(f"Event {n} cannot be read.")


def verify(export: Path, head: str) -> str:
    """Walk along all events: their end has to be that of head.json, and ``head`` one of them."""
    told, n, digest = json.loads(opened(export, "head.json").read()), 0, "sha256:" + "0" * 64
    for n, line in enumerate(opened(export, "events.jsonl"), 1):
        digest = digest_of(line, n, digest)
        head = "" if digest == head else head
    if not n or (told["events"], told["head"]) != (n, digest):
        sys.exit(f"The last event is {n}, {digest}: head.json says otherwise.")
    if head:
        sys.exit(f"No event has the digest that was kept, {head!a}.")
    return f"All {n} events follow from one another."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--head", default="", help="a digest that somebody kept elsewhere")
    sys.excepthook = lambda _, error, __: print(f"This is no export that can be read: {error!a}")
    print(verify(**vars(parser.parse_args())))
