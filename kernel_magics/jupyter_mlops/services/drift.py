"""What moved: each feature and the answers themselves, now against the frozen reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_mlops.domain import health as rules
from jupyter_mlops.domain.answers import Drift
from jupyter_mlops.domain.arguments import (
    DeploymentName,
    Frame,
    Names,
    Reference,
    Text,
    Time,
    read,
)
from jupyter_mlops.domain.monitoring import Watched
from jupyter_mlops.domain.references import HOLDOUT, TRAINING
from jupyter_mlops.errors import Invalid, Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    against,
    batches,
    champions,
    heat,
    moved,
    profiles,
    samples,
    unscored,
    unusual,
)
from jupyter_mlops.services import explained as explaining
from jupyter_mlops.services import rules as written
from jupyter_mlops.services import together as at_once
from jupyter_mlops.services import weighed as weighing
from jupyter_mlops.services.champions import Champion
from jupyter_mlops.services.counting import FEATURE, profile_of
from jupyter_mlops.services.moved import SCORE, TARGET
from jupyter_mlops.services.slices import Slice
from jupyter_mlops.services.unscored import Unscored
from jupyter_mlops.services.window import By, Window, window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.stats.batch import Batch
    from jupyter_mlops.stats.profile import Profile


@read(prepare="services.unscored:prepare_drift")
def drift(
    ws: Workspace,
    deployment: DeploymentName,
    *,
    of: Frame | None = None,
    since: Time = "7d",
    until: Time | None = None,
    by: By = "day",
    segment: Text = "",
    version: Names = (),
    reference: Reference = TRAINING,
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
    `last-month`, `season` (the same period last year), another version, another segment, or a frame
    or file of rows. `as_of` answers as it would have been answered then.

    `of` takes a frame, or a file (Parquet, CSV), of rows that nobody scored yet, and compares these
    instead of what was answered in the window; a column of the target is compared as well.

    `together` takes all features at once: how well a classifier tells the rows from the reference,
    and by which features, so that what moved only in how features go together is seen too.
    `explain` names a feature, or `prediction` for the answers, and tells which segments explain how
    it moved. Both learn from at most 10,000 rows of each side, drawn with a fixed seed; the rows of
    training data and holdout are the sample kept at registration.

    `importance` measures what the answers depend on, at registration and since: how much the loss
    grows when a feature is shuffled, in each of the newest twelve periods with 100 labelled rows or
    more, from at most 1,000 of these. A process of its own asks the model.
    """
    compared = unscored.given(of)
    if not isinstance(reference, str):
        reference = unscored.given(reference) or TRAINING
    span = window(ws, since, until, by, as_of)
    looked = champions.looked_at(ws, deployment, version, span.as_of)
    if explain:
        explaining.check(looked[0], explain, SCORE)
    if compared is not None:
        of_answers = bool(explain) and _is_of_answers(looked[0], explain)
        _check_unscored(several=bool(looked[1:]), importance=importance, answers=of_answers)
        if against.earlier(span, reference):
            span = replace(span, since=span.until)  # an age counts from now: no window is looked at
        first = of_rows(ws, looked[0], span, compared, segment=segment, reference=reference)
    else:
        span = batches.cut(ws, deployment, span)
        told: dict[str, Any] = {"segment": segment, "reference": reference}
        first, *others = [of_window(ws, one, span, scale=looked[0], **told) for one in looked]
        for one, serving in zip((first, *others), looked, strict=True):
            mark(ws, one, serving, span, scale=looked[0], **told)
        if others:
            first["beside"] = others
    if together or explain:
        rows = samples.of_rows(compared, looked[0], segment) if compared else None
        _look_closer(ws, first, looked[0], span, segment, reference, together, explain, rows)
    if importance:
        first["weighed"] = weighing.weighed(ws, looked[0], span, segment=segment)
    return first


def of_window(
    ws: Workspace,
    serving: Champion,
    span: Window,
    *,
    scale: Champion | None = None,
    segment: str = "",
    reference: str | Unscored = TRAINING,
    watched: Watched | None = None,
) -> Drift:
    """Return the drift of a version in a window, over its own bins or on the scale of another.

    It is judged by the rules that were in force when the window ended, unless told otherwise.
    """
    judged = watched or Watched(written.monitoring(ws, serving.deployment, span.until))
    scale = scale or serving
    before, words = against.reference(ws, scale, span, reference)
    if before is None:
        return _judged(serving, judged, {}, words)
    layout = before.layout if isinstance(reference, Unscored) else None
    now, hours = against.answered(ws, serving, span, scale=scale, segment=segment, layout=layout)
    if span.by == "batch":
        over = layout or against.bins(ws, scale)
        hours = batches.hours(ws, serving, span, layout=over, segment=segment)
    pairs = {name: (before.column(name), now.column(name)) for name in _named(before, judged)}
    told = _judged(serving, judged, pairs, words)
    told["periods"], warmth = heat.heat(before, hours, span)
    told["heat"] = [
        {**row, "feature": moved.shown(row["feature"])} for row in warmth if row["feature"] in pairs
    ]
    if span.by == "batch":
        told["batches"] = batches.told(span)
    return told


