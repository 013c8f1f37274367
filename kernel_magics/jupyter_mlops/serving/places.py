"""A deployment in memory: who answers which case, what is told, and the frame that remembers it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from jupyter_mlops.domain.deployments import is_tried_on
from jupyter_mlops.domain.humility import Humility, Subject
from jupyter_mlops.serving.models import Model, Scored
from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    from jupyter_mlops.services.rules import Applied
    from jupyter_mlops.serving.questions import Question

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Answered:
    """What goes back to the caller, and what goes into the log."""

    body: bytes
    head: bytes


class Place:
    """A deployment as it is served: a champion, and perhaps a canary on a share of the cases.

    It never changes; a swap puts another in its place, and requests that have begun keep theirs.
    """

    def __init__(
        self,
        champion: Model,
        canary: Model | None = None,
        share: float = 0.0,
        rules: Applied | None = None,
    ) -> None:
        self.deployment = champion.deployment
        self.champion = champion
        self.canary = canary
        self.share = share
        self.rules = rules
        self._humility = _ready(champion, rules)
        self.executor = None if self.is_quick else champion.executor
        self._open = {
            "deployment": champion.deployment,
            "version": champion.loaded.ref,
            "digest": champion.loaded.digest,
        }

    @property
    def is_quick(self) -> bool:
        """Say whether all that answers here is compiled, and may do so on the loop."""
        return self.champion.loaded.compiled and (
            self.canary is None or self.canary.loaded.compiled
        )

    def answer(self, asked: Question, began: float, extra: dict[str, Any]) -> Answered:
        """Answer a request, and say in the same breath what the log has to remember.

        Raises:
            Problem: 422 when a row is not what the model reads, 500 when the model itself failed.
        """
        names = prediction_ids(len(asked.rows))
        ids = asked.ids or names
        if self.canary is None:
            scored, by = self.champion.scored(asked.rows), None
        else:
            by = [is_tried_on(case, self.share) for case in ids]
            scored = self._shared(self.canary, asked, by)
        if asked.threshold is not None:
            self._cut(scored, asked.threshold)
        if self._humility is not None:
            _judge(self._humility, asked.rows, scored)
        told = self._told(scored, names, ids, by)
        for row, passed in zip(told, asked.passed or (), strict=False):
            row["passed"] = passed
        body = asked.tell(self._open, told)
        head = {
            "at": now(),
            "kind": "",
            "status": 200,
            "rows": len(names),
            "ms": (time.perf_counter() - began) * 1000,
            "version": self._each(by, lambda model: model.loaded.ref),
            "digest": self._each(by, lambda model: model.loaded.digest),
            "role": [("champion", "canary")[tried] for tried in by] if by else "champion",
            "prediction_ids": names,
            "ids": ids,
            "scores": scored.values,
            "labels": scored.labels,
            "probabilities": scored.chances,
            "warnings": scored.warnings if any(scored.warnings) else None,
            "salt": os.urandom(16).hex(),
        }
        if extra:
            head |= {**extra, "answer": body.decode()}
        return Answered(body, _encode(head))

    def _cut(self, scored: Scored, threshold: float) -> None:
        """Answer the second of two classes from this probability on.

        Raises:
            Problem: 422, the model does not answer one of two classes.
        """
        loaded = self.champion.loaded
        if loaded.task != "binary" or scored.labels is None:
            raise Problem(
                422,
                "invalid_query",
                "Only a model of two classes has a threshold.",
                "leave it out.",
            )
        chosen = [int(value >= threshold) for value in scored.values]
        scored.said = [loaded.classes[at] for at in chosen]
        scored.labels = [self.champion.classes[at] for at in chosen]

    def _shared(self, canary: Model, asked: Question, by: list[bool]) -> Scored:
        """Ask each model about its own cases, and put the answers back in the order of the rows."""
        parts = []
        for model, tried in ((self.champion, False), (canary, True)):
            rows = [at for at, chosen in enumerate(by) if chosen is tried]
            if rows:
                parts.append((rows, model.scored([asked.rows[at] for at in rows])))
        if len(parts) == 1:
            return parts[0][1]
        count = len(by)
        return Scored(
            said=_woven(parts, lambda found: found.said, count) or [],
            labels=_woven(parts, lambda found: found.labels, count),
            chances=_woven(parts, lambda found: found.chances, count),
            values=_woven(parts, lambda found: found.values, count) or [],
            warnings=_woven(parts, lambda found: found.warnings, count) or [],
        )

    def _told(
        self, scored: Scored, names: Sequence[str], ids: Sequence[str], by: list[bool] | None
    ) -> list[dict[str, Any]]:
        classes, refs = self.champion.classes, self._each(by, lambda model: model.loaded.ref)
        return [
            {
                "id": ids[i],
                "prediction_id": names[i],
                "prediction": scored.said[i],
                "probabilities": dict(zip(classes, scored.chances[i], strict=True))
                if scored.chances
                else None,
                "warnings": scored.warnings[i],
                "version": refs if by is None else refs[i],
            }
            for i in range(len(names))
        ]

    def _each(self, by: list[bool] | None, fact: Callable[[Model], str]) -> Any:
        """Return a fact about who answers: one for all rows, or one for each."""
        if by is None or self.canary is None:
            return fact(self.champion)
        both = (fact(self.champion), fact(self.canary))
        return [both[tried] for tried in by]


def _ready(champion: Model, rules: Applied | None) -> Humility | None:
    """Return the rules of humility ready to judge, or None where there are none."""
    if rules is None or not rules.humility:
        return None
    loaded = champion.loaded
    names = [feature["name"] for feature in loaded.features]
    return Humility(rules.humility, Subject(loaded.task, loaded.classes, names))


def _judge(humility: Humility, rows: Sequence[Mapping[str, Any]], scored: Scored) -> None:
    """Mark what the rules say of each answer, and change or refuse what they want so.

    Raises:
        Problem: 422, a rule refuses to answer; which row and which rule is in the detail.
    """
    for at, row in enumerate(rows):
        verdict = humility.judge(row, scored.values[at], scored.warnings[at])
        if verdict is None:
            continue
        if verdict.refused_by:
            raise Problem(
                422,
                "humility",
                f"Row {at}: the rule {verdict.refused_by} refuses an answer.",
                "ask a person; the other rows can be sent without this one.",
            )
        scored.warnings[at] += [f"humility:{name}" for name in verdict.fired]
        if verdict.changed:
            scored.said[at] = verdict.value
            if scored.labels is not None:
                scored.labels[at] = str(verdict.value)
            else:
                scored.values[at] = verdict.value


def refused(problem: Problem, rows: int, began: float) -> bytes:
    """Return what the log remembers of a request that was not answered."""
    return _encode(
        {
            "at": now(),
            "kind": problem.code,
            "status": problem.status,
            "rows": rows,
            "ms": (time.perf_counter() - began) * 1000,
        }
    )


def _woven(
    parts: Sequence[tuple[list[int], Scored]],
    of: Callable[[Scored], list[Any] | None],
    count: int,
) -> list[Any] | None:
    """Put one field of several answers together; None where the task has no such field."""
    woven: list[Any] = [None] * count
    for rows, scored in parts:
        found = of(scored)
        if found is None:
            return None
        for at, value in zip(rows, found, strict=True):
            woven[at] = value
    return woven


def prediction_ids(count: int) -> list[str]:
    """Return fresh ids that sort by time: 48 bits of milliseconds, 80 of chance (as UUIDv7)."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    chance = os.urandom(10 * count).hex()
    return [stamp + chance[20 * i : 20 * i + 20] for i in range(count)]


def now() -> str:
    """Return the present moment, UTC, in the form that the log sorts by."""
    micros = time.time_ns() // 1000
    seconds, rest = divmod(micros, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06d}Z"
