"""Fleets in the shapes of the verbs' answers: empty, small, ill, huge, hostile, Japanese."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "</style><svg onload=alert(2)>",
    '"><iframe srcdoc="<script>alert(3)</script>">',
    "{{7*7}}${alert(4)}",
    "javascript:alert(5)",
    "a.b[0]['c']",
    "\u202egnp.exe\u200b",
    "=HYPERLINK(0)",
    "x" * 10_000,
)
NAMES = (
    "churn-prod",
    "loans-prod",
    "fraud-cards",
    "price-homes",
    "mail-sort",
    "stock-plan",
    "hr-fit",
)
FEATURES = ("income", "age", "region", "tenure", "plan", "visits", "balance", "device", "contract")


def drawn(chart, key):
    """Return the rows of a chart's data that have a column."""
    sets = chart.to_dict()["datasets"].values()
    return [row for rows in sets for row in rows if key in row]


def person(name="Aiko Tanaka"):
    return {
        "id": name,
        "kind": "person",
        "assurance": "recorded",
        "claims": {},
        "label": "recorded",
    }


def figure(value, reach=0.012):
    return {"value": value, "low": value - reach, "high": value + reach}


def days(count, *, step=1):
    first = NOW.replace(hour=0) - timedelta(days=count * step)
    for i in range(count):
        start = first + timedelta(days=i * step)
        yield i, start.isoformat(), (start + timedelta(days=step)).isoformat()


def service(name, *, status="passing", count=30, per_day=1400, seed=1):
    chance = random.Random(seed)
    series = [
        {
            "start": start,
            "end": end,
            "n": int(per_day * (1 + 0.2 * math.sin(i / 7 * 6.28)) * chance.uniform(0.9, 1.1)),
            "value": chance.uniform(8, 14),
        }
        for i, start, end in days(count)
    ]
    total = sum(point["n"] for point in series)
    return {
        "deployment": name,
        "status": status,
        "because": "p95 latency is 14 ms and 0.02 % of requests failed.",
        "requests": total,
        "predictions": total,
        "errors": total // 5000,
        "error_rate": figure(0.0002, 0.0001),
        "errors_by_kind": {"invalid": 12, "humility": 3, "unavailable": 1},
        "latency_ms": {"p50": 2.1, "p90": 6.3, "p95": 13.7, "p99": 41.0},
        "series": series,
    }


def drift_row(feature, *, psi, status, importance=0.1, kind="number"):
    names = ["≤ 20", "20–30", "30–40", "40–50", "50–60", "60–80", "> 80"]
    if kind == "category":
        names = ["EU", "US", "JP", "other"]
    before = [100 + 40 * math.sin(i) for i in range(len(names))]
    after = [value * (1 + psi * (2 - i)) for i, value in enumerate(before)]
    finding = {"passing": "stable", "unknown": "unknown"}.get(status, "drifted")
    return {
        "feature": feature,
        "kind": kind,
        "finding": finding,
        "status": status,
        "p_value": None if status == "unknown" else 0.001,
        "psi": None if status == "unknown" else psi,
        "missing_p_value": 0.6,
        "importance": importance,
        "n_reference": 12_000,
        "n_current": 3_400,
        "because": f"Strong evidence that {feature} moved; PSI {psi:.2f}.",
        "bins": names,
        "reference": before,
        "current": [max(0.0, value) for value in after],
    }


def drift(name, *, status="passing", features=FEATURES, moved=0):
    items = [
        drift_row(
            feature,
            psi=0.45 - 0.12 * i if i < moved else 0.05 / (i + 1),
            status=("failing", "warning")[min(i, 1)] if i < moved else "passing",
            importance=0.3 / (i + 1),
            kind="category" if i % 3 == 2 else "number",
        )
        for i, feature in enumerate(features)
    ]
    items[-1:] = [drift_row(features[-1], psi=0, status="unknown", importance=0.01)]
    return {
        "deployment": name,
        "version": f"{name}:3",
        "status": status,
        "because": f"{moved} features drifted.",
        "reference": "training",
        "items": items,
    }


def accuracy(name, *, status="passing", start=0.91, end=0.905, count=12, metric="accuracy"):
    series = []
    for i, begin, finish in days(count, step=7):
        labelled = 1.0 if i < count - 3 else 0.9 - 0.3 * (i - count + 3)
        value = start + (end - start) * i / count + 0.006 * math.sin(i * 2)
        reach = 0.012 / max(labelled, 0.2)
        n = int(420 * labelled)
        series.append(
            {"start": begin, "end": finish, "n": n, "value": value, "low": value - reach}
            | {"high": value + reach, "labelled": labelled}
        )
    return {
        "deployment": name,
        "version": f"{name}:3",
        "status": status,
        "because": f"Accuracy was {end:.2f}; at release it was {start:.2f}.",
        "metric": metric,
        "metrics": {metric: figure(end), "roc_auc": figure(0.93)},
        "reference": {metric: figure(start)},
        "n": sum(point["n"] for point in series),
        "labelled": 0.82,
        "series": series,
    }


def monitor(name, *, status="passing"):
    ill = status == "failing"
    return {
        "deployment": name,
        "version": f"{name}:3",
        "status": status,
        "because": "Accuracy fell from 0.91 to 0.84." if ill else "All is well.",
        "since": (NOW - timedelta(days=30)).isoformat(),
        "until": NOW.isoformat(),
        "service": service(name, seed=len(name)),
        "drift": drift(name, status="warning" if ill else "passing", moved=2 if ill else 0),
        "accuracy": accuracy(name, status=status, end=0.84 if ill else 0.907),
    }


def deployment(name, *, status="passing", predictions=42_000, owner="Aiko Tanaka"):
    return {
        "name": name,
        "model": name.split("-", maxsplit=1)[0],
        "version": f"{name}:3",
        "digest": "sha256:" + "0" * 64,
        "state": "live",
        "status": status,
        "because": "Accuracy fell from 0.91 to 0.84." if status == "failing" else "All is well.",
        "since": (NOW - timedelta(days=5)).isoformat(),
        "risk": "moderate",
        "owner": owner,
        "predictions": predictions,
        "url": None,
    }


def request(number=1, ref="churn:4", to="churn-prod"):
    return {
        "id": number,
        "ref": ref,
        "digest": "sha256:" + "0" * 64,
        "deployment": to,
        "role": "champion",
        "state": "open",
        "risk": "moderate",
        "reason": "better on young customers",
        "requested_by": person(),
        "requested_at": (NOW - timedelta(hours=5)).isoformat(),
        "expires_at": (NOW + timedelta(days=13)).isoformat(),
        "replaces": "churn:3",
        "policy": "standard",
        "needs": "one approver",
        "label": "",
        "checks": [],
        "decisions": [],
    }


def overview(names=NAMES, *, failing=1, requests=2):
    rows = [
        deployment(
            name,
            status="failing" if i < failing else "passing",
            predictions=int(90_000 / (i + 1)),
        )
        for i, name in enumerate(names)
    ]
    return {
        "workspace": "Acme Finance",
        "headline": "",
        "attention": [],
        "requests": [request(i + 1) for i in range(requests)],
        "deployments": rows,
        "models": [],
        "revision": 1,
    }


FLEETS = {
    "empty": overview((), failing=0, requests=0),
    "one": overview(("churn-prod",), failing=0, requests=0),
    "seven": overview(),
    "sixty": overview(tuple(f"model-{i:02}-prod" for i in range(60)), failing=3, requests=12),
    "hostile": overview(HOSTILE, failing=2),
    "japanese": overview(("解約予測-本番", "与信審査-本番", "不正検知"), failing=1),
}
