"""``make chaos``: the server is killed, swapped and stopped under load, and must keep its word.

Bounded in time and count; ``--long`` runs the counts of the promises.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

import httpx
from sklearn.base import clone

from jupyter_mlops import open_workspace
from jupyter_mlops.services.workspace import open_local
from stories import deployed, tumours

CLIENTS = 4
SLACK_SECONDS = 0.25
"""Between the store's word that a version is live and the loop's first answer with it."""


@dataclass
class Seen:
    """What the clients saw: acknowledged ids, versions with their times, and what went wrong."""

    acknowledged: list[str] = field(default_factory=list)
    answers: list[tuple[float, float, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


@contextmanager
def load(folder: Path, *, fresh: bool = False) -> Iterator[Seen]:
    """Ask again and again from several threads, following the server wherever it listens."""
    seen, ended = Seen(), threading.Event()
    rows = json.loads(tumours()[2].drop(columns="target").head(2).to_json(orient="records"))

    def ask() -> None:
        client, url = httpx.Client(timeout=30), ""
        while not ended.is_set():
            known = _known(folder)
            if fresh or known.get("url") != url:
                client.close()
                client, url = httpx.Client(timeout=30), known.get("url", "")
            if not url:
                time.sleep(0.01)
                continue
            _once(client, known, rows, seen)
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _known(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError):
        return {}


def _once(client: httpx.Client, known: dict[str, Any], rows: list[Any], seen: Seen) -> None:
    began = time.time()
    try:
        answer = client.post(
            known["url"] + "/deployments/clinic/predictions",
            json={"rows": rows},
            headers={"Authorization": f"Bearer {known['token']}"},
        )
    except httpx.ConnectError:
        seen.outcomes["not connected"] += 1
        time.sleep(0.01)
        return
    except httpx.HTTPError as error:
        seen.outcomes[type(error).__name__] += 1
        return
    seen.outcomes[str(answer.status_code)] += 1
    if answer.status_code == httpx.codes.OK:
        told = answer.json()
        seen.acknowledged += [row["prediction_id"] for row in told["predictions"]]
        seen.answers.append((began, time.time(), told["version"]))


def kills(folder: Path, count: int) -> str:
    """Kill -9 under load again and again; every acknowledged prediction is found, once."""
    session = open_workspace(folder)
    with load(folder) as seen:
        for _ in range(count):
            time.sleep(0.5)
            os.kill(_known(folder)["pid"], signal.SIGKILL)
            session.serve()
    session.stop()
    found = open_local(folder).telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    lost = set(seen.acknowledged) - set(found)
    assert not lost, f"{len(lost)} acknowledged predictions were lost"
    assert len(found) == len(set(found)), "a prediction is in the log twice"
    assert not any(code.startswith("5") for code in seen.outcomes), seen.outcomes
    return f"{len(seen.acknowledged):,} acknowledged, 0 lost, 0 doubled"


def swaps(folder: Path, count: int) -> str:
    """Replace the champion under load; each answer is from a version that was champion then."""
    session = open_workspace(folder)
    model, train, holdout = tumours()
    took = []
    with load(folder) as seen:
        for number in range(count):
            other = clone(model).set_params(logisticregression__C=1.0 + (number + 1) / 100)
            other.fit(train.drop(columns="target"), train["target"])
            version = session.register(
                other, name="tumour", train=train, target="target", holdout=holdout
            )
            session.approve(session.request(version, for_deployment="clinic"))
            took.append(session.deploy(version, to="clinic").seconds)
            time.sleep(0.1)
    assert set(seen.outcomes) == {"200"}, seen.outcomes
    champions = _champions(session)
    for began, ended, version in seen.answers:
        since, until = champions[version]
        assert since - SLACK_SECONDS <= ended, f"{version} answered before it was live"
        assert began <= until + SLACK_SECONDS, f"{version} answered after it was replaced"
    took.sort()
    return f"{len(seen.answers):,} answers, 0 failed; a swap took {took[len(took) // 2]:.2f} s"


def _champions(session: Any) -> dict[str, tuple[float, float]]:
    """Return from when to when each version was champion, by the audit log."""
    told = session.audit("deployment:rollout", limit=1000).to_dict()["items"]
    live = sorted(
        (datetime.fromisoformat(event["at"]).timestamp(), event["after"]["version"])
        for event in told
        if event["action"].endswith("carried out")
    )
    ends = [*(since for since, _ in live[1:]), float("inf")]
    return {ref: (since, until) for (since, ref), until in zip(live, ends, strict=True)}


def terms(folder: Path, count: int) -> str:
    """Stop the server politely under load; whoever was connected is answered."""
    session = open_workspace(folder)
    restarts = []
    with load(folder, fresh=True) as seen:
        for _ in range(count):
            time.sleep(0.5)
            session.stop()
            began = time.monotonic()
            session.serve()
            restarts.append(time.monotonic() - began)
    failed = {code: n for code, n in seen.outcomes.items() if code not in ("200", "not connected")}
    assert not failed, failed
    return f"{seen.outcomes['200']:,} answered, 0 failed; back within {max(restarts):.1f} s"


TRIALS: dict[str, tuple[Callable[[Path, int], str], int, int]] = {
    "kill -9 under load": (kills, 50, 200),
    "replacements under load": (swaps, 30, 1000),
    "SIGTERM under load": (terms, 20, 100),
}


def main() -> int:
    """Run every trial; return 1 when one of them shows a broken promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    long = parser.parse_args().long
    broken = 0
    for name, (trial, short_count, long_count) in TRIALS.items():
        count = long_count if long else short_count
        with tempfile.TemporaryDirectory(prefix="mlops-chaos-") as place:
            folder = Path(place) / "workspace"
            session = open_workspace(folder)
            deployed(session)
            began = time.monotonic()
            try:
                told, mark = trial(folder, count), "✓"
            except AssertionError as error:
                told, mark, broken = str(error), "✗", broken + 1
            finally:
                session.stop()
        print(
            f"{mark} {name:26} × {count:<5} {told} ({time.monotonic() - began:.0f} s)", flush=True
        )
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main())
