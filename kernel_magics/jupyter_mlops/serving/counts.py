"""What the server counts about itself, for Prometheus; counted cheaply, told when asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

BOUNDS_MS: Final = (0.25, 0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)


class Counts:
    """Requests, predictions and latencies per deployment since the server started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._predictions: Counter[str] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

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

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
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
        yield from (requests, predictions, latency)


def _told(buckets: list[int]) -> list[tuple[str, float]]:
    total, told = 0, []
    for bound, count in zip((*BOUNDS_MS, None), buckets, strict=True):
        total += count
        told.append(("+Inf" if bound is None else str(bound / 1000), float(total)))
    return told
