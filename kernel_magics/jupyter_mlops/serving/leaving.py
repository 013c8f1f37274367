"""How a server takes leave: it still answers for a moment, then nobody who knocks is let in."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from typing import Final

FAREWELL_SECONDS: Final = 0.5
"""How long a server that was told to stop still takes requests, while callers learn to go elsewhere."""
_ATTACH_FILTER: Final = 26  # SO_ATTACH_FILTER of Linux


def let_nobody_in(bound: socket.socket) -> None:
    """Have the system ignore who still knocks: once this address is closed, they are told so.

    Without it, somebody would be let in between the last look and the close, and be cut off. It holds
    for all processes that share the address, so that only who ends all of them may say it.
    """
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    program = struct.pack("HP", 1, ctypes.addressof(nothing))
    with contextlib.suppress(OSError):
        bound.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
