"""What a process of the prediction server is told when it starts, and how callers find it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Orders:
    """What all processes of a server share, and ``slot``, the number of each.

    A process that is started in place of another has its slot. They travel through a pipe, not
    through arguments or the environment, which others can read or inherit.
    """

    place: str
    url: str
    hosts: list[str]
    token: str = field(repr=False)
    server: int
    slot: int
    compiled: bool
    started_at: str
    pinned: str = ""

    def for_slot(self, slot: int) -> bytes:
        """Return them as one line for the process in a slot."""
        return json.dumps(asdict(replace(self, slot=slot))).encode() + b"\n"


def tell_where(orders: Orders, file: Path) -> None:
    """Write where the server listens, for its owner only."""
    told = {
        "url": orders.url,
        "token": orders.token,
        "pid": orders.server,
        "started_at": orders.started_at,
    }
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as written:
        written.write(json.dumps(told))
    beside.rename(file)
