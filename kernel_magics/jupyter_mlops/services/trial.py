"""Trying a version before it goes live, in a fresh process with limits, on rows that were asked lately.

A model that hangs, leaks, forks, ends its process or dies of a signal does so there. So does one that
cannot read what callers send now, and one whose compiled form answers otherwise than the original.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.config import Home
from jupyter_mlops.errors import Invalid, MlopsError, Unavailable

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.store.artifacts import Artifacts

ROWS: Final = 200
SECONDS: Final = 30.0
LATELY: Final = timedelta(hours=24)
_UNKNOWN: Final = "unknown_feature:"

Columns = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Asked:
    """What the fresh process is to do."""

    folder: str
    deployment: str
    manifest: dict[str, Any]
    sample: str | None
    compiled: bool


def tried(ws: Workspace, deployment: str, ref: str, *, compiled: bool) -> Columns:
    """Have a version answer recorded rows in a process of its own; return the rows as it reads them.

    The rows are the newest of the deployment's log, else of the version's sample, else one row of
    ordinary values.

    Raises:
        Invalid: it does not load or answer there, or not as it should; the reason is in the message.
    """
    from jupyter_mlops.formats import frames, process
    from jupyter_mlops.services import lookup, registry

    with ws.look() as session:
        _, version = lookup.version(session, ref)
    asked = Asked(
        folder=str(ws.home.folder),
        deployment=deployment,
        manifest=registry.read_manifest(version),
        sample=version.lineage.get("sample"),
        compiled=compiled,
    )
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
        place = Path(folder)
        (place / "asked.json").write_text(json.dumps(vars(asked)))
        process.run(__name__, place, SECONDS, libraries=process.libraries(asked.manifest["format"]))
        rows = place / "rows"
        if not rows.exists():
            raise process.load_failed("it ended without an answer")
        return frames.from_arrow(rows.read_bytes())


def main(folder: str) -> int:
    """Do what is asked for in a folder, and leave the rows there; 1 when it cannot be."""
    from jupyter_mlops.formats import frames, process

    place = Path(folder)
    asked = Asked(**json.loads((place / "asked.json").read_text()))
    try:
        home = Home(Path(asked.folder), "")
        rows = _rows(home, asked)
        process.limit()
        _answered(home, asked, rows)
    except (MlopsError, MemoryError) as error:
        told = error.message if isinstance(error, MlopsError) else "it takes too much memory"
        sys.stderr.write(told + "\n")
        return 1
    beside = place / ".rows"
    beside.write_bytes(frames.to_arrow(rows))
    beside.rename(place / "rows")
    return 0


def _rows(home: Home, asked: Asked) -> Columns:
    """Return the rows to try: recorded ones, else sampled ones, else an ordinary one."""
    from jupyter_mlops.formats import frames
    from jupyter_mlops.formats.signature import Reader, ordinary
    from jupyter_mlops.store.telemetry import Telemetry

    features = asked.manifest["features"]
    recorded = readable(
        features, Telemetry(home).newest(asked.deployment, ROWS, since=datetime.now(UTC) - LATELY)
    )
    if recorded:
        return Reader(features).columns(recorded)[0]
    if asked.sample:
        columns = frames.from_arrow(_artifacts(home).get(asked.sample))
        return {feature["name"]: columns[feature["name"]][:ROWS] for feature in features}
    return Reader(features).columns([{f["name"]: ordinary(f) for f in features}])[0]


def readable(
    features: Sequence[Mapping[str, Any]], recorded: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the recorded rows, reduced to the features that a version reads.

    A feature that the version before did not know is told of by its warning, its value may not be
    there; such a row is no hindrance, and nothing to try either.

    Raises:
        Invalid: callers send rows that lack what the version needs.
    """
    names = [feature["name"] for feature in features]
    rows = []
    for found in recorded:
        row, warned = found["features"] or {}, set(found["warnings"] or ())
        missing = [name for name in names if name not in row]
        unsent = [name for name in missing if _UNKNOWN + name not in warned]
        if unsent:
            raise Invalid(
                "callers do not send the feature {feature}, which it needs",
                code="signature_mismatch",
                feature=unsent[0],
            )
        if not missing:
            rows.append({name: row[name] for name in names})
    return rows


def _answered(home: Home, asked: Asked, rows: Columns) -> None:
    """Answer the rows with each form of the model, and compare what they say.

    Raises:
        Invalid: an answer is no prediction, or the forms disagree.
    """
    from jupyter_mlops import formats
    from jupyter_mlops.formats.parity import agreement

    artifacts, manifest = _artifacts(home), asked.manifest
    original = formats.load(
        manifest["format"], artifacts.get(manifest["artifact"]), allowed=home.allowed()
    )
    slow = _scores(original, rows, manifest)
    if not (asked.compiled and manifest["compiled"]):
        return
    data = artifacts.get(manifest["compiled"])
    fast = _scores(formats.load(formats.sniff(data), data, like=manifest), rows, manifest)
    found = agreement(slow, fast)
    apart = round((1 - (found.agree or 0.0)) * len(slow))
    if not found.kept and (found.flips or apart > 1):
        raise Invalid("its compiled form answers otherwise than the original", code="not_compiled")


def _scores(scorer: Any, rows: Columns, manifest: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    try:
        scores = np.asarray(scorer.score(rows), dtype=np.float64)
    except (MemoryError, Unavailable):
        raise
    except Exception as error:  # noqa: BLE001  (a model raises whatever it likes)
        raise Invalid(
            "it raises {kind} on rows of this kind", code="model_failed", kind=type(error).__name__
        ) from None
    count = len(next(iter(rows.values()))) if rows else len(scores)
    shape = (count, len(manifest["classes"])) if manifest["classes"] else (count,)
    if scores.shape != shape or not np.isfinite(scores).all():
        raise Invalid("it answers with what is no prediction", code="model_output_invalid")
    return scores


def _artifacts(home: Home) -> Artifacts:
    from jupyter_mlops.store.artifacts import Artifacts

    return Artifacts(home.artifacts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
