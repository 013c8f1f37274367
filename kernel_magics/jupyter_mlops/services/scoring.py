"""Asking for predictions, and learning what really happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.answers import Actuals, Prediction, Predictions
from jupyter_mlops.domain.arguments import DeploymentName, Frame, Here, Prepared, deed
from jupyter_mlops.domain.names import parse_time
from jupyter_mlops.errors import Invalid, MlopsError, NotFound, Unavailable, did_you_mean
from jupyter_mlops.services import lookup, server
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import httpx
    from sqlmodel import Session

BATCH: Final = 1000
_OLDEST: Final = timedelta(days=3653)
_CLOCKS_DIFFER: Final = timedelta(days=1)
_LONGEST_ID: Final = 200


def prepare_rows(_here: Here, *, rows: Any, **_options: Any) -> Prepared:
    """Turn whatever table the person holds into rows of JSON."""
    from jupyter_mlops.formats import frames

    frame = frames.read(rows) if isinstance(rows, str | Path) else rows
    return Prepared({"rows": frames.records(frame)})


@deed(prepare="services.scoring:prepare_rows")
def predict(
    ws: Workspace, deployment: DeploymentName, rows: Frame, *, id: str | None = None
) -> Predictions:
    """Ask a deployment for predictions, over HTTP; each is logged before it is answered.

    `id` names the column that says which case a row is about; `actuals` will speak of the same
    case. Without it each row gets a case of its own.
    """
    with ws.look() as session:
        lookup.deployment(session, deployment)
    ids = _ids(rows, id) if id else None
    bare = [{k: v for k, v in row.items() if k != id} for row in rows] if id else rows
    running = server.where(ws)
    answers: list[Prediction] = []
    head: dict[str, Any] = {}
    for start in range(0, max(len(bare), 1), BATCH):
        end = start + BATCH
        head = _ask(running, deployment, bare[start:end], ids[start:end] if ids else None)
        answers.extend(_answer(found, head) for found in head["predictions"])
        ws.progress("predicting", min(end / max(len(bare), 1), 1.0))
    return Predictions(
        deployment=deployment, version=head["version"], digest=head["digest"], items=answers
    )


@deed(prepare="services.scoring:prepare_rows")
def actuals(
    ws: Workspace,
    deployment: DeploymentName,
    rows: Frame,
    *,
    id: str,
    value: str,
    time: str | None = None,
) -> Actuals:
    """Say what really happened: `id` and `value` name the columns, `time` when it happened.

    Late and corrected values are welcome: the newest one about a case counts from the day it
    comes. An actual belongs to the case's latest prediction before its time.
    """
    return receive_actuals(ws, deployment, rows, id=id, value=value, time=time)


def receive_actuals(
    ws: Workspace,
    deployment: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    id: str = "id",
    value: str = "value",
    time: str | None = None,
) -> Actuals:
    """Keep actuals and the event that says so; the one way in for notebook and HTTP alike."""
    from jupyter_mlops.store.tables import Model

    known = _known_ids(ws, deployment, _named(rows, id))
    with ws.act("actuals:arrival", subject=f"deployment:{deployment}") as act:
        place = lookup.deployment(act.session, deployment)
        parent = act.session.get_one(Model, place.model_id)
        told = _read(rows, id, value, time, parent, now=ws.clock())
        _settle(ws, act.session, deployment)
        matched = sum(1 for found in told if (found["prediction_id"] or found["id"]) in known)
        written = ws.telemetry.write_actuals(deployment, told, known_at=ws.clock())
        act.after = {"received": len(told), "matched": matched, "digest": _digest(written)}
    ws.telemetry.announce(written)
    return Actuals(
        deployment=deployment,
        received=len(told),
        matched=matched,
        unmatched=len(told) - matched,
    )


def settle(ws: Workspace) -> None:
    """Bring the actuals of every deployment to what the audit log says of them."""
    from jupyter_mlops.store.tables import Deployment

    with ws.act("actuals:arrival", subject="workspace") as act:
        for place in act.session.exec(sqlmodel.select(Deployment)).all():
            _settle(ws, act.session, place.name)
        act.nothing()


def _named(rows: Sequence[Mapping[str, Any]], id: str) -> set[str]:
    """Return all that rows may name a case or a prediction by, whether or not it can be an id."""
    cases = {_as_id(row.get(id)) for row in rows}
    return cases | {str(row["prediction_id"]) for row in rows if row.get("prediction_id")}


def _known_ids(ws: Workspace, deployment: str, ids: set[str]) -> set[str]:
    """Return what the log knows of these, read before the writers' turn: it can take long."""
    try:
        with ws.look() as session:
            lookup.deployment(session, deployment)
    except NotFound:
        return set()  # the deed refuses it, and says so in the audit log
    return ws.telemetry.known(deployment, ids)


def _settle(ws: Workspace, session: Session, deployment: str) -> None:
    """Announce actuals whose writer stopped after their event; remove those that have none.

    Only one process at a time is in a deed, so whoever wrote what lies here is not writing any more.
    """
    from jupyter_mlops.store.tables import AuditEvent

    for path in ws.telemetry.unannounced(deployment):
        told = sqlmodel.col(AuditEvent.body).contains(_digest(path))
        if session.exec(sqlmodel.select(AuditEvent.seq).where(told)).first() is None:
            path.unlink(missing_ok=True)
        else:
            ws.telemetry.announce(path)


