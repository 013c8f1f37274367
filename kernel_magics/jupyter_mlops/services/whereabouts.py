"""Where a data subject stands: in the log, sealed or not, in actuals, and in the samples of versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.services import sought as finding
from jupyter_mlops.services.sought import Remembered, Sought
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmodel import Session

Whom = Sought | Remembered


@dataclass(frozen=True)
class Hit:
    """A file of a deployment that holds rows of a subject: which they are, and the rows."""

    deployment: str
    path: Path
    goes: Any
    rows: pa.Table

    @property
    def n(self) -> int:
        """Return how many rows that are."""
        return int(self.rows.num_rows)


@dataclass
class Standing:
    """Everything that was found of a subject."""

    sealed: list[Hit] = field(default_factory=list)
    open: list[Hit] = field(default_factory=list)
    actuals: list[Hit] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    looked_at: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Return how many rows there are of the subject in all."""
        hits = (*self.sealed, *self.open, *self.actuals)
        return sum(one.n for one in hits) + sum(one.n for one in self.samples)

    @property
    def deployments(self) -> list[str]:
        """Return the deployments that know the subject."""
        hits = (*self.sealed, *self.open, *self.actuals)
        return sorted({one.deployment for one in hits})


@dataclass(frozen=True)
class Sample:
    """Rows that were kept of a version's data, by their digest, and which of them are the subject's."""

    digest: str
    refs: Sequence[str]
    goes: Any
    rows: pa.Table

    @property
    def n(self) -> int:
        """Return how many rows that are."""
        return int(self.rows.num_rows)


def names(session: Session, only: str = "") -> list[str]:
    """Return the deployments that are looked at, retired ones too."""
    from jupyter_mlops.services import lookup

    if only:
        return [lookup.deployment(session, only).name]
    return sorted(session.exec(sqlmodel.select(tables.Deployment.name)).all())


def find(
    ws: Workspace, whom: Whom, at: str, only: Sequence[str], known: Standing | None = None
) -> Standing:
    """Look in every place; what was looked at before and has not changed is not read again.

    Samples are those of all versions, or of the ones that served ``at`` a deployment.
    """
    found = Standing(open=in_segments(ws, whom, only))
    for deployment in only:
        _in_log(ws, whom, deployment, found, known)
    for deployment in only:
        found.actuals += _in_actuals(ws, whom, deployment, found)
    found.samples = in_samples(ws, whom, only if at else None)
    return found


def _in_log(
    ws: Workspace, whom: Whom, deployment: str, found: Standing, known: Standing | None
) -> None:
    before = {hit.path: hit for hit in known.sealed} if known else {}
    for path in sealed(ws, deployment):
        stamp = stamped(path)
        if known and known.looked_at.get(path) == stamp:
            if path in before:
                found.sealed.append(before[path])
        elif hit := in_file(whom, deployment, path):
            found.sealed.append(hit)
        found.looked_at[path] = stamp


def sealed(ws: Workspace, deployment: str) -> list[Path]:
    """Return the sealed files of predictions whose segments are gone, so that nobody writes them."""
    unsealed = {path.stem for path in ws.telemetry.pieces(deployment).segments}
    folder = ws.home.predictions / f"deployment={deployment}"
    files = sorted(folder.glob("day=*/[!.]*.parquet")) if folder.is_dir() else []
    return [path for path in files if path.stem not in unsealed]


