"""A data subject found: where it stands, and all of it in one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jupyter_mlops.domain.arguments import DeploymentName, NewFile, read
from jupyter_mlops.domain.subjects import (
    Place,
    StandingRow,
    Subject,
    check_by,
    check_value,
)
from jupyter_mlops.domain.verdicts import REVIEWED
from jupyter_mlops.locale import tell
from jupyter_mlops.services import masks, whereabouts
from jupyter_mlops.services.export import subject as exporting
from jupyter_mlops.services.sought import Sought
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.services.whereabouts import Hit, Standing


@read(
    prepare="services.export.subject:prepare",
    finish="services.export.subject:finish",
)
def subject(
    ws: Workspace, value: str, *, by: str = "", at: DeploymentName = "", export: NewFile = ""
) -> Subject:
    """Say where a data subject stands: in prediction logs, actuals, reviews, kept answers and samples.

    `value` is the `id` of a case, or a `prediction_id`; with `--by` the value of a feature, such as
    `subject 4711 --by customer_id`. `--at` looks at one deployment alone. `--export subject.zip`
    writes every row into one file, in words and as JSON lines and CSV; the audit log keeps its digest,
    and the workspace no copy. `erase` takes the rows out.
    """
    whom = Sought(check_value(str(value)), check_by(by))
    with ws.look() as session:
        only = whereabouts.names(session, at)
    found = whereabouts.find(ws, whom, at, only)
    hidden = masks.hidden(ws, found.deployments)
    items = rows_of(ws, found)
    told = Subject(
        by=by,
        rows=found.n,
        items=items,
        because=because(found),
        beyond=beyond(),
        masked=sorted({name for one in hidden.values() for name in one}),
    )
    if export:
        told["export"] = exporting.written(ws, whom, found, told, hidden)
    return told


def rows_of(ws: Workspace, found: Standing) -> list[StandingRow]:
    """Return how many rows each place has, the log first."""
    told: list[StandingRow] = []
    told += _by_day("predictions", found.sealed)
    told += _by_day("unsealed", found.open)
    told += _by_day("actuals", found.actuals)
    told += _by_day("reviews", [*found.sealed, *found.open], reviews=True)
    told += _repeats(ws, found)
    told += [
        StandingRow(place="sample", deployment="", where=", ".join(one.refs), rows=one.n)
        for one in found.samples
    ]
    return told


def _by_day(place: Place, hits: Sequence[Hit], *, reviews: bool = False) -> list[StandingRow]:
    days: Counter[tuple[str, str]] = Counter()
    for hit in hits:
        signs = hit.rows["warnings"].to_pylist() if reviews else [None] * hit.n
        for at, told in zip(hit.rows["at"].to_pylist(), signs, strict=True):
            if not reviews or any(sign.startswith(REVIEWED) for sign in told or ()):
                days[hit.deployment, at.strftime("%Y-%m-%d")] += 1
    return [
        StandingRow(place=place, deployment=deployment, where=day, rows=n)
        for (deployment, day), n in sorted(days.items())
    ]


def _repeats(ws: Workspace, found: Standing) -> list[StandingRow]:
    """Return how many answers are kept, by an idempotency key, for requests that had such rows."""
    from jupyter_mlops.store import erasing

    told: Counter[tuple[str, str]] = Counter()
    for hit in found.sealed:
        asked = ws.home.folder / "requests" / hit.path.relative_to(ws.home.predictions)
        n = erasing.spoken_at(asked, sorted(set(hit.rows["at"].to_pylist())))
        if n:
            told[hit.deployment, hit.path.parent.name.removeprefix("day=")] += n
    return [
        StandingRow(place="repeats", deployment=deployment, where=day, rows=n)
        for (deployment, day), n in sorted(told.items())
    ]


def because(found: Standing) -> str:
    """Return the sentence that says where a subject stands."""
    if not found.n:
        return tell("No row here is about that data subject.")
    return tell(
        "{n} rows: {log} in prediction logs, {actuals} actuals, {samples} in samples of versions.",
        n=f"{found.n:,}",
        log=f"{sum(one.n for one in (*found.sealed, *found.open)):,}",
        actuals=f"{sum(one.n for one in found.actuals):,}",
        samples=f"{sum(one.n for one in found.samples):,}",
    )


def beyond() -> list[str]:
    """Return what an erasure does not reach, whoever the subject is."""
    return [
        tell("Backups, exports and bundles that left this workspace."),
        tell("Profiles, findings and metrics: sums in which nobody can be told apart."),
        tell("Models, and the categories they learnt: train and register one without the subject."),
        tell("What people wrote: reasons, comments, documents, cells of notebooks."),
    ]
