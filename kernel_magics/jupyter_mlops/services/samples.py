"""Rows to learn from, as columns: few enough for memory, drawn so that the same question has the same answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.answers import Feature
from jupyter_mlops.domain.references import HOLDOUT, TRAINING, is_version
from jupyter_mlops.locale import tell
from jupyter_mlops.services import against, lookup, rawrows, registry
from jupyter_mlops.services.champions import Champion, of_version
from jupyter_mlops.services.counting import FEATURE, column_of, numbers
from jupyter_mlops.services.slices import Slice
from jupyter_mlops.services.unscored import Unscored
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from jupyter_mlops.store.tables import Version

    Array = np.ndarray[Any, Any]

MOST: Final = 10_000
_SEED: Final = 20_261_126
_SCORE: Final = "score"
_NUMBERS: Final = ("number", "integer")


@dataclass(frozen=True)
class Sample:
    """Some of ``of`` rows: their features by name, and their scores (None where nobody asked).

    Numbers are floats, NaN where missing; labels are text, None where missing.
    """

    features: dict[str, Array]
    scores: Array | None
    rows: int
    of: int


def now(ws: Workspace, serving: Champion, span: Window, segment: str = "") -> Sample:
    """Return rows that a version answered in a window."""
    return _drawn(_logged(ws, serving, span, segment), serving.features)


def of_rows(rows: Unscored, serving: Champion, segment: str = "") -> Sample:
    """Return some of the rows that nobody scored."""
    chosen = Slice(segment, serving.features) if segment else None
    told = rows.logged([one["name"] for one in serving.features])
    return _drawn((chosen.of(part) if chosen else part for part in told), serving.features)


def target(ws: Workspace, serving: Champion) -> Unscored | None:
    """Return the target of the sample that was kept at registration; None where there is none."""
    from jupyter_mlops.formats import frames

    columns = _sample(ws, serving)[1]
    if serving.target not in columns:
        return None
    return Unscored(serving.target, frames.table({serving.target: columns[serving.target]}))


def before(
    ws: Workspace, serving: Champion, span: Window, said: str | Unscored, *, scores: bool
) -> tuple[Sample | None, str]:
    """Return rows of what a window is compared with, and the words for them.

    Of training data and holdout it is the sample that was kept at registration; None without one.
    """
    if isinstance(said, Unscored):
        found = of_rows(said, serving)
        words = {"name": said.name, "n": f"{found.rows:,}", "all": f"{found.of:,}"}
        return found, tell("{name}, {n} of {all} rows", **words)
    if said in (TRAINING, HOLDOUT):
        return _kept(ws, serving, scores=scores)
    earlier = against.earlier(span, said)
    if earlier is not None:
        tables: Iterable[pa.Table] = rawrows.rows(ws, serving.deployment, earlier)
    elif is_version(said):
        tables = _logged(ws, of_version(ws, serving.deployment, said), span, "")
    else:
        tables = _logged(ws, serving, span, said)
    found = _drawn(tables, serving.features)
    words = {"name": said, "n": f"{found.rows:,}", "all": f"{found.of:,}"}
    return found, tell("{name}, {n} of {all} rows", **words)


def _logged(ws: Workspace, serving: Champion, span: Window, segment: str) -> Iterator[pa.Table]:
    import pyarrow.compute as pc

    chosen = Slice(segment, serving.features) if segment else None
    for table in rawrows.rows(ws, serving.deployment, span):
        own = table.filter(pc.equal(table["version"], serving.ref))
        yield chosen.of(own) if chosen else own


def _kept(ws: Workspace, serving: Champion, *, scores: bool) -> tuple[Sample | None, str]:
    version, columns = _sample(ws, serving)
    if not columns:
        return None, ""
    manifest = registry.read_manifest(version) if scores else None
    rows = len(next(iter(columns.values()), ()))
    features = {one["name"]: _told(columns[one["name"]], one) for one in serving.features}
    answers = _scores(ws, manifest, columns) if manifest else None
    words = tell("the sample kept at registration, {n} rows", n=f"{rows:,}")
    return Sample(features, answers, rows, rows), words


def _sample(ws: Workspace, serving: Champion) -> tuple[Version, dict[str, Any]]:
    """Return a version and the columns that were kept of its data; none where it had none."""
    from jupyter_mlops.formats import frames

    with ws.look() as session:
        _, version = lookup.version(session, serving.ref)
        kept = version.lineage.get("sample")
    return version, frames.from_arrow(ws.artifacts.get(kept)) if kept else {}


def _scores(ws: Workspace, manifest: dict[str, Any], columns: dict[str, Any]) -> Array:
    """Ask the version what it says of its own sample."""
    import numpy as np

    from jupyter_mlops import formats
    from jupyter_mlops.services.packing import answers

    scorer = formats.load(
        manifest["format"],
        ws.artifacts.get(manifest["artifact"]),
        allowed=ws.home.allowed(),
    )
    asked = {one["name"]: columns[one["name"]] for one in manifest["features"]}
    return np.asarray(answers(scorer, asked)[0], dtype=np.float64)


def _drawn(tables: Iterable[pa.Table], features: Sequence[Feature]) -> Sample:
    """Draw rows without keeping more of them than are wanted: those with the smallest random keys."""
    import numpy as np

    random = np.random.default_rng(_SEED)
    keys, of = np.empty(0), 0
    kept = _nothing(features)
    for table in tables:
        fresh = random.random(table.num_rows)
        of += table.num_rows
        likely = np.flatnonzero(fresh < (keys.max() if len(keys) == MOST else 1.0))
        part = _columns(table.take(likely), features)
        keys = np.concatenate([keys, fresh[likely]])
        kept = {name: np.concatenate([kept[name], part[name]]) for name in kept}
        if len(keys) > MOST:
            least = np.sort(np.argpartition(keys, MOST)[:MOST])
            keys, kept = keys[least], {name: values[least] for name, values in kept.items()}
    scores = kept.pop(_SCORE)
    held = {name.removeprefix(FEATURE): values for name, values in kept.items()}
    return Sample(held, scores, len(keys), of)


def _nothing(features: Sequence[Feature]) -> dict[str, Array]:
    import numpy as np

    kinds = {FEATURE + one["name"]: one["type"] in _NUMBERS for one in features}
    told = {name: np.empty(0, float if is_number else object) for name, is_number in kinds.items()}
    return {**told, _SCORE: np.empty(0)}


def _columns(table: pa.Table, features: Sequence[Feature]) -> dict[str, Array]:
    import numpy as np

    found = {_SCORE: numbers(table[_SCORE])}
    for one in features:
        name = FEATURE + one["name"]
        column = column_of(table, name)
        if column is not None and one["type"] in _NUMBERS:
            found[name] = numbers(column)
        else:
            values = [None] * table.num_rows if column is None else column.to_pylist()
            found[name] = _told(np.array(values, dtype=object), one)
    return found


def _told(values: Any, feature: Feature) -> Array:
    """Return a column as its feature is meant: numbers, or the text of labels."""
    import numpy as np

    from jupyter_mlops.stats import columns

    if feature["type"] in _NUMBERS:
        return columns.numbers(values)
    held = columns.as_column(values).tolist()
    found = np.empty(len(held), dtype=object)
    found[:] = [None if columns.missing(value) else columns.label(value) for value in held]
    return found
