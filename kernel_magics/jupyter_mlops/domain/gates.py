"""Which gate a version goes through, how it ramps, and when it is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from jupyter_mlops.domain.answers import Figure, Gate, Risk
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.domain.monitoring import LOWER_IS_BETTER
from jupyter_mlops.errors import Invalid, did_you_mean

LITTLE: Final = 100.0
"""Rows an hour below which a canary would learn too little to be worth its time."""
ENOUGH_HOLDOUT: Final = 500
MARGIN: Final = 0.02
STEPS: Final = (0.01, 0.05, 0.25, 0.5)
PATIENCE_HOURS: Final = 4.0
MOST_EVIDENCE: Final = 100.0
"""An e-value of 100: a false alarm in one of a hundred rollouts, however often one looks."""
FEWEST_BAD: Final = 3
FLOOR_ERRORS: Final = 0.005
SLOWER: Final = 3.0
SLOWER_MS: Final = 5.0

Why = Literal[
    "first_release",
    "little_traffic",
    "high_risk",
    "weak_evidence",
    "some_evidence",
    "strong_evidence",
]
Proof = Literal["strong", "some", "weak"]
Fault = Literal["errors", "objective_errors", "slow", "otherwise"]


@dataclass(frozen=True)
class Facts:
    """What the choice of a gate depends on.

    ``proven`` says how the version did on its holdout beside the champion: strong when it has rows
    enough and is surely no worse, some when its figures do not speak against it, else weak.
    """

    has_champion: bool
    risk: Risk
    rows_per_hour: float
    proven: Proof


@dataclass(frozen=True)
class Choice:
    """A gate, and a code for the sentence that explains it."""

    gate: Gate
    because: Why


def proven(metric: str, mine: Figure | None, champions: Figure | None, rows: int) -> Proof:
    """Say how well a version's holdout speaks for it beside the champion's.

    Strong: rows enough, and even the worse end of its interval is within a fiftieth of the
    champion's value. Weak: no figure, or one that the champion's interval excludes.

    >>> good, worse = ({"value": v, "low": v - 0.01, "high": v + 0.01} for v in (0.91, 0.80))
    >>> proven("roc_auc", good, good, 2000), proven("roc_auc", worse, good, 2000)
    ('strong', 'weak')
    """
    if mine is None or mine["value"] is None or not rows:
        return "weak"
    if champions is None or champions["value"] is None:
        return "some"
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    size = abs(champions["value"]) if metric in LOWER_IS_BETTER else 1.0
    worse_end = mine["low"] if sign > 0 else mine["high"]
    champions_end = champions["low"] if sign > 0 else champions["high"]
    if champions_end is not None and sign * (mine["value"] - champions_end) < 0:
        return "weak"
    if worse_end is None or rows < ENOUGH_HOLDOUT:
        return "some"
    within = sign * (worse_end - champions["value"]) >= -MARGIN * size
    return "strong" if within else "some"


def choose(facts: Facts) -> Choice:
    """Choose how carefully a version takes over.

    >>> choose(Facts(True, "moderate", rows_per_hour=2000, proven="some"))
    Choice(gate='canary', because='some_evidence')
    >>> choose(Facts(True, "critical", rows_per_hour=2000, proven="strong"))
    Choice(gate='shadow', because='high_risk')
    >>> choose(Facts(True, "low", rows_per_hour=3, proven="weak"))
    Choice(gate='swap', because='little_traffic')
    """
    if not facts.has_champion:
        return Choice("swap", "first_release")
    if facts.risk in ("high", "critical"):
        return Choice("shadow", "high_risk")
    if facts.rows_per_hour < LITTLE:
        return Choice("swap", "little_traffic")
    if facts.proven == "weak":
        return Choice("canary" if facts.risk == "low" else "shadow", "weak_evidence")
    if facts.proven == "strong" and facts.risk == "low":
        return Choice("swap", "strong_evidence")
    return Choice("canary", "some_evidence" if facts.proven == "some" else "strong_evidence")


@dataclass(frozen=True)
class Pace:
    """How a rollout goes by itself: its shares, and what each is held for at least."""

    steps: tuple[float, ...] = ()
    rows: int = 200
    minutes: float = 10.0
    agreement: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return the pace as JSON."""
        return {**asdict(self), "steps": list(self.steps)}


DEFAULT: Final = Pace()


def read_pace(told: Any) -> Pace:
    """Return the pace that a person wrote.

    Raises:
        Invalid: a part is unknown, or no number that can be held.
    """
    known = list(Pace.__dataclass_fields__)
    if not isinstance(told, Mapping):
        raise _wrong("rollout", "a mapping", "", known)
    for name, value in told.items():
        if name not in known:
            raise _wrong(str(name), "a part of rollout", did_you_mean(str(name), known), known)
        if name == "steps":
            _check_steps(value, known)
        elif not _is_number(value) or not 0 <= value <= _MOST[name]:
            raise _wrong(str(name), f"a number from 0 to {_MOST[name]:g}", "", known)
    given = {str(name): value for name, value in told.items()}
    if "steps" in given:
        given["steps"] = tuple(float(step) for step in given["steps"])
    if "rows" in given:
        given["rows"] = int(given["rows"])
    return Pace(**given)


