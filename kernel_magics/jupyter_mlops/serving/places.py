"""A deployment in memory: who answers which case, what is told, and the frame that remembers it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import msgspec

from jupyter_mlops.domain.deployments import is_tried_on
from jupyter_mlops.serving import chance, columnar
from jupyter_mlops.serving.doubt import NOTHING, Doubt, Judged
from jupyter_mlops.serving.models import Model, Scored
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.questions import Question, Told, plainly
from jupyter_mlops.serving.records import Record, as_text, tabled

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.services.rules import Applied
    from jupyter_mlops.serving.shadow import Shadow
    from jupyter_mlops.serving.sheets import Sheet

_encode: Final = msgspec.json.Encoder().encode


STREAMED: Final = 2_000
"""Rows from which on an answer goes out piece by piece."""
_PIECE: Final = 500


@dataclass(frozen=True, slots=True)
class Answered:
    """What goes back to the caller, whole or piece by piece, and what goes into the log."""

    pieces: Iterable[bytes]
    head: bytes
    table: pa.RecordBatch | None = None
    failed: bytes | None = None
    """What the log remembers besides, where some of the rows have no answer."""

    @property
    def body(self) -> bytes:
        """Return the answer as a whole."""
        return b"".join(self.pieces)


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
        challengers: tuple[Shadow, ...] = (),
        others: Mapping[str, Model] | None = None,
    ) -> None:
        self.deployment = champion.deployment
        self.champion = champion
        self.canary = canary
        self.share = share
        self.rules = rules
        self.challengers = challengers
        self._doubt = Doubt(rules, champion, canary, others)
        self.is_quick = self._doubt.is_quick and all(
            model.loaded.compiled for model in (champion, canary) if model is not None
        )
        """Whether all that answers here is compiled, and may do so on the loop."""
        alone = canary is None and not self._doubt.looks_at_rows
        self.reads_types = alone and champion.typed is not None
        """Whether rows may be read by their types: there is one model, and nothing looks at rows."""
        self.executor = None if self.is_quick else champion.executor
        self._open = {
            "deployment": champion.deployment,
            "version": champion.loaded.ref,
            "digest": champion.loaded.digest,
        }

    @property
    def parts(self) -> tuple[Any, ...]:
        """Return everything that it was made of, but for what its rules ask besides."""
        return self.champion, self.canary, self.share, self.rules, self.challengers

    def answer(self, asked: Question, began: float, extra: dict[str, Any]) -> Answered:
        """Answer a request, and say in the same breath what the log has to remember.

        Raises:
            Problem: 422 when a row is not what the model reads, 500 when the model itself failed.
        """
        if asked.sheet is not None:
            answered = self._by_columns(asked, asked.sheet, began) if not extra else None
            if answered is not None:
                return answered
            asked = replace(asked, sheet=None, found=asked.sheet.found())
        names = prediction_ids(asked.count)
        ids = asked.ids or names
        scored, by = self._scored(asked, ids)
        if asked.threshold is not None:
            self._cut(scored, asked.threshold)
        judged = self._judged(asked, scored, by)
        tell = partial(self._told, asked, scored, names, ids, judged, by)
        pieces: Iterable[bytes]
        if extra or asked.tell is not plainly or asked.count < STREAMED:
            pieces = (asked.tell(self._open, tell(0, asked.count)),)
        else:
            pieces = self._streamed(tell, asked.count)
        record = Record(
            at=time.time_ns() // 1000,
            rows=asked.count,
            ms=(time.perf_counter() - began) * 1000,
            version=judged.each(self._each(by, _ref), _ref),
            digest=judged.each(self._each(by, _digest), _digest),
            role=judged.each(
                [("champion", "canary")[tried] for tried in by] if by else "champion",
                lambda _model: "fallback",
            ),
            prediction_ids=names,
            ids=ids,
            scores=scored.values,
            labels=scored.labels,
            probabilities=scored.chances,
            warnings=scored.warnings if any(scored.warnings) else None,
            salt=chance.take(16).hex(),
        )
        if extra:
            pieces = tuple(pieces)
            record.key, record.body_digest = extra["key"], extra["body_digest"]
            record.answer = as_text(b"".join(pieces))
        failed = _failed_rows(scored, self.champion.loaded.ref, began)
        if asked.found is not None and asked.found.table is not None:
            return Answered(pieces, *tabled(record, asked.found.table), failed)
        return Answered(pieces, _encode(record), failed=failed)

    def _by_columns(self, asked: Question, sheet: Sheet, began: float) -> Answered | None:
        """Answer a sheet without a look at its rows; None where they have to be looked at."""
        if not self._doubt.is_idle or (asked.tell is plainly and asked.count >= STREAMED):
            return None
        told = columnar.columns_of(self.champion, sheet)
        if told is None:
            return None
        tell = columnar.as_json if asked.tell is plainly else columnar.as_arrow
        body = tell(self.champion, told, self._open)
        return Answered((body,), *columnar.logged(self.champion, sheet, told, self._open, began))

    def _scored(self, asked: Question, ids: Sequence[str]) -> tuple[Scored, list[bool] | None]:
        """Return what the models say, and which rows the canary answered, if there is one."""
        if asked.found is not None:
            return self.champion.scored_found(asked.found), None
        if self.canary is None:
            return self.champion.scored(asked.rows), None
        by = [is_tried_on(case, self.share) for case in ids]
        return self._shared(self.canary, asked, by), by

    def _judged(self, asked: Question, scored: Scored, by: list[bool] | None) -> Judged:
        """Judge the answers, and say what is told besides; there is often nothing to judge by.

        Raises:
            Problem: 422, a rule refuses to answer.
        """
        if self._doubt.is_idle:
            return NOTHING
        cut = None
        if asked.threshold is not None:
            cut = partial(self._cut, threshold=asked.threshold)
        return self._doubt.judge(asked.rows, scored, by, cut)

    def _streamed(self, tell: Callable[[int, int], list[Told]], count: int) -> Iterator[bytes]:
        """Write the answer piece by piece; together they are what would be written at once."""
        yield _encode(self._open)[:-1] + b',"predictions":['
        for start in range(0, count, _PIECE):
            yield (b"," if start else b"") + _encode(tell(start, min(start + _PIECE, count)))[1:-1]
        yield b"]}"

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
        scored.forget()

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
            lost={rows[at]: code for rows, found in parts for at, code in found.lost.items()},
        )

    def _told(
        self,
        asked: Question,
        scored: Scored,
        names: Sequence[str],
        ids: Sequence[str],
        judged: Judged,
        by: list[bool] | None,
        start: int,
        stop: int,
    ) -> list[Told]:
        refs, cut = judged.each(self._each(by, _ref), _ref), slice(start, stop)
        told = list(
            map(
                Told,
                ids[cut],
                names[cut],
                scored.said[cut],
                _by_class(self.champion.classes, scored.chances, cut),
                scored.warnings[cut],
                repeat(refs) if isinstance(refs, str) else refs[cut],
                asked.passed[cut] if asked.passed else repeat(msgspec.UNSET),
                judged.intervals[cut] if judged.intervals else repeat(msgspec.UNSET),
            )
        )
        for at in scored.lost:
            if start <= at < stop:
                told[at - start].probabilities, told[at - start].interval = None, msgspec.UNSET
        return told

    def _each(self, by: list[bool] | None, fact: Callable[[Model], str]) -> Any:
        """Return a fact about who answers: one for all rows, or one for each."""
        if by is None or self.canary is None:
            return fact(self.champion)
        both = (fact(self.champion), fact(self.canary))
        return [both[tried] for tried in by]


def _ref(model: Model) -> str:
    return model.loaded.ref


def _digest(model: Model) -> str:
    return model.loaded.digest


def refused(problem: Problem, rows: int, began: float) -> bytes:
    """Return what the log remembers of a request that was not answered."""
    return _encode(
        {
            "at": time.time_ns() // 1000,
            "kind": f"{problem.code}:{problem.about}" if problem.about else problem.code,
            "status": problem.status,
            "rows": rows,
            "ms": (time.perf_counter() - began) * 1000,
            "version": problem.version,
        }
    )


def _by_class(
    classes: Sequence[str], chances: Sequence[Sequence[float]] | None, cut: slice
) -> Iterable[dict[str, float] | None]:
    """Return probabilities by their classes; nothing for each row where there are none."""
    if not chances:
        return repeat(None)
    if len(classes) == 2:  # noqa: PLR2004  (by far the most common, and thrice as quick so)
        no, yes = classes
        return [{no: one, yes: other} for one, other in chances[cut]]
    return [dict(zip(classes, row, strict=True)) for row in chances[cut]]


def _failed_rows(scored: Scored, version: str, began: float) -> bytes | None:
    """Return what the log remembers of rows that were not answered, beside those that were."""
    if not scored.lost:
        return None
    code = next(iter(scored.lost.values()))
    return refused(Problem(500, code, "", version=version), len(scored.lost), began)


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
    if count == 1:
        return [stamp + chance.take(10).hex()]
    drawn = chance.take(10 * count).hex()
    return [stamp + drawn[at : at + 20] for at in range(0, 20 * count, 20)]
