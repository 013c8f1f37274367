"""What moved: each feature and the answers themselves, now against the frozen reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Drift, DriftRow, HeatRow, Period, Status
from jupyter_mlops.domain.arguments import DeploymentName, Names, Text, Time, read
from jupyter_mlops.domain.monitoring import Watched
from jupyter_mlops.errors import Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services import against, batches, champions, heat, profiles, samples, unusual
from jupyter_mlops.services import explained as explaining
from jupyter_mlops.services import rules as written
from jupyter_mlops.services import together as at_once
from jupyter_mlops.services import weighed as weighing
from jupyter_mlops.services.against import TRAINING
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.packing import finite
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
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
    segment: Text = "",
    version: Names = (),
    reference: Text = TRAINING,
    as_of: Time | None = None,
    together: bool = False,
    explain: Text = "",
    importance: bool = False,
) -> Drift:
    """Show which features moved away from the training data, by evidence and by size.

    Evidence is a test corrected for the number of features and for how often one looks; size is the
    population stability index. Both are needed before anything is called drifted.

    `by` cuts the time into periods: `batch` into the newest 40 requests with more than one row.
    `segment` looks at a part of the traffic, such as `region=EU & age>60`, of any time. `version`
    names versions other than the champion; several are measured on the scale of the first.
    `reference` is what the window is compared with: `training`, `holdout`, an age before it (`30d`),
    `last-month`, `season` (the same period last year), another version, or another segment.
    `as_of` answers as it would have been answered then.

    `together` takes all features at once: how well a classifier tells the rows from the reference,
    and by which features, so that what moved only in how features go together is seen too.
    `explain` names a feature, or `prediction` for the answers, and tells which segments explain how
    it moved. Both learn from at most 10,000 rows of each side, drawn with a fixed seed; the rows of
    training data and holdout are the sample kept at registration.

    `importance` measures what the answers depend on, at registration and since: how much the loss
    grows when a feature is shuffled, in each of the newest twelve periods with 100 labelled rows or
    more, from at most 1,000 of these. A process of its own asks the model.
    """
    span = batches.cut(ws, deployment, window(ws, since, until, by, as_of))
    looked = champions.looked_at(ws, deployment, version, span.as_of)
    if explain:
        explaining.check(looked[0], explain, SCORE)
    told: dict[str, Any] = {"scale": looked[0], "segment": segment, "reference": reference}
    first, *others = [of_window(ws, one, span, **told) for one in looked]
    mark(ws, first, looked[0], span, segment=segment, reference=reference)
    if together or explain:
        _look_closer(ws, first, looked[0], span, segment, reference, together, explain)
    if importance:
        first["weighed"] = weighing.weighed(ws, looked[0], span, segment=segment)
    if others:
        first["beside"] = others
    return first


def of_window(
    ws: Workspace,
    serving: Champion,
    span: Window,
    *,
    scale: Champion | None = None,
    segment: str = "",
    reference: str = TRAINING,
    watched: Watched | None = None,
) -> Drift:
    """Return the drift of a version in a window, over its own bins or on the scale of another.

    It is judged by the rules that were in force when the window ended, unless told otherwise.
    """
    from jupyter_mlops.stats import drift as stats

    judged = watched or Watched(written.monitoring(ws, serving.deployment, span.until))
    scale = scale or serving
    before, words = against.reference(ws, scale, span, reference)
    pairs: dict[str, tuple[Profile, Profile]] = {}
    periods: list[Period] = []
    warmth: list[HeatRow] = []
    if before is not None:
        now, hours = against.answered(ws, serving, span, scale=scale, segment=segment)
        left_out = {"label", *(_FEATURE + name for name in judged.rules.exclude)}
        names = [name for name in before.layout.names if name not in left_out]
        pairs = {name: (before.column(name), now.column(name)) for name in names}
        if span.by == "batch":
            hours = batches.hours(ws, serving, span, scale=scale, segment=segment)
        periods, warmth = heat.heat(before, hours, span)
    compared = {name: stats.compare(*pair) for name, pair in pairs.items()}
    importance = {_FEATURE + name: value for name, value in serving.importance.items()}
    found = stats.findings(compared, importance=importance or None, **judged.knobs)
    items = [
        _row(name, *pairs[name], compared[name], found[name], serving.importance)
        for name in compared
    ]
    items.sort(key=_urgency)
    status = rules.worst(item["status"] for item in items)
    told = Drift(
        deployment=serving.deployment,
        version=serving.ref,
        status=status,
        because=_because(status, items),
        reference=words,
        items=items,
        periods=periods,
        heat=[
            {**row, "feature": _shown(row["feature"])} for row in warmth if row["feature"] in pairs
        ],
    )
    if span.by == "batch":
        told["batches"] = batches.told(span)
    return told


def mark(
    ws: Workspace, found: Drift, serving: Champion, span: Window, *, segment: str, reference: str
) -> None:
    """Mark what is unusual against its own history: that of the same rows, held against the same."""
    if span.by == "batch":
        return

    def hours(past: Window) -> Sequence[profiles.Hour]:
        if not segment:
            return profiles.shown(ws, serving.deployment, past, serving.ref)
        return against.answered(ws, serving, past, scale=serving, segment=segment)[1]

    before, _ = against.reference(ws, serving, span, reference)
    apart = None if reference in (TRAINING, "holdout") else against.earlier(span, reference)
    raw = bool(segment)
    unusual.of_drift(ws, found, span, _shown, before, hours, apart=apart, raw=raw)


def _look_closer(
    ws: Workspace,
    found: Drift,
    serving: Champion,
    span: Window,
    segment: str,
    reference: str,
    together: bool,
    explain: str,
) -> None:
    """Add to an answer what only rows can tell."""
    of_answers = bool(explain) and explain not in {one["name"] for one in serving.features}
    before, words = samples.before(ws, serving, span, reference, scores=of_answers)
    if before is None:
        raise Refused(
            "{ref} was registered without rows to compare with.",
            "`register MODEL --train FRAME` keeps a sample; --reference 30d takes earlier rows.",
            code="sample_missing",
            ref=serving.ref,
        )
    now = samples.now(ws, serving, span, segment)
    without = written.monitoring(ws, serving.deployment, span.until).exclude
    if together:
        found["together"] = at_once.together(before, now, words, without=without)
    if explain:
        found["explained"] = explaining.explained(explain, before, now, words, without=without)


def _shown(name: str) -> str:
    return SCORE if name == "score" else name.removeprefix(_FEATURE)


def _row(
    name: str,
    before: Profile,
    now: Profile,
    compared: Comparison,
    found: Finding,
    importance: dict[str, float],
) -> DriftRow:
    shown_before, shown_now = before.display(), now.display()
    feature, shown = name.removeprefix(_FEATURE), _shown(name)
    return DriftRow(
        feature=shown,
        of="answers" if name == "score" else "feature",
        kind=compared.kind,
        finding=found.finding,
        status=found.status,
        why=found.why,
        p_value=finite(compared.p_value),
        psi=finite(compared.psi),
        missing_p_value=finite(compared.missing_p_value),
        jensen_shannon=finite(compared.jensen_shannon),
        hellinger=finite(compared.hellinger),
        wasserstein=finite(compared.wasserstein),
        kl=finite(compared.kl),
        cramers_v=finite(compared.cramers_v),
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
