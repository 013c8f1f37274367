"""Release checks: what is tried on a version, in a fresh process, before anyone decides."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mlops.domain.answers import Check, Checks
from jupyter_mlops.domain.arguments import Ref, deed
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell, translate
from jupyter_mlops.services import lookup, registry
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from jupyter_mlops.store import tables

Outcome = Literal["passed", "failed", "not applicable"]
ROWS_TRIED = 200
SAME = 1e-6
IMPORTANCE_ROWS = 1000

TITLES = {
    "artifact": "Bytes and format are what was registered",
    "loads": "Loads in a fresh process",
    "row_by_row": "Batch equals row by row",
    "column_order": "Order of columns does not matter",
    "compiled": "Compiled equals original",
    "importance": "What the answers depend on",
}


@dataclass(frozen=True)
class Subject:
    """A version with everything that is tried on it."""

    manifest: Mapping[str, Any]
    artifact: bytes
    compiled: bytes | None
    record: Mapping[str, Any]
    sample: dict[str, np.ndarray[Any, Any]]
    truth: np.ndarray[Any, Any] | None


@dataclass(frozen=True)
class Found:
    """What one check found."""

    outcome: Outcome
    figure: str = ""
    because: str = ""
    detail: Mapping[str, Any] | None = None


@deed()
def check(ws: Workspace, ref: Ref) -> Checks:
    """Run the release checks of a version again, in a fresh process, and keep what they find."""
    items = run(ws, ref)
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
    return Checks(
        ref=f"{parent.name}:{version.number}",
        passed=all(item["outcome"] != "failed" for item in items),
        items=[told(item) for item in items],
    )


def run(ws: Workspace, ref: str) -> list[Check]:
    """Try everything on a version, remember the findings with an audit event, return them."""
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
    name = f"{parent.name}:{version.number}"
    found = _try_all(ws, version)
    with ws.act("version:check", subject=f"version:{name}") as act:
        act.outcome = "failed" if any(f.outcome == "failed" for f in found.values()) else "passed"
        act.after = {check: f.outcome for check, f in found.items()}
        _remember(ws, act.session, version, found)
    return [
        Check(check=key, title=TITLES[key], outcome=f.outcome, figure=f.figure, because=f.because)
        for key, f in found.items()
    ]


def told(item: Mapping[str, Any]) -> Check:
    """Return a finding with its title in the reader's language."""
    return Check(
        check=item["check"],
        title=translate(item["title"]),
        outcome=item["outcome"],
        figure=item["figure"],
        because=translate(item["because"]) if item["because"] else "",
    )


def importance(session: Any, version: tables.Version) -> dict[str, float]:
    """Return the newest permutation importance of a version's features; empty before a check."""
    from sqlmodel import col, select

    from jupyter_mlops.store.tables import CheckResult

    row = session.exec(
        select(CheckResult)
        .where(CheckResult.version_id == version.id, CheckResult.name == "importance")
        .order_by(col(CheckResult.id).desc())
    ).first()
    return dict(row.detail) if row else {}


def _try_all(ws: Workspace, version: tables.Version) -> dict[str, Found]:
    try:
        subject = _subject(ws, version)
    except MlopsError as error:
        return {"artifact": Found("failed", because=error.message)}
    found = {"artifact": Found("passed", figure=subject.manifest["format"])}
    tries: dict[str, Callable[[Subject], Found]] = {
        "loads": _loads,
        "row_by_row": _row_by_row,
        "column_order": _column_order,
        "compiled": _compiled,
        "importance": _importance,
    }
    for step, (key, attempt) in enumerate(tries.items()):
        ws.progress(tell(TITLES[key]), step / len(tries))
        try:
            found[key] = attempt(subject)
        except MlopsError as error:
            found[key] = Found("failed", because=error.message)
        if key == "loads" and found[key].outcome == "failed":
            break
    ws.progress("checked", 1.0)
    return found


