"""Versions asked about the same rows: what each says, how it differs, and where they are apart.

Each version is loaded and asked in a process of its own with limits, where a crash costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.domain.compared import Absent, MetricRow, SameRows
from jupyter_mlops.errors import Invalid, MlopsError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import packing
from jupyter_mlops.services.differences import Told, held
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SECONDS: Final = 60.0
AT_ONCE: Final = 2
"""Processes that load and answer beside each other."""
LONGEST_NAME: Final = 60
MOST_SAID: Final = 32
"""What versions said of kept samples, that an open workspace remembers."""
_NUMBERS: Final = "fiub"


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows that all versions can read, and what those said that could be asked.

    ``raw`` holds values (n,) or probabilities (n, k) by version, ``truth`` is None where the rows
    have none, ``known`` are the rows whose truth is one of the model's.
    """

    sample: str
    columns: Mapping[str, Array]
    task: str
    classes: tuple[str, ...]
    truth: Array | None
    known: Array
    raw: Mapping[str, Array]
    absent: Sequence[Absent]

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.known)

    @property
    def labelled(self) -> int:
        """Return how many of them have a truth."""
        return int(self.known.sum())

    def scores(self, ref: str) -> Array:
        """Return one score per row: the second class's of two, the winning one's of several."""
        import numpy as np

        raw = self.raw[ref]
        if self.task == "regression":
            return raw
        return np.asarray(raw[:, 1] if self.task == "binary" else raw.max(axis=1))

    def labels(self, ref: str) -> Array:
        """Return the class that is said of each row."""
        import numpy as np

        names = np.array(self.classes, dtype=object)
        return np.asarray(names[self.raw[ref].argmax(axis=1)])

    def apart(self, first: str, other: str) -> Array:
        """Return how far two versions are apart on each row: half the moved chance, or a distance."""
        import numpy as np

        away = np.abs(self.raw[other] - self.raw[first])
        return np.asarray(away if self.task == "regression" else away.sum(axis=1) / 2)


def ask(ws: Workspace, sides: Sequence[Told]) -> Asked | SameRows:
    """Ask every version about the first sample that all of them can read; else say why there is none."""
    found = _sample(ws, sides)
    if isinstance(found, str):
        return nothing(found)
    told, columns = found
    task, classes = told.manifest["task"], tuple(map(str, told.manifest["classes"]))
    truth, known = _truth(columns, told.manifest["target"], task, classes)
    raw: dict[str, Array] = {}
    absent: list[Absent] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sample = str(told.lineage["sample"])
        asked = {side.ref: pool.submit(_said, ws, side, sample, columns) for side in sides}
        for step, (ref, said) in enumerate(asked.items()):
            ws.progress(tell("asking {ref}", ref=ref), step / len(sides))
            try:
                raw[ref] = said.result()
            except MlopsError as error:
                absent.append(Absent(ref=ref, because=tell(error.template, **error.values)))
    ws.progress("asked", 1.0)
    return Asked(told.ref, columns, task, classes, truth, known, raw, absent)


def nothing(because: str) -> SameRows:
    """Return the part of an answer for which there are no rows, and why."""
    return SameRows(
        sample=None,
        rows=0,
        labelled=0,
        unseen=[],
        because=because,
        absent=[],
        tests=[],
        apart=[],
        pictures=[],
    )


def metrics(asked: Asked) -> list[MetricRow]:
    """Return every metric of every version that was asked, where the truth is known."""
    if asked.truth is None or not asked.labelled:
        return []
    truth = asked.truth[asked.known]
    found = {
        ref: packing.measured(asked.task, asked.classes, raw[asked.known], truth)
        for ref, raw in asked.raw.items()
    }
    return [
        MetricRow(metric=name, ref=ref, measured="same rows", **told[name])
        for name in next(iter(found.values()), {})
        for ref, told in found.items()
    ]


def unseen(sides: Sequence[Told], sample: str) -> list[str]:
    """Return the versions that were registered with the holdout these rows are of, by its digest."""
    holdouts = {
        side.ref: held(held(side.lineage, "data"), "holdout").get("digest") for side in sides
    }
    wanted = holdouts[sample]
    return [ref for ref, digest in holdouts.items() if wanted and digest == wanted]


