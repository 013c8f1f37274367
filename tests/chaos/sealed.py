"""Segments are sealed to Parquet where there is no room, by strace: the log is read as if nothing were."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from chaos.clients import Seen, connected, known, once
from chaos.disk import tool, traced
from chaos.load import body, check_stored
from jupyter_mlops import open_workspace
from jupyter_mlops.config import WORKSPACE
from jupyter_mlops.services import processes
from jupyter_mlops.services.workspace import open_local

FAULTS = (("write", "ENOSPC", 60), ("fsync", "EIO", 2), ("pwrite64", "ENOSPC", 1))
"""Calls of Parquet, of durability and of the store, and how far apart those are that fail."""
REQUESTS = 20
MET = "(INJECTED)"


def unsealable(folder: Path, count: int) -> str:
    """Let sealing fail from its N-th write on; everything is still read once, and sealed later."""
    tool("strace")
    seen, met = Seen(), 0
    for call, error, step in FAULTS:
        _leave_a_segment(folder, seen)
        for number in range(1, 1 + count * step, step):
            if not _sealing_fails(folder, f"{call}:error={error}:when={number}+"):
                break
            met += 1
            check_stored(folder, seen)
    return f"failed {met} times, {_sealed(folder, seen)}"


def _leave_a_segment(folder: Path, seen: Seen) -> None:
    """Have a server answer, and kill it: what it wrote waits to be sealed."""
    session = open_workspace(folder)
    session.serve()
    told = known(folder)
    client, asked = connected(told), body(2)
    for _ in range(REQUESTS):
        assert once(client, told, asked, seen) == "200"
    client.close()
    os.kill(told["pid"], signal.SIGKILL)
    while processes.living(open_local(folder).home):
        time.sleep(0.01)


def _sealing_fails(folder: Path, fault: str) -> bool:
    """Seal while calls fail; say whether any did."""
    file = folder.with_name("calls")
    argv = [file if word == "/dev/null" else word for word in traced(fault)]
    subprocess.run(
        [*argv, sys.executable, "-m", "jupyter_mlops.services.segments", "hurried"],
        env={**os.environ, WORKSPACE: str(folder)},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return MET in file.read_text(errors="replace")


def _sealed(folder: Path, seen: Seen) -> str:
    """Seal where there is room; say what came of it, when the audit log knows each file as it is."""
    session = open_workspace(folder)
    session.serve()
    session.stop()
    check_stored(folder, seen)
    assert not list((folder / "spool").glob("*/*.log")), "a segment was not sealed"
    files = [_digest(file) for file in (folder / "predictions").rglob("*.parquet")]
    events = session.audit("segment:seal").to_dict()["items"]
    told = [event["after"]["digest"] for event in events]
    assert sorted(told) == sorted(files), "the audit log does not know each sealed file once"
    return f"then sealed: {len(seen.acknowledged):,} acknowledged, 0 lost, {len(files)} files, each once in the audit log"


def _digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
