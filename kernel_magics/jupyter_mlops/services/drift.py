"""What moved: each feature and the answers themselves, now against the frozen reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Drift, DriftRow, Status
from jupyter_mlops.domain.arguments import DeploymentName, Time, read
from jupyter_mlops.locale import tell
from jupyter_mlops.services.champions import Champion, champion
from jupyter_mlops.services.packing import finite
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.stats.drift import Comparison, Finding
    from jupyter_mlops.stats.profile import Display, Profile

SCORE: Final = "prediction"
"""The row that speaks of the answers; a feature of that name keeps its own row beside it."""
_FEATURE: Final = "feature:"


@read()
def drift(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
) -> Drift:
    """Show which features moved away from the training data, by evidence and by size.

    Evidence is a test corrected for the number of features and for how often one looks; size is the
    population stability index. Both are needed before anything is called drifted.
    """
    return of_window(ws, champion(ws, deployment), window(ws, since, until, by))


def of_window(ws: Workspace, serving: Champion, span: Window) -> Drift:
    """Return the drift of a deployment's present version in a window."""
    from jupyter_mlops.stats import drift as stats

    pairs = _pairs(ws, serving, span)
    compared = {name: stats.compare(before, now) for name, (before, now) in pairs.items()}
    found = stats.findings(
        compared,
        importance={_FEATURE + k: v for k, v in serving.importance.items()} or None,
    )
    items = [
        _row(name, *pairs[name], compared[name], found[name], serving.importance)
        for name in compared
    ]
    items.sort(key=_urgency)
    status = rules.worst(item["status"] for item in items)
    return Drift(
        deployment=serving.deployment,
        version=serving.ref,
        status=status,
        because=_because(status, items),
        reference=tell("training data, {n} rows", n=f"{serving.rows:,}"),
        items=items,
    )


def _pairs(ws: Workspace, serving: Champion, span: Window) -> dict[str, tuple[Profile, Profile]]:
    """Return reference and current profile of everything the reference holds."""
    from jupyter_mlops.stats.profile import Profile, profile

    log = _of_version(
        ws.telemetry.read_predictions(serving.deployment, span.since, span.until), serving.digest
    )
    pairs = {}
    for name, told in serving.reference.items():
        if name == "label":
            continue
        before = Profile.from_dict(told)
        pairs[name] = (before, profile(_values(log, name), before.bins))
    return pairs


def _of_version(log: pa.Table, digest: str) -> pa.Table:
    import pyarrow.compute as pc

    return log.filter(pc.equal(log["digest"], digest))


def _values(log: pa.Table, name: str) -> Any:
    """Return a logged column as the profile of its reference was made of it."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if name == "score":
        return log["score"].to_numpy()
    wanted = name.removeprefix(_FEATURE)
    fields = log["features"].type
    if not log.num_rows or fields.get_field_index(wanted) < 0:
        return np.array([None] * log.num_rows, dtype=object)
    column = pc.struct_field(log["features"], [fields.get_field_index(wanted)])
    if kinds.is_floating(column.type) or kinds.is_integer(column.type):
        return column.cast("float64").to_numpy()
    return np.array(column.to_pylist(), dtype=object)


def _row(
    name: str,
    before: Profile,
    now: Profile,
    compared: Comparison,
    found: Finding,
    importance: dict[str, float],
) -> DriftRow:
    shown_before, shown_now = before.display(), now.display()
    feature = name.removeprefix(_FEATURE)
    shown = SCORE if name == "score" else feature
    return DriftRow(
        feature=shown,
        kind=compared.kind,
        finding=found.finding,
        status=found.status,
        p_value=finite(compared.p_value),
        psi=finite(compared.psi),
        missing_p_value=finite(compared.missing_p_value),
        importance=importance.get(feature) if name.startswith(_FEATURE) else None,
        n_reference=compared.n_reference,
        n_current=compared.n_current,
        because=_why(shown, compared, found),
        bins=_labels(shown_before),
        reference=list(shown_before.shares),
        current=list(shown_now.shares),
    )


def _labels(shown: Display) -> list[str]:
    """Name the display bins, in the order of their shares."""
    missing = tell("missing")
    if shown.bins.kind == "category":
        return [*shown.levels, tell("other"), tell("new"), missing]
    ends = [f"{low:.3g} – {high:.3g}" for low, high in shown.ends]
    return [tell("below"), *ends, tell("above"), missing]


def _why(name: str, compared: Comparison, found: Finding) -> str:
    if found.why == "too_few_rows":
        return tell("Too few rows to tell: {n}.", n=f"{compared.n_current:,}")
    if found.why == "missing":
        return tell(
            "{name}: the share of missing values changed by {share}.",
            name=name,
            share=f"{compared.missing_difference:+.1%}",
        )
    if found.why == "new_levels":
        return tell(
            "{name}: {share} of the values were never seen in training.",
            name=name,
            share=f"{compared.new_level_share:.1%}",
        )
    psi = f"{compared.psi:.2f}"
    if found.finding == "drifted":
        return tell("{name} has moved (PSI {psi}).", name=name, psi=psi)
    if found.finding == "shifted":
        return tell("{name} has moved, but little (PSI {psi}).", name=name, psi=psi)
    return tell("{name} is as in training (PSI {psi}).", name=name, psi=psi)


def _because(status: Status, items: list[DriftRow]) -> str:
    if not items:
        return tell("The version was registered without training data to compare with.")
    if status == "unknown":
        return items[0]["because"]
    moved = [item["feature"] for item in items if item["finding"] == "drifted"]
    if not moved:
        return tell("Inputs and answers are as in training.")
    if len(moved) == 1:
        return next(item["because"] for item in items if item["finding"] == "drifted")
    return tell(
        "{n} of {all} moved: {names}.", n=len(moved), all=len(items), names=", ".join(moved[:3])
    )


def _urgency(item: DriftRow) -> tuple[int, float]:
    order = ("failing", "warning", "passing", "unknown")
    return order.index(item["status"]), -(item["psi"] or 0.0)
