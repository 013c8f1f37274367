"""Rules of humility as the holdout suggests them: YAML to look at, change and put in force."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from jupyter_mlops.domain.limits import USUAL_LEVEL, Limits
from jupyter_mlops.locale import tell
from jupyter_mlops.services.champions import Champion

FLOOR: Final = 0.75
"""A band of probability is doubtful where fewer answers than this share are right."""
FEWEST: Final = 20
MOST_NAMED: Final = 20
_RARE: Final = 0.001
_USUAL: Final = 0.999


def proposed(serving: Champion) -> str:
    """Return rules for a champion as YAML, each with the reason for its bounds; the same each time."""
    said = [
        line
        for part in (_unsure, _values, _wide, _unusual, _outlying, _unseen, _missing)
        for line in part(serving)
    ]
    head = tell(
        "Proposed from the figures of {ref} ({n} holdout rows). Look at each bound, then put them"
        " in force.",
        ref=serving.ref,
        n=f"{serving.limits.rows:,}",
    )
    empty = [] if any(not line.startswith("#") for line in said) else ["[]"]
    body = [f"  {line}" for line in (*said, *empty)]
    return "\n".join([f"# {head}", "humility:", *body, ""])


def _unsure(serving: Champion) -> Iterator[str]:
    """Propose the band of probability in which too few answers are right."""
    if serving.task == "regression":
        return
    doubtful = _doubtful(serving.limits)
    if not doubtful:
        yield _comment(
            tell(
                "No band of probability with {fewest} holdout rows is right less often than {floor}.",
                fewest=FEWEST,
                floor=f"{FLOOR:.0%}",
            )
        )
        return
    most, n, hits = doubtful
    yield _comment(
        tell(
            "Of {n} holdout rows it was at most {most} sure of, {share} were right.",
            n=f"{n:,}",
            most=f"{most:.0%}",
            share=f"{hits / n:.0%}",
        )
    )
    low = f"{1 - most:g}" if serving.task == "binary" else "0"
    yield f"- {{name: unsure, when: uncertain, between: [{low}, {most:g}], then: review}}"


def _doubtful(limits: Limits) -> tuple[float, int, int] | None:
    """Go up from the least sure answers while those of a step are right too seldom.

    Return up to where that is, how many holdout rows lie below it, and how many were right.
    """
    found, n, hits = None, 0, 0
    for step in limits.sure:
        rows, right = step[1] - n, step[2] - hits
        if rows and right / rows >= FLOOR:
            break
        found, n, hits = step, step[1], step[2]
    return found if n >= FEWEST else None


def _values(serving: Champion) -> Iterator[str]:
    low, high = serving.limits.low, serving.limits.high
    if low is None or high is None or not low < high:
        return
    yield _comment(
        tell("The training target lay between {low} and {high}.", low=f"{low:g}", high=f"{high:g}")
    )
    yield (
        f"- {{name: beyond, when: uncertain, outside: [{low:g}, {high:g}], then: override,"
        " to: bound}"
    )


def _wide(serving: Champion) -> Iterator[str]:
    """Propose to doubt the widest intervals, where they are not all of one width."""
    widths = sorted({2 * half for half in serving.limits.half.get(USUAL_LEVEL, ()) if half})
    if len(widths) < 2:  # noqa: PLR2004  (one width says nothing about an answer)
        return
    yield _comment(
        tell(
            "The {level} intervals are {least} to {most} wide; this is the widest kind.",
            level=f"{float(USUAL_LEVEL):.0%}",
            least=f"{widths[0]:.4g}",
            most=f"{widths[-1]:.4g}",
        )
    )
    yield f"- {{name: wide, when: uncertain, wider_than: {widths[-2]:.6g}, then: note}}"


def _unusual(serving: Champion) -> Iterator[str]:
    cloud = serving.limits.cloud
    if cloud is None:
        return
    yield _comment(
        tell(
            "All numbers together, {share} of the training rows lie farther away.",
            share=f"{1 - _USUAL:.1%}",
        )
    )
    yield f"- {{name: unusual, when: unusual, more_than: {_USUAL}, then: note}}"


def _outlying(serving: Champion) -> Iterator[str]:
    if any("low" in feature for feature in serving.features):
        yield _comment(tell("A number outside the range it had in training."))
        yield "- {name: outlying, when: outlying, then: note}"


def _unseen(serving: Champion) -> Iterator[str]:
    if not any(feature["type"] == "category" for feature in serving.features):
        return
    rare = sum(_rare(serving.limits))
    yield _comment(
        tell(
            "A category that training did not have, or in fewer than {share} of its rows ({n} such).",
            share=f"{_RARE:.1%}",
            n=rare,
        )
    )
    yield f"- {{name: unseen, when: unseen, rarer_than: {_RARE}, then: note}}"


def _rare(limits: Limits) -> Iterator[int]:
    for levels in limits.rare.values():
        yield sum(share < _RARE for share in levels.values())


def _missing(serving: Champion) -> Iterator[str]:
    whole = [feature["name"] for feature in serving.features if not feature["missing"]]
    if not whole or not serving.rows:
        return
    if len(whole) == len(serving.features):
        yield _comment(tell("No feature was ever missing in training."))
        yield "- {name: missing, when: missing, then: note}"
        return
    yield _comment(tell("These features were never missing in training."))
    yield f"- {{name: missing, when: missing, features: {_names(whole[:MOST_NAMED])}, then: note}}"


def _names(names: Iterable[str]) -> str:
    """Return names as YAML reads them, whatever they hold."""
    return f"[{', '.join(json.dumps(name) for name in names)}]"


def _comment(text: str) -> str:
    return f"# {text}"