def _check_steps(value: Any, known: list[str]) -> None:
    fine = isinstance(value, list) and all(_is_number(step) and 0 < step < WHOLE for step in value)
    if not fine or sorted(set(value)) != value:
        raise _wrong("steps", "a list of shares, each above the one before and below 1", "", known)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_MOST: Final = {"rows": 1e9, "minutes": 1e6, "agreement": 1.0}


def steps_for(rows_per_hour: float, pace: Pace = DEFAULT) -> tuple[float, ...]:
    """Return the shares that bring the rows a step needs within a few hours, the largest in any case.

    >>> steps_for(10_000), steps_for(1_000), steps_for(0)
    ((0.01, 0.05, 0.25, 0.5), (0.05, 0.25, 0.5), (0.5,))
    """
    if pace.steps:
        return pace.steps
    soon = tuple(s for s in STEPS if s * rows_per_hour * PATIENCE_HOURS >= pace.rows)
    return soon or STEPS[-1:]


def next_share(steps: Sequence[float], share: float) -> float:
    """Return the share that comes after this one; the whole after the last.

    >>> next_share([0.05, 0.25], 0.05), next_share([0.05, 0.25], 0.25), next_share([], 0.0)
    (0.25, 1.0, 1.0)
    """
    return next((step for step in steps if step > share), WHOLE)


@dataclass(frozen=True)
class Side:
    """What one model did since the step began: what went well, what failed, how slowly."""

    answered: int = 0
    failed: int = 0
    p95: float | None = None

    @property
    def error_rate(self) -> float:
        """Return the share of what it was asked that failed."""
        return self.failed / max(self.answered + self.failed, 1)


@dataclass(frozen=True)
class Seen:
    """What is known of a step: both sides, and the evidence (e-values) against the candidate."""

    candidate: Side
    champion: Side
    minutes: float
    rows: int
    more_errors: float = 0.0
    above_objective: float = 0.0
    too_slow: float = 0.0
    otherwise: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What to do with a candidate now; ``fault`` says what it is taken back for."""

    do: Literal["wait", "raise", "back"]
    fault: Fault | None = None


def judge(seen: Seen, pace: Pace, *, agreed_errors: float | None = None) -> Verdict:
    """Raise, hold or take back a candidate, by what was seen of it since its step began.

    >>> well = Side(answered=300, p95=2.0)
    >>> judge(Seen(well, well, minutes=11, rows=300), DEFAULT)
    Verdict(do='raise', fault=None)
    >>> ill = Side(answered=50, failed=6, p95=2.0)
    >>> judge(Seen(ill, well, minutes=1, rows=56, more_errors=900.0), DEFAULT)
    Verdict(do='back', fault='errors')
    """
    mine, other = seen.candidate, seen.champion
    enough = mine.failed >= FEWEST_BAD and mine.error_rate >= FLOOR_ERRORS
    if enough and seen.more_errors >= MOST_EVIDENCE:
        return Verdict("back", "errors")
    blameless = agreed_errors is not None and other.error_rate > agreed_errors
    if enough and seen.above_objective >= MOST_EVIDENCE and not blameless:
        return Verdict("back", "objective_errors")
    if seen.too_slow >= MOST_EVIDENCE:
        return Verdict("back", "slow")
    if seen.otherwise >= MOST_EVIDENCE:
        return Verdict("back", "otherwise")
    held = agreed_errors is None or mine.error_rate <= agreed_errors
    is_ripe = seen.rows >= pace.rows and seen.minutes >= pace.minutes
    return Verdict("raise" if is_ripe and held else "wait")


def slowest(champion_p95: float | None, agreed: float | None) -> float | None:
    """Return the latency in ms that 95 % of a candidate's answers may take; None if not known.

    What was agreed, unless the champion does not hold it either; else three times the champion's.

    >>> slowest(2.0, None), slowest(40.0, 50.0), slowest(60.0, 50.0), slowest(None, None)
    (7.0, 50.0, 180.0, None)
    """
    if agreed is not None and (champion_p95 is None or champion_p95 <= agreed):
        return agreed
    if champion_p95 is None:
        return None
    return max(champion_p95 * SLOWER, champion_p95 + SLOWER_MS)


def _wrong(name: str, wanted: str, meant: str, known: list[str]) -> Invalid:
    return Invalid(
        "{name} is not {wanted}.",
        "did you mean {meant}?" if meant else "the parts of rollout are: {known}.",
        code="rules_invalid",
        name=name,
        wanted=wanted,
        meant=meant,
        known=", ".join(known),
    )
