"""What a service has to hold: its latency and its share of errors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jupyter_mlops.errors import Invalid, did_you_mean


@dataclass(frozen=True)
class Objectives:
    """Service objectives; None where nothing was agreed."""

    latency_p95_ms: float | None = None
    error_rate: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Return the objectives as JSON."""
        return asdict(self)


def read(told: Any) -> Objectives:
    """Return the objectives that a person wrote.

    Raises:
        Invalid: one is unknown, or not a number that can be held.
    """
    known = list(Objectives.__dataclass_fields__)
    if not isinstance(told, dict):
        raise _wrong("objectives", "a mapping", "", known)
    for name, value in told.items():
        if name not in known:
            raise _wrong(str(name), "one of the objectives", did_you_mean(str(name), known), known)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        most = 1.0 if name == "error_rate" else 3_600_000.0
        if not is_number or not 0 < value <= most:
            raise _wrong(str(name), f"a number above 0 and at most {most:g}", "", known)
    return Objectives(**{str(name): float(value) for name, value in told.items()})


def _wrong(name: str, wanted: str, meant: str, known: list[str]) -> Invalid:
    return Invalid(
        "{name} is not {wanted}.",
        "did you mean {meant}?" if meant else "the objectives are: {known}.",
        code="rules_invalid",
        name=name,
        wanted=wanted,
        meant=meant,
        known=", ".join(known),
    )
