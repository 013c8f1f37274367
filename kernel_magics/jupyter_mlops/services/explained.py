"""Which segments explain that a feature, or the answers, have moved? Parts that add up to the whole."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from jupyter_mlops.domain.answers import Explained, ExplainedBy, ExplainedPart
from jupyter_mlops.errors import NotFound, did_you_mean
from jupyter_mlops.locale import tell
from jupyter_mlops.services.packing import finite

if TYPE_CHECKING:
    from jupyter_mlops.services.champions import Champion
    from jupyter_mlops.services.samples import Sample
    from jupyter_mlops.stats import explained as stats

MOST: Final = 10
"""Attributes that are told, the ones whose segments stand apart most."""


def check(serving: Champion, feature: str, answers: str) -> None:
    """Refuse what is neither a feature of a version nor its answers.

    Raises:
        NotFound: it is not; the message has what it may have been.
    """
    known = [*(one["name"] for one in serving.features), answers]
    if feature in known:
        return
    meant = did_you_mean(feature, known)
    raise NotFound(
        "{ref} has no feature {feature}.",
        "did you mean {meant}?" if meant else "its features are {known}.",
        code="feature_not_found",
        ref=serving.ref,
        feature=feature,
        meant=meant,
        known=", ".join(known),
    )


def explained(
    feature: str, before: Sample, now: Sample, reference: str, *, without: Collection[str]
) -> Explained:
    """Return how the segments of each other feature explain the PSI of one, or of the scores."""
    from jupyter_mlops.stats.explained import LEVEL, by_attributes

    of_answers = feature not in now.features
    old, new = (
        sample.scores if of_answers else sample.features[feature] for sample in (before, now)
    )
    others = [name for name in now.features if name not in {feature, *without}]
    found = by_attributes(
        old,
        new,
        reference_attributes={name: before.features[name] for name in others},
        current_attributes={name: now.features[name] for name in others},
    )
    stands_out = bool(found) and found[0].p_value < LEVEL
    return Explained(
        feature=feature,
        of="answers" if of_answers else "feature",
        psi=finite(found[0].whole) if found else None,
        stands_out=stands_out,
        because=_because(feature, found[0] if found else None, stands_out=stands_out),
        reference=reference,
        n_reference=before.rows,
        n_current=now.rows,
        of_current=now.of,
        attributes=[_by(one) for one in found[:MOST]],
    )


def _by(one: stats.Explained) -> ExplainedBy:
    return ExplainedBy(
        attribute=one.attribute,
        apart=finite(one.apart),
        p_value=finite(one.p_value),
        parts=[
            ExplainedPart(
                segment=part.segment,
                psi=part.contribution,
                share=finite(part.share),
                n_reference=part.n_reference,
                n_current=part.n_current,
            )
            for part in one.parts
        ],
    )


def _because(feature: str, best: stats.Explained | None, *, stands_out: bool) -> str:
    if best is None:
        return tell("Too few rows to explain {feature}.", feature=feature)
    told = {"feature": feature, "psi": f"{best.whole:.2f}"}
    if not stands_out:
        return tell(
            "No segment explains how {feature} moved (PSI {psi}): it moved as much in all.", **told
        )
    first = best.parts[0]
    rows = sum(part.n_current for part in best.parts) or 1
    return tell(
        "{attribute} {segment} explains {share} of how {feature} moved (PSI {psi}), with {part} of the rows.",
        attribute=best.attribute,
        segment=first.segment,
        share=f"{first.share:.0%}",
        part=f"{first.n_current / rows:.0%}",
        **told,
    )
