"""What the present is compared with: frozen data, another time, another part, another version."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from jupyter_mlops.domain.names import parse_time
from jupyter_mlops.domain.references import HOLDOUT, TRAINING, WORDS, is_age, is_version
from jupyter_mlops.errors import NotFound, Refused, did_you_mean
from jupyter_mlops.locale import tell
from jupyter_mlops.services import profiles, rawrows, references
from jupyter_mlops.services.champions import Champion, of_version
from jupyter_mlops.services.counting import by_hour
from jupyter_mlops.services.slices import LOGGED, Slice
from jupyter_mlops.services.unscored import Unscored
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.services.profiles import Hour
    from jupyter_mlops.stats.batch import Batch, Layout

_WORD: Final = re.compile(r"[\w.-]*")


def answered(
    ws: Workspace,
    serving: Champion,
    span: Window,
    *,
    scale: Champion,
    segment: str = "",
    layout: Layout | None = None,
) -> tuple[Batch, list[Hour]]:
    """Return what a version answered in a window, over the bins of another one or its own.

    Kept profiles tell it for all rows over its own bins; any other question is one to raw rows,
    such as what they are over the bins of a ``layout`` that is no version's.
    """
    import pyarrow.compute as pc

    from jupyter_mlops.stats.batch import together

    if serving.ref == scale.ref and not segment and layout is None:
        return profiles.answers(ws, serving.deployment, span, serving.ref)
    cut = layout or bins(ws, scale)
    chosen = Slice(segment, serving.features) if segment else None
    batches, hours = [], []
    for table in rawrows.rows(ws, serving.deployment, span):
        own = table.filter(pc.equal(table["version"], serving.ref))
        for key, batch in by_hour(chosen.of(own) if chosen else own, lambda _: cut):
            batches.append(batch)
            hours.append(profiles.hour_of(key.hour, batch))
    return together(cut, batches), hours


def bins(ws: Workspace, scale: Champion) -> Layout:
    """Return the bins over which a version is measured; none where it has no reference."""
    from jupyter_mlops.stats.batch import Layout

    return references.layout(ws, scale.ref) or Layout({})


def reference(
    ws: Workspace, serving: Champion, span: Window, said: str | Unscored
) -> tuple[Batch | None, str]:
    """Return what a window is compared with, and the words for it.

    ``said`` is *training*, *holdout*, an age before the window (``30d``), *last-month*, *season*
    (the same period last year), a version (in the same window), rows that were never scored, which
    have bins of their own, or else a segment of the window.

    Raises:
        Refused: the version was registered without a holdout.
        NotFound: it is a word for none of these.
    """
    if isinstance(said, Unscored):
        said.fits(types_of(serving))
        return said.reference(types_of(serving)), said.words
    if said in (TRAINING, HOLDOUT):
        return _frozen(ws, serving, said)
    before = earlier(span, said)
    if before is not None:
        found = profiles.everybody(ws, serving.deployment, before, serving.ref)
        days = [f"{moment:%Y-%m-%d}" for moment in (before.since, before.until)]
        return found, tell("{since} to {until}, {n} rows", since=days[0], until=days[1],
                           n=f"{found.rows:,}")  # fmt: skip
    if is_version(said):
        other = of_version(ws, serving.deployment, said)
        found, _ = answered(ws, other, span, scale=serving)
        name = other.ref
    else:
        _check_segment(serving, said)
        found, _ = answered(ws, serving, span, scale=serving, segment=said)
        name = said
    return found, tell("{name} in the same period, {n} rows", name=name, n=f"{found.rows:,}")


def _check_segment(serving: Champion, said: str) -> None:
    """Refuse one word that names no feature: it was not meant as a condition."""
    names = [*(told["name"] for told in serving.features), *(told["name"] for told in LOGGED)]
    if said in names or not _WORD.fullmatch(said):
        return
    meant = did_you_mean(said, (*WORDS, *names))
    raise NotFound(
        "{name} is nothing to compare with.",
        "Did you mean {meant}?"
        if meant
        else "--reference takes training, holdout, an age such as 30d, last-month, season, a version "
        "such as {ref}, or a segment such as region=EU.",
        code="reference_not_found",
        name=repr(said),
        meant=meant,
        ref=serving.ref,
    )


def _frozen(ws: Workspace, serving: Champion, part: str) -> tuple[Batch | None, str]:
    found = references.frozen(ws, serving.ref, part)
    rows = f"{found.rows if found else serving.rows:,}"
    if part == TRAINING:
        return found, tell("training data, {n} rows", n=rows)
    if found is None:
        raise Refused(
            "{ref} was registered without a holdout.",
            "--reference training compares with its training data.",
            code="holdout_missing",
            ref=serving.ref,
        )
    return found, tell("holdout, {n} rows", n=rows)


def types_of(serving: Champion) -> dict[str, str]:
    """Return the type of each feature; "" for all where no data showed them at registration."""
    return {one["name"]: one["type"] if serving.rows else "" for one in serving.features}


def earlier(span: Window, said: str | Unscored) -> Window | None:
    """Return the window that an age, *last-month* or *season* means."""
    ends: tuple[datetime, datetime] | None = None
    if isinstance(said, Unscored):
        return None
    if is_age(said):
        ends = parse_time(said, now=span.since), span.since
    elif said == "last-month":
        until = span.since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        ends = (until - timedelta(days=1)).replace(day=1), until
    elif said == "season":
        ends = _last_year(span.since), _last_year(span.until)
    return replace(span, since=ends[0], until=ends[1], goes_on=False) if ends else None


def _last_year(moment: datetime) -> datetime:
    """Return the same day a year before; of a leap day, the day before it."""
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return moment.replace(year=moment.year - 1, day=day)
