"""Which prediction a label belongs to, and what each hour learnt about it.

A label may come before its prediction, late, twice, or be corrected. What is said of it here is told
from all predictions and all labels at once, so it is the same in whatever order they came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.names import iso
from jupyter_mlops.services.counting import Key
from jupyter_mlops.services.judging import Judge, Labelled

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

ROWS: Final = ("prediction_id", "id", "at", "known_at", "version", "role", "score", "probabilities")
"""What has to be read of an answer to give it its label."""
_HOUR: Final = 3_600_000_000


@dataclass(frozen=True, eq=False)
class Learnt:
    """Changes of what is known: of which row, in which hour (since 1970), the new word, the old one.

    ``lost`` counts, by the same hours, labels that belong to no prediction.
    """

    row: Array
    hour: Array
    value: Array
    before: Array
    lost: Mapping[int, int]


def belongs(answers: pa.Table, actuals: pa.Table) -> Array:
    """Return for each actual the row of the prediction it is about; -1 where there is none.

    It is the one it names. One that names a case belongs to the case's latest prediction before the
    actual's time; when every prediction is later than that, to the first one.
    """
    import numpy as np
    import pyarrow.compute as pc

    n, m = answers.num_rows, actuals.num_rows
    if not n or not m:
        return np.full(m, -1)
    named = pc.is_valid(actuals["prediction_id"]).to_numpy(zero_copy_only=False)
    own = pc.index_in(actuals["prediction_id"], value_set=answers["prediction_id"], skip_nulls=True)
    case = _codes(answers["id"], actuals["id"])
    is_actual = np.arange(n + m) >= n
    names = np.concatenate([answers["prediction_id"].to_numpy(zero_copy_only=False), [""] * m])
    order = np.lexsort((names.astype(str), is_actual, _micros(answers, actuals, "at"), case))
    case, is_actual = case[order], is_actual[order]
    first = np.full(case.max() + 1, -1)
    asked = order[~is_actual]
    first[case[~is_actual][::-1]] = asked[::-1]
    latest = np.maximum.accumulate(np.where(is_actual, -1, np.arange(n + m)))
    is_same = (latest >= 0) & (case[latest] == case)
    found = np.where(is_same, order[latest], first[case])
    by_case = np.full(n + m, -1)
    by_case[order] = found
    return np.where(named, own.fill_null(-1).to_numpy(zero_copy_only=False), by_case[n:])


def learnt(answers: pa.Table, actuals: pa.Table) -> Learnt:
    """Return what each hour learnt of predictions; actuals in the order in which they came.

    The newest word about a prediction counts. Nothing is known of a prediction before it is made.
    """
    import numpy as np

    row = belongs(answers, actuals)
    came = _micros(actuals, None, "known_at") // _HOUR
    made = _micros(answers, None, "known_at") // _HOUR
    known = np.maximum(came, made[row]) if len(made) else came
    lost = Counter(came[(row < 0) | (known > came)].tolist())
    lost.subtract(known[(row >= 0) & (known > came)].tolist())
    kept = np.flatnonzero(row >= 0)
    kept = kept[np.argsort(row[kept], kind="stable")]
    row, known = row[kept], known[kept]
    value = actuals["value"].to_numpy(zero_copy_only=False)[kept]
    last = np.append((row[1:] != row[:-1]) | (known[1:] != known[:-1]), True)[: len(row)]
    row, known, value = row[last], known[last], value[last]
    before = np.full(len(row), None, dtype=object)
    again = np.flatnonzero(row[1:] == row[:-1]) + 1
    before[again] = value[again - 1]
    new = value != before
    return Learnt(
        row[new], known[new], value[new], before[new], {hour: n for hour, n in lost.items() if n}
    )


def truths(answers: pa.Table, actuals: pa.Table) -> Array:
    """Return the newest word about each prediction, None where there is none."""
    import numpy as np

    row = belongs(answers, actuals)
    found = np.full(answers.num_rows, None, dtype=object)
    value = actuals["value"].to_numpy(zero_copy_only=False)
    for at in np.flatnonzero(row >= 0):
        found[row[at]] = value[at]
    return found


def added(judge: Judge, answers: pa.Table, told: Learnt) -> dict[Key, Labelled]:
    """Return what labels add to the profile of each hour, and take from it where they correct."""
    import numpy as np

    if not len(told.row):
        return {}
    columns = [
        answers[name].fill_null("").combine_chunks().dictionary_encode()
        for name in ("version", "role")
    ]
    codes = [column.indices.to_numpy()[told.row] for column in columns]
    at = (_micros(answers, None, "at") // _HOUR)[told.row]
    keys, place = np.unique(np.stack([*codes, at, told.hour]), axis=1, return_inverse=True)
    score, probabilities = judge.rows_of(answers)
    order = np.argsort(place.ravel(), kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(place.ravel()))[:-1])
    found = {}
    for key, mine in zip(keys.T.tolist(), groups, strict=True):
        version, role = (
            column.dictionary[at].as_py() for column, at in zip(columns, key, strict=False)
        )
        rows, corrected = told.row[mine], mine[told.before[mine] != None]  # noqa: E711  (each row)
        old = told.row[corrected]
        profile = judge.of(told.value[mine], score[rows], probabilities[rows])
        if len(old):
            taken = judge.of(told.before[corrected], score[old], probabilities[old])
            profile = judge.less(profile, taken)
        found[Key(version, role, hour_of(key[2]), hour_of(key[3]))] = profile
    return found


def hour_of(hours: int) -> str:
    """Return an hour since 1970 as it is stored."""
    return iso(datetime.fromtimestamp(hours * 3600, UTC))


def _codes(one: Any, other: Any) -> Array:
    import numpy as np
    import pyarrow as pa

    both = pa.chunked_array([*one.chunks, *other.chunks], pa.string())
    coded = both.combine_chunks().dictionary_encode()
    # a prediction without a case is about none that anybody can name
    alone = len(coded.dictionary)
    return np.asarray(coded.indices.fill_null(alone).to_numpy(zero_copy_only=False), dtype=np.intp)


def _micros(one: pa.Table, other: pa.Table | None, name: str) -> Array:
    import numpy as np
    import pyarrow as pa

    told = [table[name].cast(pa.int64()).to_numpy() for table in (one, other) if table is not None]
    return np.concatenate(told)
