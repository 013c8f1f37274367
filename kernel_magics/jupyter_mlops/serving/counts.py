"""What the server counts about itself, for Prometheus; counted cheaply, told when asked.

Each process writes down its counts once a second in ``run/counts-SLOT.json``. Whichever is asked
adds them up: its own as they are, those of the others at most about a second old. A process that
takes the place of a dead one goes on from what that wrote last, so that no sum goes down.
"""

from __future__ import annotations

import contextlib
import json
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

BOUNDS_MS: Final = (0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
PATTERN: Final = "counts-*.json"


class Counts:
    """Requests, predictions and latencies per deployment since the server started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._predictions: Counter[str] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self._turned_away: Counter[str] = Counter()
        self._file: Path | None = None
        self._written = ""
        self._lock = threading.Lock()

    @classmethod
    def shared(cls, folder: Path, slot: int) -> Counts:
        """Return the counts of one process of several, going on from what was in its slot."""
        counts = cls()
        counts._file = folder / f"counts-{slot}.json"
        counts._add(counts._file)
        return counts

    @property
    def requests(self) -> int:
        """Return how many requests this process has answered or refused."""
        return self._requests.total()

    def answered(self, deployment: str, rows: int, ms: float) -> None:
        """Count a request that was answered."""
        self._requests[deployment, "ok"] += 1
        self._predictions[deployment] += rows
        buckets = self._buckets.setdefault(deployment, [0] * (len(BOUNDS_MS) + 1))
        buckets[bisect_left(BOUNDS_MS, ms)] += 1
        self._sums[deployment] += ms  # type: ignore[assignment]  # a float adds up just as well

    def refused(self, deployment: str, code: str) -> None:
        """Count a request that was not."""
        self._requests[deployment, code] += 1

    def turned_away(self, code: str) -> None:
        """Count who was refused at the door, before any deployment was asked."""
        self._turned_away[code] += 1

    def write(self) -> None:
        """Write the counts down for the other processes, if there is anything new."""
        told = json.dumps(
            {
                "requests": [[*key, count] for key, count in list(self._requests.items())],
                "predictions": dict(self._predictions),
                "buckets": dict(self._buckets),
                "sums": dict(self._sums),
                "turned_away": dict(self._turned_away),
            }
        )
        with self._lock:
            if self._file is None or told == self._written:
                return
            beside = self._file.with_name(f".{self._file.name}")
            beside.write_text(told)
            beside.replace(self._file)
            self._written = told

    def exposition(self) -> bytes:
        """Return the sum over all processes in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self._sum())
        text: bytes = generate_latest(registry)
        return text

    def collect(self) -> Iterator[Any]:
        """Yield the metric families, as Prometheus' client asks for them."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "mlops_requests", "Requests by outcome.", labels=["deployment", "outcome"]
        )
        for (deployment, outcome), count in self._requests.items():
            requests.add_metric([deployment, outcome], count)
        predictions = CounterMetricFamily(
            "mlops_predictions", "Rows answered.", labels=["deployment"]
        )
        for deployment, count in self._predictions.items():
            predictions.add_metric([deployment], count)
        latency = HistogramMetricFamily(
            "mlops_latency_seconds", "Time to a durable answer.", labels=["deployment"]
        )
        for deployment, buckets in self._buckets.items():
            latency.add_metric([deployment], _told(buckets), self._sums[deployment] / 1000)
        door = CounterMetricFamily(
            "mlops_turned_away", "Requests refused at the door, by code.", labels=["code"]
        )
        for code, count in self._turned_away.items():
            door.add_metric([code], count)
        yield from (requests, predictions, latency, door)

    def _sum(self) -> Counts:
        """Return the counts of all processes together."""
        if self._file is None:
            return self
        self.write()
        total = Counts()
        for file in self._file.parent.glob(PATTERN):
            total._add(file)
        return total

    def _add(self, file: Path) -> None:
        """Add what a process wrote down; what cannot be read counts as nothing."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(file.read_text())
            self._requests.update({(name, out): count for name, out, count in told["requests"]})
            self._predictions.update(told["predictions"])
            self._sums.update(told["sums"])
            self._turned_away.update(told["turned_away"])
            for name, buckets in told["buckets"].items():
                known = self._buckets.get(name, [0] * len(buckets))
                self._buckets[name] = [a + b for a, b in zip(known, buckets, strict=True)]


def _told(buckets: list[int]) -> list[tuple[str, float]]:
    total, told = 0, []
    for bound, count in zip((*BOUNDS_MS, None), buckets, strict=True):
        total += count
        told.append(("+Inf" if bound is None else str(bound / 1000), float(total)))
    return told
