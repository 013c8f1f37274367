"""All answers and all labels of a deployment, which of them are counted, and what counting more adds.

What is kept of labels is always that of *all* counted answers and *all* counted actuals. When more
of either is counted, both sums are told of the cases it concerns and their difference is added: a
corrected label takes back what it had added, one that came before its prediction finds it now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlops.services import labels
from jupyter_mlops.services.counting import Key
from jupyter_mlops.services.judging import Judge, Labelled
from jupyter_mlops.services.rawrows import SHADOW
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_mlops.store.pieces import Pieces


@dataclass(frozen=True)
class Found:
    """What is to be added to what is kept: profiles by hour, and lost labels by hour."""

    profiles: Mapping[Key, Labelled]
    lost: Mapping[int, int]


@dataclass(frozen=True)
class Ledger:
    """Pieces of the log and files of actuals, each with whether it is counted; and rows still open.

    ``fresh`` names the pieces and files whose cases are looked at. ``until`` is the last moment that
    is known, ``cut`` the hour from which on what is kept is left out.
    """

    ws: Workspace
    deployment: str
    log: Pieces
    pieces: Mapping[str, bool]
    files: Mapping[str, bool]
    fresh: frozenset[str]
    opened: Sequence[pa.Table] = ()
    until: datetime | None = None
    cut: str = "9"

    def difference(self, judge: Judge) -> Found:
        """Return what is known by ``until`` less what is kept of before ``cut``."""
        answers, actuals = self.concerned()
        if actuals is None or answers is None:
            return Found({}, {})
        now, then = self._told(judge, answers, actuals), self._kept(judge, answers, actuals)
        profiles = dict(now.profiles)
        for key, kept in then.profiles.items():
            profiles[key] = judge.less(profiles.get(key) or judge.nothing(), kept)
        lost = Counter(now.lost)
        lost.subtract(then.lost)
        return Found(profiles, {hour: n for hour, n in lost.items() if n})

    def _told(self, judge: Judge, answers: pa.Table, actuals: pa.Table) -> Found:
        known = [self._known(table) for table in (answers, actuals)]
        told = labels.learnt(*known)
        return Found(labels.added(judge, known[0], told), told.lost)

    def _kept(self, judge: Judge, answers: pa.Table, actuals: pa.Table) -> Found:
        counted = [table.filter(table["counted"]) for table in (answers, actuals)]
        told = labels.learnt(*counted)
        found = labels.added(judge, counted[0], told)
        return Found(
            {key: kept for key, kept in found.items() if key.known_at < self.cut},
            {hour: n for hour, n in told.lost.items() if labels.hour_of(hour) < self.cut},
        )

    def _known(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.until is None:
            return table
        until = pa.scalar(self.until, table["known_at"].type)
        return table.filter(pc.less_equal(table["known_at"], until))

    def concerned(self) -> tuple[pa.Table | None, pa.Table | None]:
        """Return the answers and the actuals of all cases that something fresh is about."""
        cases, names = self._fresh()
        if not cases and not names:
            return None, None
        while True:
            answers = self._answers(cases, names)
            told = _texts(answers["prediction_id"]) | names
            actuals = self._actuals(_texts(answers["id"]) | cases, told)
            more = cases | _cases(actuals)
            if more == cases:
                return answers, actuals
            cases = more

    def truths(self, answers: pa.Table) -> Any:
        """Return the newest word about each of some answers, shape (n,); None where there is none."""
        import numpy as np

        actuals = self._known(
            self._actuals(_texts(answers["id"]), _texts(answers["prediction_id"]))
        )
        if not actuals.num_rows:
            return np.full(answers.num_rows, None, dtype=object)
        named = _texts(actuals["prediction_id"])
        others = self._known(self._answers(_cases(actuals), named))
        told = labels.truths(others, actuals)
        found = dict(zip(others["prediction_id"].to_pylist(), told, strict=True))
        return np.array(
            [found.get(name) for name in answers["prediction_id"].to_pylist()], dtype=object
        )

    def _fresh(self) -> tuple[set[str], set[str]]:
        """Return cases and names of predictions that fresh labels, or labels of fresh answers, tell of."""
        cases: set[str] = set()
        names: set[str] = set()
        answered = list(self._fresh_answers())
        ids = {text for table in answered for text in _texts(table["id"])}
        own = {text for table in answered for text in _texts(table["prediction_id"])}
        for file in self.files:
            table = self._file(file)
            if file not in self.fresh:
                if not ids:
                    continue
                table = _about_actuals(table, ids, own)
            cases |= _cases(table)
            names |= _texts(table["prediction_id"])
        return cases, names

    def _fresh_answers(self) -> Iterator[pa.Table]:
        yield from self.opened
        for piece in self.pieces:
            if piece in self.fresh and (table := answers_of(self.log, piece)) is not None:
                yield table

    def _answers(self, cases: set[str], names: set[str]) -> pa.Table:
        import pyarrow as pa

        from jupyter_mlops.store.logtables import predictions

        told = [_marked(plain(predictions([])), True)]
        told += [_marked(_about(table, cases, names), False) for table in self.opened]
        for piece, counted in self.pieces.items():
            table = answers_of(self.log, piece)
            if table is not None:
                told.append(_marked(_about(table, cases, names), counted))
        return pa.concat_tables(told)

    def _actuals(self, cases: set[str], names: set[str]) -> pa.Table:
        import pyarrow as pa

        from jupyter_mlops.store.telemetry import no_actuals

        told = [_marked(no_actuals(), True)]
        for file, counted in sorted(self.files.items()):
            found = self._file(file)
            told.append(_marked(_about_actuals(found, cases, names), counted))
        return pa.concat_tables(told)

    def _file(self, file: str) -> pa.Table:
        return self.ws.telemetry.read_actual_file(self.deployment, file)


def answers_of(log: Pieces, piece: str) -> pa.Table | None:
    """Return what was answered in a sealed piece, without what challengers said."""
    found = log.answers_of(piece, labels.ROWS)
    return plain(found) if found is not None else None


def plain(table: pa.Table) -> pa.Table:
    """Return answers with the columns that labels need, without what challengers said."""
    import pyarrow.compute as pc

    from jupyter_mlops.store.logtables import complete

    told = complete(table).select(list(labels.ROWS))
    return told.filter(pc.fill_null(pc.not_equal(told["role"], SHADOW), True))


def _about(table: pa.Table, cases: set[str], names: set[str]) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.or_(_is_in(table["id"], cases), _is_in(table["prediction_id"], names)))


def _about_actuals(table: pa.Table, cases: set[str], names: set[str]) -> pa.Table:
    import pyarrow.compute as pc

    nameless = pc.is_null(table["prediction_id"])
    by_case = pc.and_(nameless, _is_in(table["id"], cases))
    return table.filter(pc.or_(by_case, _is_in(table["prediction_id"], names)))


def _is_in(column: pa.ChunkedArray, texts: set[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=pa.array(list(texts), pa.string()), skip_nulls=True)


def _texts(column: pa.ChunkedArray) -> set[str]:
    return set(column.drop_null().to_pylist())


def _cases(actuals: pa.Table) -> set[str]:
    import pyarrow.compute as pc

    return _texts(actuals.filter(pc.is_null(actuals["prediction_id"]))["id"])


def _marked(table: pa.Table, counted: bool) -> pa.Table:
    import pyarrow as pa

    return table.append_column("counted", pa.array([counted] * table.num_rows, pa.bool_()))