def of_rows(
    ws: Workspace,
    serving: Champion,
    span: Window,
    rows: Unscored,
    *,
    segment: str = "",
    reference: str | Unscored = TRAINING,
) -> Drift:
    """Return the drift of rows that nobody scored."""
    judged = Watched(written.monitoring(ws, serving.deployment, span.until))
    before, words = against.reference(ws, serving, span, reference)
    pairs: dict[str, tuple[Profile, Profile]] = {}
    rows.fits(against.types_of(serving))
    if before is not None:
        names = [name for name in _named(before, judged) if name.startswith(FEATURE)]
        layout = type(before.layout)({name: before.layout.bins[name] for name in names})
        now = rows.batch(layout, Slice(segment, serving.features) if segment else None)
        pairs = {name: (before.column(name), now.column(name)) for name in names}
        if not segment:
            pairs |= _targets(ws, serving, reference, rows)
    told = _judged(serving, judged, pairs, words)
    if told["status"] == "passing":
        told["because"] = tell("The rows are as in the reference.")
    told["rows"] = rows.words
    return told


def _targets(
    ws: Workspace, serving: Champion, reference: str | Unscored, rows: Unscored
) -> dict[str, tuple[Profile, Profile]]:
    """Return what the target was and is, where both sides have it."""
    held = reference if isinstance(reference, Unscored) else None
    if reference in (TRAINING, HOLDOUT) and serving.target in rows.schema.names:
        held = samples.target(ws, serving)
    if held is None or not all(serving.target in one.schema.names for one in (held, rows)):
        return {}
    wanted = "number" if serving.task == "regression" else ""
    for one in (held, rows):
        one.fits({serving.target: wanted})
    before = held.profile(serving.target, wanted or "category")
    now = profile_of(rows.column(serving.target), rows.rows, before.bins)
    return {TARGET + serving.target: (before, now)}


def _named(before: Batch, judged: Watched) -> list[str]:
    """Return the columns of a reference that are judged."""
    left_out = {"label", *(FEATURE + name for name in judged.rules.exclude)}
    return [name for name in before.layout.names if name not in left_out]


def _judged(
    serving: Champion,
    judged: Watched,
    pairs: Mapping[str, tuple[Profile, Profile]],
    words: str,
) -> Drift:
    """Return what is found of each column, the most urgent first."""
    from jupyter_mlops.stats import drift as stats

    compared = {name: stats.compare(*pair) for name, pair in pairs.items()}
    importance = {FEATURE + name: value for name, value in serving.importance.items()}
    found = stats.findings(compared, importance=importance or None, **judged.knobs)
    items = [
        moved.row(name, *pairs[name], compared[name], found[name], serving.importance)
        for name in compared
    ]
    items.sort(key=moved.urgency)
    status = rules.worst(item["status"] for item in items)
    return Drift(
        deployment=serving.deployment,
        version=serving.ref,
        status=status,
        because=moved.because(status, items),
        reference=words,
        items=items,
        periods=[],
        heat=[],
    )


def mark(
    ws: Workspace,
    found: Drift,
    serving: Champion,
    span: Window,
    *,
    scale: Champion,
    segment: str,
    reference: str | Unscored,
) -> None:
    """Mark what is unusual against its own history: that of the same rows, held against the same."""
    if span.by == "batch":
        return
    before, _ = against.reference(ws, scale, span, reference)
    layout = before.layout if before and isinstance(reference, Unscored) else None
    raw = bool(segment) or layout is not None or serving.ref != scale.ref

    def hours(past: Window) -> Sequence[profiles.Hour]:
        if not raw:
            return profiles.shown(ws, serving.deployment, past, serving.ref)
        return against.answered(ws, serving, past, scale=scale, segment=segment, layout=layout)[1]

    apart = None if reference in (TRAINING, HOLDOUT) else against.earlier(span, reference)
    unusual.of_drift(ws, found, span, moved.shown, before, hours, apart=apart, raw=raw)


def _look_closer(
    ws: Workspace,
    found: Drift,
    serving: Champion,
    span: Window,
    segment: str,
    reference: str | Unscored,
    together: bool,
    explain: str,
    rows: samples.Sample | None,
) -> None:
    """Add to an answer what only rows can tell: some of those given, else of those of the window."""
    of_answers = bool(explain) and _is_of_answers(serving, explain)
    before, words = samples.before(ws, serving, span, reference, scores=of_answers)
    if before is None:
        raise Refused(
            "{ref} was registered without rows to compare with.",
            "`register MODEL --train FRAME` keeps a sample; --reference 30d takes earlier rows.",
            code="sample_missing",
            ref=serving.ref,
        )
    now = rows or samples.now(ws, serving, span, segment)
    without = written.monitoring(ws, serving.deployment, span.until).exclude
    if together:
        found["together"] = at_once.together(before, now, words, without=without)
    if explain:
        found["explained"] = explaining.explained(explain, before, now, words, without=without)


def _is_of_answers(serving: Champion, explain: str) -> bool:
    return explain not in {one["name"] for one in serving.features}


def _check_unscored(*, several: bool, importance: bool, answers: bool) -> None:
    """Refuse what can be told only of rows that were answered."""
    asked = {"--importance": importance, "--explain prediction": answers, "--version": several}
    for option, is_asked in asked.items():
        if is_asked:
            raise Invalid(
                "{option} asks what was answered, and the rows of --of were never scored.",
                "leave out one of the two; --version takes one name beside --of.",
                code="rows_unscored",
                option=option,
            )
