"""``make bench``: every figure beside something named, measured in the same run.

``PEERS=0`` leaves the other servers out, ``LONG=1`` looks at memory over 10⁶ requests instead of 10⁵,
``BENCH_SECONDS=1`` makes each measurement shorter, ``BENCH_OUT=FILE`` writes everything as Markdown too.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import audited
import batches
import contended
import disk
import environments
import finding
import loading
import log
import one_row
import peers
import processes
import registering
import servers
import swaps
import watching
import wrk
from report import Report


@dataclass(frozen=True)
class Wish:
    """What was asked for besides."""

    peers: bool
    long: bool
    seconds: int
    out: str

    @classmethod
    def of(cls, said: Mapping[str, str]) -> Wish:
        """Read it from the environment."""
        return cls(
            peers=said.get("PEERS", "1") != "0",
            long=said.get("LONG", "0") == "1",
            seconds=int(said.get("BENCH_SECONDS") or 2),
            out=said.get("BENCH_OUT", ""),
        )


def main() -> None:
    """Measure everything, then say what was asked and what was found."""
    sys.path.append(str(Path(__file__).parents[1]))  # the stories that the tests tell
    wish, report, began = Wish.of(os.environ), Report(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlops-bench-") as place:
        folder = Path(place)
        machine(report)
        loading.loading(report)
        registering.measure(report, folder, peer=wish.peers)
        serving(report, folder, wish)
        finding.measure(report, folder)
        audited.measure(report, folder)
        contended.measure(report, folder)
        log.measure(report, folder, make=wish.peers)
        watching.measure(report, folder, long=wish.long, peers=wish.peers)
    report.conclude()
    report.say(f"measured in {(time.monotonic() - began) / 60:.1f} minutes")
    if wish.out:
        report.write(Path(wish.out))


def machine(report: Report) -> None:
    """Say where this is measured; ratios are what to read."""
    report.title("Where")
    report.say(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the beginning")
    names = ("scikit-learn", "numpy", "pyarrow", "onnxruntime", "uvicorn")
    told = ", ".join(f"{name} {version(name)}" for name in names)
    report.say(f"Python {platform.python_version()}, {told}")


def serving(report: Report, folder: Path, wish: Wish) -> None:
    """Measure the prediction server beside the others, all of them running, asked in turn."""
    fast, slow, changed = (folder / name for name in ("fast", "slow", "changed"))
    stories(report, servers.deployed(fast))
    shutil.copytree(fast, slow)
    shutil.copytree(fast, changed)
    if not wrk.is_here():
        report.say("serving is not measured: wrk is missing (apt-get install wrk, as root)")
        return
    with contextlib.ExitStack() as stack:
        compiled = stack.enter_context(servers.ours(fast))
        least = stack.enter_context(servers.noop(folder))
        original = stack.enter_context(servers.ours(slow, "--no-compiled"))
        others = _peers(report, folder, stack) if wish.peers else {}
        sync = disk.fdatasync(folder)
        one_row.measure(report, least, compiled, original, others, seconds=wish.seconds, sync=sync)
        batches.measure(report, compiled, others.get("vetiver"), seconds=wish.seconds)
        swaps.remembering(report, compiled, requests=1_000_000 if wish.long else 100_000)
        started = compiled.started
    swaps.changing(report, changed, seconds_to_start=started)


def stories(report: Report, versions: Mapping[str, Any]) -> None:
    """Say of each pipeline whether it is compiled, and how well that agrees."""
    report.title("The two pipelines: 14 amounts, 2 counts, 4 categories; 5,000 rows")
    for name, found in versions.items():
        told = found.compiled
        report.say(
            f"{name}: served as {told['form']}, {told['agree']:.1%} of {told['rows']:,} rows agree,"
            f" {told['flips']} flips, largest difference {told['largest_difference']:.1e}"
            if told["kept"]
            else f"{name}: not compiled. {told['reason']}"
        )
        report.bound(
            f"{name}: rows on which its fast form agrees",
            told["agree"] * told["kept"],
            0.999,
            unit="",
        )


def _peers(report: Report, folder: Path, stack: contextlib.ExitStack) -> dict[str, peers.Running]:
    report.title("Peers, each with one process and the same pipeline trained in its environment")
    found = {}
    with ThreadPoolExecutor() as pool:
        made = {
            peer: pool.submit(environments.python, peer.name.lower(), peer.packages)
            for peer in peers.PEERS
        }
    for peer, interpreter in made.items():
        try:
            running = peers.running(peer, interpreter.result(), folder)
            found[peer.name] = stack.enter_context(running)
        except (environments.NotInstalledError, processes.NeverAnsweredError) as error:
            report.say(f"{peer.name} is not measured: {error}")
        else:
            report.say(found[peer.name].versions)
    return found


if __name__ == "__main__":
    main()
