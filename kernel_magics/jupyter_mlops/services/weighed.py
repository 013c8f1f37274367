"""What the answers depend on, period by period, from labelled rows: asked of the model in a process of its own."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from jupyter_mlops.config import Home
from jupyter_mlops.domain.measured import Figure
from jupyter_mlops.domain.moved import Weighed, WeighedPeriod, WeighedRow
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, MlopsError
from jupyter_mlops.locale import tell

if TYPE_CHECKING:
    from jupyter_mlops.services.champions import Champion
    from jupyter_mlops.services.misses import Rows
    from jupyter_mlops.services.window import Window
    from jupyter_mlops.services.workspace import Workspace

MOST_PERIODS: Final = 12
MOST_ROWS: Final = 1_000
WORTH_NAMING: Final = 0.05
"""The share of the largest importance at registration that a feature needs to be named."""
FEWEST_ROWS: Final = 100
MOST_ASKED: Final = 1_000_000
"""Rows a model is asked for one answer: of many features, fewer rows of each period."""
SECONDS: Final = 120.0
NAMED: Final = 3
_SEED: Final = 20_261_126
_NOTHING: Final = Figure(value=None, low=None, high=None)

Columns = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, eq=False)
class _Period:
    """The rows of a period that the model is asked about, their truth, and how many are labelled."""

    start: str
    end: str
    labelled: int
    columns: Columns
    truth: Sequence[str]


def weighed(ws: Workspace, serving: Champion, span: Window, *, segment: str = "") -> Weighed:
    """Return how important each feature is in the newest periods, and was at registration."""
    from jupyter_mlops.services import misses

    rows = misses.rows_of(ws, serving, span, segment=segment, alone=True)
    cut = list(span.periods())[-MOST_PERIODS:]
    most = MOST_ASKED // max(len(cut) * (len(serving.features) + 1), 1)
    most = max(FEWEST_ROWS, min(MOST_ROWS, most))
    periods = [_period(serving, rows, start, end, most) for start, end in cut]
    asked = [at for at, period in enumerate(periods) if period.truth]
    told = _asked(ws, serving, [periods[at] for at in asked]) if asked else []
    found: dict[int, Mapping[str, Figure]] = dict(zip(asked, told, strict=True))
    names = [feature["name"] for feature in serving.features]
    features = [
        WeighedRow(
            feature=name,
            before=serving.importance.get(name),
            now=[found[at][name] if at in found else _NOTHING for at in range(len(periods))],
        )
        for name in names
    ]
    features.sort(key=lambda row: -_newest(row))
    return Weighed(
        because=_because(features, bool(found)),
        periods=[
            WeighedPeriod(
                start=period.start,
                end=period.end,
                labelled=period.labelled,
                rows=len(period.truth),
            )
            for period in periods
        ],
        features=features,
    )


def _period(serving: Champion, rows: Rows, start: Any, end: Any, most: int) -> _Period:
    """Draw rows of a period whose label has come; none where there are too few, or none to read."""
    from jupyter_mlops.formats.signature import Reader

    at = rows.answers["at"].to_numpy()
    first, last = (np.datetime64(moment.replace(tzinfo=None)) for moment in (start, end))
    known = np.flatnonzero((at >= first) & (at < last) & (rows.truth != None))  # noqa: E711
    nothing = _Period(iso(start), iso(end), len(known), {}, ())
    if len(known) < FEWEST_ROWS:
        return nothing
    drawn = np.sort(np.random.default_rng(_SEED).permutation(known)[:most])
    told = [row or {} for row in rows.answers["features"].take(drawn).to_pylist()]
    names = [feature["name"] for feature in serving.features]
    try:
        read = [{name: row.get(name) for name in names} for row in told]
        columns, _ = Reader(serving.features).columns(read)
    except Invalid:  # rows that no model could read were logged beside those that it did
        return nothing
    return _Period(nothing.start, nothing.end, len(known), columns, rows.truth[drawn].tolist())


def _newest(row: WeighedRow) -> float:
    """Return the newest importance that is known, else that of registration."""
    known = [figure["value"] for figure in row["now"] if figure["value"] is not None]
    return known[-1] if known else row["before"] or 0.0


def _because(features: Sequence[WeighedRow], is_known: bool) -> str:
    """Name the features that matter beyond chance now, and those that did at registration."""
    if not is_known:
        return tell(
            "No period has {n} labelled rows: importance since registration is unknown.",
            n=FEWEST_ROWS,
        )
    now = ", ".join([row["feature"] for row in features if _is_sure(row)][:NAMED])
    if not now:
        return tell("Answers depend on no feature more than chance would have it.")
    was = sorted((row for row in features if row["before"] is not None), key=_before)
    if not was:
        return tell("Answers depend most on {now}; the version was never checked.", now=now)
    least = (was[0]["before"] or 0.0) * WORTH_NAMING
    before = ", ".join([row["feature"] for row in was if (row["before"] or 0.0) > least][:NAMED])
    return tell(
        "Answers depend most on {now}; at registration on {before}.",
        now=now,
        before=before or tell("none"),
    )


def _is_sure(row: WeighedRow) -> bool:
    """Say whether the newest interval that is known lies above nothing."""
    known = [figure["low"] for figure in row["now"] if figure["low"] is not None]
    return bool(known) and known[-1] > 0


def _before(row: WeighedRow) -> float:
    return -(row["before"] or 0.0)


def _asked(ws: Workspace, serving: Champion, periods: Sequence[_Period]) -> list[dict[str, Figure]]:
    """Have a process of its own measure each period.

    Raises:
        Invalid: the model does not load or answer there; the reason is in the message.
    """
    from jupyter_mlops.formats import frames, process
    from jupyter_mlops.services import lookup, registry

    with ws.look() as session:
        _, version = lookup.version(session, serving.ref)
    manifest = registry.read_manifest(version)
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
        place = Path(folder)
        for at, period in enumerate(periods):
            (place / f"rows-{at}").write_bytes(frames.to_arrow(period.columns))
        truths = [list(period.truth) for period in periods]
        told = {"folder": str(ws.home.folder), "manifest": manifest, "truths": truths}
        (place / "asked.json").write_text(json.dumps(told))
        process.run(__name__, place, SECONDS, libraries=process.libraries(manifest["format"]))
        found = place / "found.json"
        if not found.exists():
            raise process.load_failed("it ended without an answer")
        figures: list[dict[str, Figure]] = json.loads(found.read_text())
        return figures


def main(folder: str) -> int:
    """Measure what lies in a folder, and leave the figures there; 1 when it cannot be."""
    from jupyter_mlops import formats
    from jupyter_mlops.formats import frames, process
    from jupyter_mlops.store.artifacts import Artifacts

    place = Path(folder)
    asked = json.loads((place / "asked.json").read_text())
    manifest, home = asked["manifest"], Home(Path(asked["folder"]), "")
    artifacts = Artifacts(home.artifacts)
    process.limit()
    try:
        data = artifacts.get(manifest["compiled"] or manifest["artifact"])
        form = formats.sniff(data) if manifest["compiled"] else manifest["format"]
        scorer = formats.load(form, data, like=manifest, allowed=home.allowed())
        found = [
            _measured(
                scorer, manifest, frames.from_arrow((place / f"rows-{at}").read_bytes()), truth
            )
            for at, truth in enumerate(asked["truths"])
        ]
    except (MlopsError, MemoryError) as error:
        told = error.message if isinstance(error, MlopsError) else "it takes too much memory"
        sys.stderr.write(told + "\n")
        return 1
    beside = place / ".found.json"
    beside.write_text(json.dumps(found))
    beside.rename(place / "found.json")
    return 0


def _measured(
    scorer: Any, manifest: Mapping[str, Any], columns: Columns, truth: Sequence[str]
) -> dict[str, Figure]:
    from jupyter_mlops.services.packing import figure
    from jupyter_mlops.stats import importance

    if manifest["task"] == "regression":
        known: Any = np.array([float(word) for word in truth])
        losses = _squared
    else:
        classes = np.array([str(name) for name in manifest["classes"]], dtype=object)
        known = (np.array(truth, dtype=object)[:, None] == classes[None, :]).astype(float)
        losses = _log_loss
    found = importance.of_rows(scorer.score, columns, known, losses=losses)
    return {name: figure(one) for name, one in found.items()}


def _squared(truth: Any, score: Any) -> Any:
    return (truth - score) ** 2


def _log_loss(truth: Any, score: Any) -> Any:
    return -(truth * np.log(np.clip(score, 1e-9, 1))).sum(axis=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
