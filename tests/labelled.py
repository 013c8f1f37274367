"""Answers of a deployment and the labels that come about them, in any order one likes."""

from __future__ import annotations

import json

import numpy as np

from jupyter_mlops.services import segments
from watched import NOON

CLASSES = ["no", "yes"]


def answered(ws, cases, at, *, scores, names=None, name="shop", version="buyer:1", seal=True, rows=None,
             labels=None, probabilities=None):  # fmt: skip
    """Log answers about cases with these scores, given at one moment."""
    log = ws.telemetry.open_log(name)
    names = names or [f"p-{case}-{int(at.timestamp())}" for case in cases]
    head = {
        "at": int(at.timestamp() * 1e6), "kind": "", "status": 200, "rows": len(cases), "ms": 1.0,
        "version": version, "role": "champion", "digest": f"sha256:{1:064d}",
        "prediction_ids": names, "ids": list(cases), "scores": [float(s) for s in scores],
        "labels": labels or ["yes" if s >= 0.5 else "no" for s in scores],
        "probabilities": probabilities or [[1 - float(s), float(s)] for s in scores],
        "warnings": None, "salt": "0" * 32,
    }  # fmt: skip
    rows = rows or [{"age": 40.0, "region": "EU"} for _ in cases]
    log.append(json.dumps(head).encode(), json.dumps({"rows": rows}).encode())
    log.commit()
    log.close()
    if seal:
        segments.seal(ws)


def labelled(ws, told, *, at=None, known=None, name="shop"):
    """Have labels arrive, a dictionary by case, or rows of an actual; known at a moment."""
    rows = [
        {"id": case, "prediction_id": None, "value": value, "at": at or NOON}
        for case, value in told.items()
    ] if isinstance(told, dict) else told  # fmt: skip
    written = ws.telemetry.write_actuals(name, rows, known_at=known or ws.clock())
    ws.telemetry.announce(written)


def drawn(n, seed=0, *, odds=-0.5, spread=1.5):
    """Return scores of n cases and truths that come as the scores say."""
    random = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-random.normal(odds, spread, n)))
    return score, np.where(random.random(n) < score, "yes", "no")
