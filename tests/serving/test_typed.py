"""The quick way of reading says exactly what the strict way says, or leaves it to the strict way."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.formats.signature import Reader
from jupyter_mlops.serving import bodies, tabular
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.sheets import Sheets
from jupyter_mlops.serving.typed import Typed
from serving.payloads import as_arrow

FEATURES = [
    {"name": "age", "type": "integer", "low": 18.0, "high": 90.0, "missing": 0.0},
    {"name": "region", "type": "category", "levels": ["north", "so:uth", "日本"], "missing": 0.1},
    {"name": "in come", "type": "number", "low": -1.5, "high": 1e6, "missing": 0.1},
    {"name": "member", "type": "boolean", "missing": 0.0},
    {"name": "vast", "type": "number", "low": -1e20, "high": 1e20, "missing": 0.0},
]
TYPED, SHEETS, READER = Typed(FEATURES), Sheets(FEATURES), Reader(FEATURES)
LEVELS = ["north", "so:uth", "日本", "new", None]
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(18, 90),
    st.none(),
    st.booleans(),
)
TEXTS = st.one_of(
    st.sampled_from(["north", "so:uth", "日本", "new"]), st.none(), st.text(max_size=5)
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": NUMBERS,
            "region": TEXTS,
            "in come": NUMBERS,
            "member": st.one_of(st.booleans(), st.none()),
            "vast": NUMBERS,
        },
        optional={"more": st.integers(0, 3)},
    ),
    min_size=1,
    max_size=4,
)


def strictly(body):
    rows = bodies.asked(body).rows
    return READER.columns(rows)


def same(found, columns, warnings):
    assert [sorted(row) for row in found.warnings] == [sorted(row) for row in warnings]
    for name, column in columns.items():
        mine = found.columns[name]
        if column.dtype == object:
            assert mine.tolist() == column.tolist()
        else:
            np.testing.assert_array_equal(mine, column)


@settings(max_examples=400, deadline=None)
@given(ROWS)
def test_columns_and_warnings_are_those_of_the_strict_way(rows):
    body = json.dumps({"rows": rows}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    found = TYPED.json(body, one=False)
    if found is not None:
        same(found, *strictly(body))


@settings(max_examples=400, deadline=None)
@given(ROWS.filter(lambda rows: len(rows) == 1))
def test_one_ordinary_row_comes_as_its_values_and_only_if_it_is_ordinary(rows):
    body = json.dumps({"rows": rows}).encode()
    found = TYPED.json(body, one=True)
    if found is None or found.one is None:
        return
    _, warnings = strictly(body)
    assert warnings == [[]]
    numbers, texts = found.one
    (row,) = rows
    assert numbers == (row["age"], row["in come"], row["member"], row["vast"])
    assert texts == (row["region"],)


ORDINARY = {"age": 30, "region": "north", "in come": 5.5, "member": True, "vast": 1.0}


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows":[{"age":30,"age":31,"region":"north","in come":5,"member":true,"vast":1}]}',
        b'{"rows":[{"age":30,"region":"north","in come":5,"member":true}]}',
        b'{"rows":[{"age":9007199254740993,"region":"a","in come":5,"member":true,"vast":1}]}',
        b'{"rows":[{"age":30,"region":"a\\u0000","in come":5,"member":true,"vast":1}]}',
        b'{"rows":[{"age":30,"region":"\\ud800","in come":5,"member":true,"vast":1}]}',
        b'{"rows":[{"age":1e400,"region":"a","in come":5,"member":true,"vast":1}]}',
        b'{"rows":[{"age":"30","region":"a","in come":5,"member":true,"vast":1}]}',
        b'{"rows":[{"age":30,"region":"a","in come":5,"member":1,"vast":1}]}',
        b'{"rows":[]}',
        b'{"columns":{"age":[30]}}',
        b'{"rows":[{"age":NaN,"region":"a","in come":5,"member":true,"vast":1}]}',
        b"\xef\xbb\xbf{}",
        b'{"rows":[],"rows":[{"age":30,"region":"a","in come":5,"member":true,"vast":1}]}',
    ],
)
def test_whatever_is_odd_is_left_to_the_strict_way(body):
    assert TYPED.json(body, one=True) is None


def test_ids_are_checked_and_count_as_a_key():
    body = json.dumps({"rows": [ORDINARY], "ids": ["a:b"]}).encode()
    assert TYPED.json(body, one=True) is None or TYPED.json(body, one=True).ids == ["a:b"]
    assert TYPED.json(json.dumps({"rows": [ORDINARY], "ids": ["ab"]}).encode(), one=True).ids
    with pytest.raises(Problem):
        TYPED.json(json.dumps({"rows": [ORDINARY], "ids": ["a\nb"]}).encode(), one=True)


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_an_arrow_table_is_read_as_the_strict_way_reads_it(rows):
    try:
        table = pa.Table.from_pylist(rows)
        body = as_arrow(table)
        columns, warnings = READER.columns(tabular.from_arrow(body))
    except (pa.ArrowException, OverflowError, Problem, MlopsError):
        return
    sheet = SHEETS.read(tabular.arrow_table(body))
    if sheet is not None:
        found = sheet.found()
        same(found, columns, warnings)
        assert [LEVELS[place] for place in sheet.codes[0].tolist()] == [
            row["region"] if row["region"] in LEVELS else "new" for row in rows
        ]
        assert [found.table["region"][i].as_py() for i in range(len(rows))] == [
            row["region"] for row in rows
        ]


def test_types_that_are_not_those_of_the_signature_are_left_to_the_strict_way():
    good = pa.Table.from_pylist([ORDINARY, {**ORDINARY, "age": None, "in come": float("nan")}])
    assert SHEETS.read(good).count == 2
    for name, values in (
        ("age", ["30", "31"]),
        ("member", [1, 0]),
        ("region", [1, 2]),
        ("in come", [float("inf"), 1.0]),
        ("vast", [2**60, 1]),
    ):
        at = good.column_names.index(name)
        wrong = good.set_column(at, name, pa.array(values))
        assert SHEETS.read(wrong) is None
    assert SHEETS.read(good.append_column("more", pa.array([1, 2]))) is None
    assert SHEETS.read(good.drop_columns(["vast"])) is None
