"""How much memory a process has held; for programs of any environment."""

from __future__ import annotations

from pathlib import Path


def most() -> float:
    """Return the most MB that this process has held since its program began, on Linux.

    ``ru_maxrss`` would do elsewhere, but on Linux it begins with what the parent held.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
