"""One column that moved, or did not: its figures, and the sentence that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from jupyter_mlops.domain.answers import DriftRow, Status
from jupyter_mlops.locale import tell
from jupyter_mlops.services.counting import FEATURE
from jupyter_mlops.services.packing import finite

if TYPE_CHECKING:
    from jupyter_mlops.stats.drift import Comparison, Finding
    from jupyter_mlops.stats.profile import Display, Profile

SCORE: Final = "prediction"
"""The row that speaks of the answers; a feature of that name keeps its own row beside it."""
TARGET: Final = "target:"


def shown(name: str) -> str:
    """Return a column as people know it."""
    if name.startswith(TARGET):
        return name.removeprefix(TARGET)
    return SCORE if name == "score" else name.removeprefix(FEATURE)


def _what(name: str) -> Literal["feature", "answers", "target"]:
    if name.startswith(TARGET):
        return "target"
    return "answers" if name == "score" else "feature"


def row(
    name: str,
    before: Profile,
    now: Profile,
    compared: Comparison,
    found: Finding,
    importance: dict[str, float],
) -> DriftRow:
    """Return what is told of a column: its figures, its shares bin by bin, and its sentence."""
    shown_before, shown_now = before.display(), now.display()
    feature, label = name.removeprefix(FEATURE), shown(name)
    return DriftRow(
        feature=label,
        of=_what(name),
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
        importance=importance.get(feature) if name.startswith(FEATURE) else None,
        n_reference=compared.n_reference,
        n_current=compared.n_current,
        because=_why(label, compared, found),
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


def because(status: Status, items: list[DriftRow]) -> str:
    """Return the sentence that explains the status of all columns."""
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


def urgency(item: DriftRow) -> tuple[int, float]:
    """Return by what columns are put in order, the most urgent first."""
    order = ("failing", "warning", "passing", "unknown")
    return order.index(item["status"]), -(item["psi"] or 0.0)
