"""Requests counted hour by hour: how many, what went wrong, and how long the answers took."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mlops.services.counting import Key, keyed

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.stats.service import LatencyProfile


@dataclass(frozen=True)
class Traffic:
    """Requests of a stretch of time; ``a + b`` is that of both."""

    requests: int = 0
    answered: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    latency: LatencyProfile | None = None

    def __add__(self, other: Traffic) -> Traffic:
        latency = self.latency
        if latency is None or other.latency is None:
            latency = latency or other.latency
        else:
            latency = latency + other.latency
        return Traffic(
            self.requests + other.requests,
            self.answered + other.answered,
            self.kinds + other.kinds,
            latency,
        )

    @property
    def errors(self) -> int:
        """Return how many requests were not answered."""
        return self.kinds.total()

    def quantile(self, q: float) -> float:
        """Return the latency in ms that a share ``q`` of the answers does not exceed; NaN if none."""
        return self.latency.quantile(q) if self.latency else float("nan")

    def slower(self, ms: float) -> int:
        """Return how many answers took longer than a limit."""
        return self.latency.slower(ms) if self.latency else 0

    @property
    def shown(self) -> bytes:
        """Return what is not latency, as it is kept."""
        told = {"answered": self.answered, "kinds": dict(self.kinds)}
        return json.dumps(told, sort_keys=True).encode()

    @property
    def packed(self) -> bytes:
        """Return the counts of latencies, as they are kept."""
        from jupyter_mlops.stats.batch import packed
        from jupyter_mlops.stats.service import latency_profile

        return packed((self.latency or latency_profile([])).counts)


def traffic_by_hour(requests: pa.Table) -> Iterator[tuple[Key, Traffic]]:
    """Count requests hour by hour; one whose rows several versions answered has no version."""
    told = requests.append_column("known_at", requests["at"])
    for key, rows in keyed(told):
        yield key, traffic_of(rows)


def answers_by_hour(
    answers: pa.Table, unit: Literal["hour", "microsecond"] = "hour"
) -> Iterator[tuple[datetime, Traffic]]:
    """Count answers by their hour or moment, each as a request of its own.

    They know what rows they were for, which requests do not.
    """
    from jupyter_mlops.stats.service import latency_profile

    for key, rows in keyed(answers, unit):
        latency = latency_profile(rows["latency_ms"].drop_null().to_numpy())
        moment = datetime.fromisoformat(key.hour)
        yield moment, Traffic(rows.num_rows, rows.num_rows, latency=latency)


def traffic_of(requests: pa.Table) -> Traffic:
    """Count requests; a kind says what went wrong with one that was not answered."""
    import pyarrow.compute as pc

    from jupyter_mlops.stats.service import latency_profile

    good = requests.filter(pc.equal(requests["kind"], ""))
    kinds = {row["values"]: row["counts"] for row in pc.value_counts(requests["kind"]).to_pylist()}
    return Traffic(
        requests.num_rows,
        int(pc.sum(good["rows"]).as_py() or 0),
        Counter({kind: count for kind, count in kinds.items() if kind}),
        latency_profile(good["ms"].to_numpy()),
    )


def read_traffic(row: Any) -> Traffic:
    """Return what the row of a profile holds."""
    from jupyter_mlops.stats.batch import unpacked
    from jupyter_mlops.stats.service import LatencyProfile

    told = json.loads(row.shown)
    latency = LatencyProfile(unpacked(row.counts))
    return Traffic(row.rows, told["answered"], Counter(told["kinds"]), latency)