def _subject(ws: Workspace, version: tables.Version) -> Subject:
    from jupyter_mlops.formats import frames

    manifest = registry.read_manifest(version)
    fast = manifest["compiled"]
    kept = version.lineage.get("sample")
    columns = frames.from_arrow(ws.artifacts.get(kept)) if kept else {}
    names = [feature["name"] for feature in manifest["features"]]
    return Subject(
        manifest=manifest,
        artifact=ws.artifacts.get(manifest["artifact"]),
        compiled=ws.artifacts.get(fast) if fast else None,
        record=version.compiled,
        sample={name: columns[name][:IMPORTANCE_ROWS] for name in names} if columns else {},
        truth=columns[manifest["target"]][:IMPORTANCE_ROWS]
        if manifest["target"] in columns
        else None,
    )


def _few(subject: Subject) -> dict[str, Any]:
    return {name: values[:ROWS_TRIED] for name, values in subject.sample.items()}


def _loads(subject: Subject) -> Found:
    from jupyter_mlops.formats import process

    scores = process.loads_in_fresh_process(
        subject.manifest["format"], subject.artifact, _few(subject)
    )
    return Found("passed", figure=tell("{n} rows", n=len(scores)))


def _row_by_row(subject: Subject) -> Found:
    import numpy as np

    rows = {name: values[:50] for name, values in subject.sample.items()}
    scorer = _original(subject)
    whole = scorer.score(rows)
    single = (
        np.concatenate(
            [
                scorer.score({name: values[i : i + 1] for name, values in rows.items()})
                for i in range(len(whole))
            ]
        )
        if len(whole)
        else whole
    )
    return _agreement(whole, single)


def _column_order(subject: Subject) -> Found:
    scorer, rows = _original(subject), _few(subject)
    turned = dict(reversed(rows.items()))
    return _agreement(scorer.score(rows), scorer.score(turned))


def _compiled(subject: Subject) -> Found:
    if subject.compiled is None:
        reason = subject.record.get("reason", "")
        return Found("not applicable", because=reason)
    from jupyter_mlops import formats

    fast = formats.load("onnx", subject.compiled, like=subject.manifest).score(_few(subject))
    slow = _original(subject).score(_few(subject))
    return _agreement(slow, fast, within=1e-5)


def _importance(subject: Subject) -> Found:
    if subject.truth is None:
        return Found("not applicable", because="The sample has no truth to compare with.")
    from jupyter_mlops.services.packing import as_labels
    from jupyter_mlops.stats.importance import permutation

    truth = subject.truth
    if subject.manifest["task"] == "regression":
        truth, loss = truth.astype(float), _squared
    else:
        truth, loss = _one_hot(as_labels(truth), subject.manifest["classes"]), _cross_entropy
    scorer = _original(subject)
    figures = permutation(scorer.score, subject.sample, truth, loss=loss, repeats=1, seed=0)
    top = max(figures, key=lambda name: figures[name], default="")
    return Found("passed", figure=top, detail=figures)


def _squared(truth: Any, score: Any) -> float:
    return float(((truth - score) ** 2).mean())


def _cross_entropy(truth: Any, score: Any) -> float:
    import numpy as np

    return float(-(truth * np.log(np.clip(score, 1e-9, 1))).sum(axis=1).mean())


def _one_hot(labels: Any, classes: list[Any]) -> Any:
    import numpy as np

    return (labels[:, None] == np.array([str(c) for c in classes], dtype=object)[None, :]).astype(
        float
    )


def _original(subject: Subject) -> Any:
    from jupyter_mlops import formats

    return formats.load(subject.manifest["format"], subject.artifact)


def _agreement(one: Any, other: Any, *, within: float = SAME) -> Found:
    if not len(one):
        return Found("not applicable", because="The version has no sample rows.")
    import numpy as np

    apart = float(np.max(np.abs(one - other)))
    figure = tell("{n} rows, at most {apart} apart", n=len(one), apart=f"{apart:.1e}")
    return Found("passed" if apart <= within else "failed", figure=figure)


def _remember(
    ws: Workspace, session: Any, version: tables.Version, found: Mapping[str, Found]
) -> None:
    from jupyter_mlops.store.tables import CheckResult

    run_id = secrets.token_hex(8)
    for key, result in found.items():
        session.add(
            CheckResult(
                version_id=version.id,
                run=run_id,
                name=key,
                outcome=result.outcome,
                figure=result.figure,
                because=result.because,
                detail=dict(result.detail or {}),
                at=ws.now(),
            )
        )
