"""Compare an exported audit log with signed checkpoints, with Python 3.8 alone; exit 0 or 1."""

import argparse
import base64
import io
import re
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

LINE = re.compile(rb'\{"seq":-?\d{1,18},"digest":"[^"]*","event":(.*)\}\n?')
NOTE = re.compile(r"^(jupyter-mlops/\S+)\n(\d{1,18})\n([A-Za-z0-9+/]{43}=)$", re.MULTILINE)


def opened(place: Path, name: str) -> io.BufferedReader:
    """Open a part of an export, zipped or not; one there twice could be read in two ways."""
    if place.is_dir():
        return (place / name).open("rb")
    archive = zipfile.ZipFile(place)
    [_] = [one for one in archive.namelist() if one == name]
    return io.BufferedReader(archive.open(name), 1 << 16)  # type: ignore[arg-type]


def root_of(tree: list) -> str:  # type: ignore[type-arg]
    """Return the root over the roots of whole subtrees (RFC 6962), as a checkpoint writes it."""
    root = tree[-1]
    for left in reversed(tree[:-1]):
        root = sha256(b"\1" + left + root).digest()
    return base64.b64encode(root).decode()


def compare(export: Path, kept: Path) -> str:
    """Add event by event to the tree, and look at its root wherever a checkpoint names one."""
    text = (kept.open("rb") if kept else opened(export, "checkpoints.txt")).read().decode()
    roots = {int(size): root for _, size, root in NOTE.findall(text)}
    tree, n = [], 0  # type: ignore[var-annotated]
    for n, line in enumerate(opened(export, "events.jsonl"), 1):
        body: bytes = LINE.fullmatch(line).group(1)  # type: ignore[union-attr]
        leaf, size = sha256(b"\0" + body).digest(), n - 1
        while size & 1:
            leaf, size = sha256(b"\1" + tree.pop() + leaf).digest(), size >> 1
        tree.append(leaf)
        if n in roots and roots[n] != root_of(tree):
            sys.exit(f"The first {n} events are not those that were signed.")
    if not roots or max(roots) > n:
        sys.exit(f"The log ends with event {n}; a checkpoint says {max(roots, default='nothing')}.")
    return f"All {len(roots)} checkpoints fit, the newest of {max(roots)} events; see README.txt."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--kept", type=Path, help="checkpoints that somebody kept elsewhere")
    sys.excepthook = lambda _, error, __: print(f"This cannot be compared: {error!a}")
    print(compare(**vars(parser.parse_args())))