def _digest(written: Path) -> str:
    return "sha256:" + written.stem.rpartition("-")[2]


def _read(
    rows: Sequence[Mapping[str, Any]],
    id: str,
    value: str,
    time: str | None,
    parent: Any,
    *,
    now: datetime,
) -> list[dict[str, Any]]:
    if not rows:
        raise Invalid("There are no actuals in these rows.", code="actuals_empty")
    for name in (id, value, *([time] if time else [])):
        if name not in rows[0]:
            raise _no_column(name, rows[0])
    classes = {str(known) for known in parent.classes}
    return [
        {
            "id": _id(row.get(id), number),
            "prediction_id": str(row["prediction_id"]) if row.get("prediction_id") else None,
            "value": _value(row.get(value), number, parent.task, classes),
            "at": _when(row[time], number, now) if time and row.get(time) is not None else now,
        }
        for number, row in enumerate(rows)
        if row.get(value) is not None
    ]


def _when(found: Any, row: int, now: datetime) -> datetime:
    """Return when something happened, after checking that this server can have predicted it."""
    moment = parse_time(str(found), now=now)
    if not now - _OLDEST <= moment <= now + _CLOCKS_DIFFER:
        raise Invalid(
            "Row {row}: {found} is not a time that an actual can have.",
            "an actual is at most ten years old and not of the future.",
            code="time_invalid",
            row=row,
            found=repr(found),
        )
    return moment


def _value(found: Any, row: int, task: str, classes: set[str]) -> str:
    """Return the truth as text, after checking that the model could have said it."""
    if task == "regression":
        number = isinstance(found, int | float) and not isinstance(found, bool)
        if number and math.isfinite(found):
            return repr(float(found))
        raise Invalid(
            "Row {row}: {found} is not a number.", code="actual_invalid", row=row, found=repr(found)
        )
    whole = isinstance(found, float) and found.is_integer()
    label = str(int(found)) if whole else str(found)
    if label in classes:
        return label
    raise Invalid(
        "Row {row}: {found} is not a class of this model.",
        "its classes are {classes}.",
        code="actual_invalid",
        row=row,
        found=repr(found),
        classes=", ".join(sorted(classes)[:10]),
    )


def _ids(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    if rows and name not in rows[0]:
        raise _no_column(name, rows[0])
    return [_id(row.get(name), number) for number, row in enumerate(rows)]


def _as_id(found: Any) -> str:
    whole = isinstance(found, float) and found.is_integer()
    return str(int(found)) if whole else str(found)


def _id(found: Any, row: int) -> str:
    text = _as_id(found)
    if found is None or not text or len(text) > _LONGEST_ID:
        raise Invalid(
            "Row {row}: {found} cannot be an id.",
            "an id is 1 to 200 characters.",
            code="id_invalid",
            row=row,
            found=repr(found),
        )
    return text


def _no_column(name: str, row: Mapping[str, Any]) -> Invalid:
    meant = did_you_mean(name, row)
    return Invalid(
        "The rows have no column {name}.",
        "did you mean {meant}?" if meant else "their columns are {columns}.",
        code="column_missing",
        name=name,
        meant=meant,
        columns=", ".join(map(str, row)),
    )


def _ask(
    running: Mapping[str, Any], deployment: str, rows: Any, ids: list[str] | None
) -> dict[str, Any]:
    import httpx

    body = {"rows": rows, **({"ids": ids} if ids else {})}
    try:
        answer = httpx.post(
            f"{running['url']}/deployments/{deployment}/predictions",
            json=body,
            headers={"Authorization": f"Bearer {running['token']}"},
            timeout=120,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise Unavailable(
            "The prediction server did not answer: {why}.",
            "`serve` starts it again.",
            code="server_not_answering",
            why=type(error).__name__,
        ) from None
    if answer.status_code != httpx.codes.OK:
        raise _problem(answer)
    told: dict[str, Any] = answer.json()
    return told


def _problem(answer: httpx.Response) -> MlopsError:
    """Say in our own words what the server said in its."""
    try:
        told = answer.json()
    except ValueError:
        told = {}
    kind = {404: NotFound, 422: Invalid, 400: Invalid}.get(answer.status_code, Unavailable)
    return kind(
        "{detail}",
        "{advice}" if told.get("hint") else "",
        code=str(told.get("code") or "server_error"),
        detail=told.get("detail") or f"The prediction server answered {answer.status_code}.",
        advice=told.get("hint") or "",
    )


def _answer(found: Mapping[str, Any], head: Mapping[str, Any]) -> Prediction:
    return Prediction(
        id=found["id"],
        prediction_id=found["prediction_id"],
        prediction=found["prediction"],
        probabilities=found.get("probabilities"),
        interval=found.get("interval"),
        warnings=found["warnings"],
        version=found.get("version", head["version"]),
    )