def _sample(ws: Workspace, sides: Sequence[Told]) -> tuple[Told, dict[str, Array]] | str:
    """Return the first kept sample that all can read, or the sentence that says why there is none."""
    from jupyter_mlops.formats import frames

    because = tell("No rows were kept of these versions: they were registered without data.")
    for side in sides:
        kept = side.lineage.get("sample")
        if not kept:
            continue
        try:
            columns = frames.from_arrow(ws.artifacts.get(kept))
        except MlopsError as error:
            because = tell(error.template, **error.values)
            continue
        lacking = _lacking(sides, columns)
        if lacking is None:
            return side, columns
        because = tell(
            "The versions read no common rows: {ref} needs {feature}, which the sample of {sample}"
            " does not hold in that type.",
            ref=lacking[0],
            feature=lacking[1][:LONGEST_NAME],
            sample=side.ref,
        )
    return because


def _lacking(sides: Sequence[Told], columns: Mapping[str, Array]) -> tuple[str, str] | None:
    """Return the first version, and its feature, that cannot be read from these columns."""
    for side in sides:
        for feature in side.manifest["features"]:
            column = columns.get(feature["name"])
            if column is None or not _fits(feature, column):
                return side.ref, feature["name"]
    return None


def _fits(feature: Mapping[str, Any], column: Array) -> bool:
    """Say whether a column holds what a feature is: words, or numbers; nothing at all fits both."""
    import numpy as np

    is_number = column.dtype.kind in _NUMBERS
    if is_number and column.dtype.kind == "f" and np.isnan(column).all():
        return True
    return bool(is_number == (feature["type"] != "category"))


def _truth(
    columns: Mapping[str, Array], target: str, task: str, classes: Sequence[str]
) -> tuple[Array | None, Array]:
    import numpy as np

    truth = columns.get(target)
    none = np.zeros(len(next(iter(columns.values()), ())), dtype=bool)
    if truth is None:
        return None, none
    if task != "regression":
        labels = packing.as_labels(truth)
        return labels, np.isin(labels, classes)
    if truth.dtype.kind not in _NUMBERS:
        return None, none
    return truth.astype(float), np.isfinite(truth.astype(float))


def _said(ws: Workspace, side: Told, sample: str, columns: Mapping[str, Array]) -> Array:
    """Return what a version says of the rows of a sample.

    Bytes that are here say the same of the same rows, so that is remembered by their digests while
    the workspace is open; a model elsewhere is asked each time.

    Raises:
        Corrupt: its bytes are not what was registered.
        Invalid: it does not load, or what it says is no prediction.
    """
    manifest = side.manifest
    data = ws.artifacts.get(manifest["artifact"])
    own = {feature["name"]: columns[feature["name"]] for feature in manifest["features"]}
    key = (manifest["artifact"], len(manifest["classes"]), sample, *own)
    known: dict[tuple[Any, ...], Array] = ws.kept.setdefault("said", {})
    found = known.get(key)
    if found is None or manifest["format"] == elsewhere.ADDRESS:
        found = _answers(ws, manifest, data, own)
        if len(known) >= MOST_SAID:
            known.clear()
        known[key] = found
    return found


def _answers(
    ws: Workspace, manifest: Mapping[str, Any], data: bytes, columns: Mapping[str, Array]
) -> Array:
    """Return what the bytes of a version say of rows, from a fresh process."""
    import numpy as np

    from jupyter_mlops.formats import process

    raw = process.loads_in_fresh_process(
        manifest["format"], data, columns, allowed=ws.home.allowed(), seconds=SECONDS
    )
    rows = len(next(iter(columns.values()), ()))
    wanted = (rows, len(manifest["classes"])) if manifest["classes"] else (rows,)
    if raw.shape != wanted or not np.isfinite(raw).all():
        raise Invalid("It answers with what is no prediction.", code="model_output_invalid")
    return raw
