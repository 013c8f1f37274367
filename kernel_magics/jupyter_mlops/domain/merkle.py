"""One digest for many rows, from which each can be proved to be among them.

The tree of RFC 6962 (Certificate Transparency, section 2.1): leaves and nodes are hashed with
different first bytes, so that neither can pass for the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

SIZE: Final = 32
"""Bytes of a digest."""


def leaf(row: Mapping[str, Any]) -> bytes:
    """Return the digest of a row with its ``salt``, by which nobody can guess an erased row.

    A ``leaf`` that was kept in the row is none of its content.
    """
    return sha256(b"\x00" + text(row).encode()).digest()


def text(row: Mapping[str, Any]) -> str:
    """Return the text of a row that its digest is of: sorted names, no spaces, without ``leaf``."""
    return _canonical({name: value for name, value in row.items() if name != "leaf"})


def root(leaves: Sequence[bytes]) -> str:
    r"""Return the root over leaves, in hexadecimal.

    >>> root([]) == sha256(b"").hexdigest()
    True
    >>> root([b"a", b"b"]) == sha256(b"\x01" + b"a" + b"b").hexdigest()
    True
    """
    if not leaves:
        return sha256(b"").hexdigest()
    layer = list(leaves)
    while len(layer) > 1:
        pairs = [
            sha256(b"\x01" + layer[at] + layer[at + 1]).digest()
            for at in range(0, len(layer) - 1, 2)
        ]
        layer = pairs + layer[2 * len(pairs) :]
    return layer[0].hex()


def text_leaves(texts: Iterable[str]) -> list[bytes]:
    """Return the digest of each text that is a leaf as it is, such as an audit event's canonical JSON."""
    return [sha256(b"\x00" + text.encode()).digest() for text in texts]


def grow(tree: list[bytes], size: int, leaf: bytes) -> None:
    """Add a leaf to a tree of ``size`` leaves that is kept as the roots of its whole subtrees.

    There are as many as ones in the binary form of ``size``, the largest subtree first, so that a tree
    of a million leaves is kept in seven digests, and a further leaf costs two hashes.

    >>> tree, leaves = [], [bytes([n]) * 32 for n in range(7)]
    >>> for n, one in enumerate(leaves):
    ...     grow(tree, n, one)
    >>> len(tree), crown(tree) == root(leaves)
    (3, True)
    """
    while size & 1:
        leaf = sha256(b"\x01" + tree.pop() + leaf).digest()
        size >>= 1
    tree.append(leaf)


def grow_by(tree: list[bytes], size: int, leaves: Sequence[bytes]) -> None:
    """Add leaves to a tree of ``size``; as fast as hashing is, by whole subtrees at a time.

    >>> tree, leaves = [], [bytes([n]) * 32 for n in range(7)]
    >>> grow_by(tree, 0, leaves[:3])
    >>> grow_by(tree, 3, leaves[3:])
    >>> crown(tree) == root(leaves)
    True
    """
    at = 0
    while at < len(leaves):
        height = (len(leaves) - at).bit_length() - 1
        if size:
            height = min(height, (size & -size).bit_length() - 1)
        layer = leaves[at : at + (1 << height)]
        for _ in range(height):
            layer = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(layer[::2], layer[1::2], strict=True)
            ]
        grow(tree, size >> height, layer[0])
        at, size = at + (1 << height), size + (1 << height)


def crown(tree: Sequence[bytes]) -> str:
    """Return the root over a tree that is kept as the roots of its subtrees, in hexadecimal."""
    if not tree:
        return sha256(b"").hexdigest()
    now = tree[-1]
    for left in reversed(tree[:-1]):
        now = sha256(b"\x01" + left + now).digest()
    return now.hex()


def path(leaves: Sequence[bytes], index: int) -> list[tuple[str, str]]:
    """Return the siblings that lead from a leaf to the root: side and digest, the lowest first.

    >>> leaves = [bytes([n]) * 32 for n in range(5)]
    >>> all(climbed(leaves[i], path(leaves, i)) == root(leaves) for i in range(5))
    True
    """
    found, layer, at = [], list(leaves), index
    while len(layer) > 1:
        beside = at ^ 1
        if beside < len(layer):
            found.append(("left" if beside < at else "right", layer[beside].hex()))
        pairs = [
            sha256(b"\x01" + layer[i] + layer[i + 1]).digest() for i in range(0, len(layer) - 1, 2)
        ]
        layer, at = pairs + layer[2 * len(pairs) :], at // 2
    return found


def climbed(start: bytes, siblings: Sequence[tuple[str, str]]) -> str:
    """Return the root that a leaf and its siblings lead to, in hexadecimal."""
    now = start
    for side, digest in siblings:
        other = bytes.fromhex(digest)
        now = sha256(b"\x01" + (other + now if side == "left" else now + other)).digest()
    return now.hex()


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_moment).encode
