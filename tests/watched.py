"""A deployment that is watched, made without a server: its version, its log, its time."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta

import numpy as np

from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import segments
from jupyter_mlops.stats.profile import bins, profile
from jupyter_mlops.store import tables

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FEATURES = [
    {"name": "age", "type": "number", "missing": 0.0},
    {"name": "region", "type": "category", "levels": ["EU", "US"], "missing": 0.0},
]


def people(rows, seed=0, *, older=0.0):
    """Return rows of people; some ages are missing."""
    random = np.random.default_rng(seed)
    ages = random.normal(40 + older, 10, rows).round(1).tolist()
    regions = random.choice(["EU", "US"], rows).tolist()
    return [
        {"age": None if at % 17 == 3 else age, "region": region}
        for at, (age, region) in enumerate(zip(ages, regions, strict=True))
    ]


def reference(rows, scores):
    """Return the profiles a version is registered with."""
    ages, regions = [row["age"] for row in rows], [row["region"] for row in rows]
    return {
        name: profile(values, bins(values, kind=kind)).to_dict()
        for name, values, kind in (
            ("feature:age", ages, "number"),
            ("feature:region", regions, "category"),
            ("score", scores, "number"),
            ("label", ["no", "yes"], "category"),
        )
    }


def deployed(ws, name="shop", *, versions=1, since=NOON - timedelta(days=400), every=None):
    """Have versions of a model serve one after another, the last one until now."""
    manifest = {"task": "binary", "classes": ["no", "yes"], "features": FEATURES}
    with ws.act("version:registration", subject="model:buyer") as act:
        act.session.add(tables.Model(id=1, name="buyer", target="buys", task="binary", at=iso(since),
                                     classes=["no", "yes"], risk="low", purpose="", owner="",
                                     unit="", description=""))  # fmt: skip
        act.session.flush()
        act.session.add(tables.Deployment(id=1, name=name, model_id=1, state="live", at=iso(since)))
        act.session.flush()
        for number in range(1, versions + 1):
            _version(act.session, number, manifest, iso(since))
            begins = since + (every or timedelta(days=1)) * (number - 1)
            ends = iso(begins + (every or timedelta(days=1))) if number < versions else ""
            act.session.add(tables.Request(id=number, version_id=number, deployment=name, role="champion",
                                           state="used", risk="low", reason="", manifest_digest="",
                                           policy_digest="", evidence_digest="", evidence="",
                                           nonce="", requester={}, at="", expires_at=""))  # fmt: skip
            act.session.flush()
            act.session.add(tables.Rollout(deployment_id=1, version_id=number, request_id=number,
                                           action="deploy", role="champion", because="",
                                           state="ended" if ends else "live", at=iso(begins),
                                           since=iso(begins), until=ends))  # fmt: skip


def _version(session, number, manifest, at):
    session.add(tables.Version(id=number, model_id=1, number=number, digest=f"sha256:{number:064d}",
                               manifest=json.dumps(manifest), risk="low", tags=[], description="",
                               metrics={}, measured_by="client", compiled={}, lineage={}, author={},
                               at=at))  # fmt: skip
    session.flush()
    rows = people(1_000, number)
    scores = np.random.default_rng(number).uniform(size=1_000)
    session.add(tables.Reference(version_id=number, part="training", known_at=at, rows=1_000,
                                 columns=reference(rows, scores)))  # fmt: skip


def ask(log, rows, at, *, version="buyer:1", role="champion", kind="", ms=2.0, known=None):
    """Write one request into a log, answered at a moment."""
    names = [secrets.token_hex(6) for _ in rows]
    scores = [((row["age"] or 40) % 10) / 10 for row in rows]
    head = {
        "at": int(at.timestamp() * 1e6), "kind": kind, "status": 200 if not kind else 500,
        "rows": len(rows), "ms": ms, "version": version, "role": role,
        "digest": f"sha256:{int(version.partition(':')[2]):064d}", "prediction_ids": names,
        "ids": names, "scores": scores, "labels": ["yes" if s > 0.5 else "no" for s in scores],
        "probabilities": [[1 - s, s] for s in scores], "warnings": None, "salt": "0" * 32,
    }  # fmt: skip
    log.append(json.dumps(head).encode(), json.dumps({"rows": rows}).encode())


def written(ws, requests, name="shop", *, seal=True):
    """Write requests (rows, at, more…) into one segment, and seal it."""
    log = ws.telemetry.open_log(name)
    for rows, at, *more in requests:
        ask(log, rows, at, **(more[0] if more else {}))
    log.commit()
    log.close()
    if seal:
        segments.seal(ws)
