"""A great many bodies that nobody should send: not one fault."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaos.clients import known
from chaos.load import rows
from jupyter_mlops import open_workspace
from serving.payloads import Payloads, fire


def bodies(folder: Path, count: int) -> str:
    """Send odd payloads of every kind; no 5xx, no answer that is not JSON, no echo."""
    session = open_workspace(folder)
    session.serve()
    outcome = asyncio.run(fire(known(folder), Payloads(rows(20), seed=count), count))
    session.stop()
    assert not outcome.wrong, [(why, told) for why, _, told in outcome.wrong[:3]]
    told = ", ".join(f"{status} × {n:,}" for status, n in sorted(outcome.statuses.items()))
    return f"{told}; {len(outcome.codes)} codes"