def stamped(path: Path) -> tuple[int, int]:
    """Return what is another after a file was written anew."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


def in_file(whom: Whom, deployment: str, path: Path, until: Any = None) -> Hit | None:
    """Return the rows of a subject in a sealed file; only their columns are read before."""
    import pyarrow.compute as pc
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    there = set(file.schema_arrow.names)
    columns = [f"features.{whom.by}"] if whom.by else [n for n in finding.CASE if n in there]
    table = file.read(columns=["at", *columns])
    goes = finding.rows(whom, table)
    if until is not None:
        goes = pc.and_(goes, pc.less_equal(table["at"].combine_chunks(), until))
    if not goes.true_count:
        return None
    return Hit(deployment, path, goes, file.read().filter(goes))


def in_segments(ws: Workspace, whom: Whom, only: Sequence[str]) -> list[Hit]:
    """Return the segments with rows of a subject that are not sealed yet."""
    found = []
    for deployment in only:
        log = ws.telemetry.pieces(deployment)
        files = {path.stem: path for path in log.segments}
        for one in log.open({}):
            goes = finding.rows(whom, one.answers)
            if goes.true_count:
                rows = one.answers.filter(goes)
                found.append(Hit(deployment, files[one.segment], goes, rows))
    return found


def _in_actuals(ws: Workspace, whom: Whom, deployment: str, found: Standing) -> list[Hit]:
    """Return the actuals of a subject: by its case, or of the very predictions that are its."""
    mine = [hit.rows for hit in (*found.sealed, *found.open) if hit.deployment == deployment]
    predictions = {name for rows in mine for name in rows["prediction_id"].to_pylist()}
    cases = {name for rows in mine for name in rows["id"].to_pylist()} if whom.by else set()
    others = _answers_of(ws, deployment, cases) if cases else None
    hits = []
    for path in actual_files(ws, deployment):
        table = ws.telemetry.read_actual_file(deployment, path.stem)
        goes = _whose(whom, table, predictions, others)
        if goes.true_count:
            hits.append(Hit(deployment, path, goes, table.filter(goes)))
    return hits


def actual_files(ws: Workspace, deployment: str) -> list[Path]:
    """Return the announced files of actuals."""
    folder = ws.home.actuals / f"deployment={deployment}"
    return [folder / f"{name}.parquet" for name in ws.telemetry.actual_files(deployment)]


def _whose(whom: Whom, table: pa.Table, predictions: set[str], others: pa.Table | None) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    from jupyter_mlops.services import labels

    named = pa.array(sorted(predictions), pa.string())
    goes = pc.is_in(table["prediction_id"], value_set=named, skip_nulls=True)
    if not whom.by:
        goes = pc.or_(goes, whom.of(table["id"]))
        goes = pc.or_(goes, whom.of(table["prediction_id"]))
    elif others is not None:
        of_row = labels.belongs(others, table)
        owner = others["prediction_id"].to_pylist()
        told = [at >= 0 and owner[at] in predictions for at in of_row.tolist()]
        goes = pc.or_(goes, pa.array(told, pa.bool_()))
    return goes.combine_chunks() if isinstance(goes, pa.ChunkedArray) else goes


def _answers_of(ws: Workspace, deployment: str, cases: set[str]) -> pa.Table:
    """Return every answer about some cases, by which one knows whose a label is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from jupyter_mlops.services.ledger import plain

    wanted = pa.array(sorted(cases), pa.string())
    log = ws.telemetry.pieces(deployment)
    told = [plain(one.answers) for one in log.open({})]
    for path in sealed(ws, deployment):
        piece = f"{deployment}/{path.parent.name.removeprefix('day=')}/{path.stem}"
        if (table := log.answers_of(piece, _ROWS)) is not None:
            told.append(plain(table))
    kept = [table.filter(pc.is_in(table["id"], value_set=wanted)) for table in told]
    return pa.concat_tables(kept)


_ROWS = ("prediction_id", "id", "at", "known_at", "version", "role", "score", "probabilities")


def in_samples(ws: Workspace, whom: Whom, only: Sequence[str] | None) -> list[Sample]:
    """Return the samples that hold rows of a subject: of versions that served there, or of all."""
    found = []
    for digest, versions in samples(ws, only).items():
        table = sample(ws, digest)
        column = whom.by or id_of(versions)
        if column not in table.column_names:
            continue
        goes = whom.of(table[column])
        if goes.true_count:
            found.append(Sample(digest, sorted(versions), goes, table.filter(goes)))
    return found


def id_of(versions: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the column that names the case in the data of versions, as their authors said."""
    told = (lineage.get("roles") or {} for lineage in versions.values())
    return next((str(one["id"]) for one in told if one.get("id")), "id")


def samples(ws: Workspace, only: Sequence[str] | None) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return each sample by its digest, with the versions it is of and their lineage."""
    query = sqlmodel.select(tables.Model.name, tables.Version).where(
        tables.Version.model_id == tables.Model.id
    )
    if only is not None:
        served = (
            sqlmodel.select(tables.Rollout.version_id)
            .where(tables.Rollout.deployment_id == tables.Deployment.id)
            .where(sqlmodel.col(tables.Deployment.name).in_(only))
        )
        query = query.where(sqlmodel.col(tables.Version.id).in_(served))
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    with ws.look() as session:
        for name, version in session.exec(query):
            if digest := version.lineage.get("sample"):
                found.setdefault(digest, {})[f"{name}:{version.number}"] = version.lineage
    return found


def sample(ws: Workspace, digest: str) -> pa.Table:
    """Return the rows that were kept of a version's data."""
    import pyarrow as pa

    return pa.ipc.open_stream(ws.artifacts.get(digest)).read_all()
