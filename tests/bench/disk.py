"""What the disk itself can do: one small sync, and bytes one after the other."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path


def fdatasync(folder: Path) -> float:
    """Return the median seconds of a sync after 512 bytes, in a file that is written already."""
    with (folder / "probe").open("wb") as file:
        file.write(bytes(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        times = []
        for _ in range(200):
            os.pwrite(file.fileno(), bytes(512), 0)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    (folder / "probe").unlink()
    return statistics.median(times)


class Raw:
    """A file that bytes are written to one after the other, with a sync after each part."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, part: bytes) -> None:
        """Have a part on disk."""
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)
