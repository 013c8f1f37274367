"""The peers' drift of the same two Parquet files, each in its own environment, beside ours."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import environments
from report import Report

WORKER = Path(__file__).parent / "drift_as.py"
LONGEST_SECONDS = 1_200


@dataclass(frozen=True)
class Peer:
    """A monitor by name, what makes it run, and how many times faster ours has to be."""

    name: str
    packages: tuple[str, ...]
    does: str
    bound: float

    @property
    def kind(self) -> str:
        """Return its module, after which its environment is called, too."""
        return self.name.lower()


PEERS = (
    # it imports what pandas 3 no longer has
    Peer("Evidently", ("evidently", "pandas<3", "pyarrow"), "DataDriftPreset, default", 80),
    # it imports statsmodels and does not declare it
    Peer("NannyML", ("nannyml", "statsmodels", "pyarrow"), "univariate, default", 15),
)


def measure(report: Report, before: Path, now: Path, *, ours: float, make: bool) -> None:
    """Ask each peer once about what took us ``ours`` seconds."""
    report.say(
        "the peers read with pandas and are asked once, imports not counted, in fresh processes"
    )
    rows = []
    for peer in PEERS:
        ratio = None
        try:
            seconds, memory, columns = _asked(report, peer, before, now, make=make)
            ratio = seconds / ours
            cells = [f"{seconds:.1f}", f"{memory:,.0f}", f"{columns}", f"{ratio:.0f} ×"]
            rows.append([f"{peer.name}: {peer.does}", *cells])
        except (environments.NotInstalledError, subprocess.SubprocessError) as error:
            report.say(f"{peer.name} is not measured: {environments.why(error)}")
        report.bound(f"drift of 10⁶ + 10⁶ rows: {peer.name} / ours", ratio, peer.bound)
    if rows:
        report.table(["", "seconds", "MB", "columns judged", "/ ours"], rows)


def _asked(
    report: Report, peer: Peer, before: Path, now: Path, *, make: bool
) -> tuple[float, float, int]:
    interpreter = environments.python(peer.kind, peer.packages, make=make)
    report.say(environments.versions(interpreter, [peer.kind, "pandas", "numpy"]))
    said = subprocess.run(
        [interpreter, "-I", WORKER, peer.kind, before, now],
        capture_output=True, text=True, check=True, timeout=LONGEST_SECONDS,
    ).stdout.split()  # fmt: skip
    seconds, memory, columns = said[-3:]
    return float(seconds), float(memory), int(columns)
