"""One table, whichever library holds it; what is not a table is told so."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import Invalid
from jupyter_mlops.formats import frames

ROWS = {
    "number": [1.5, None, 3.0],
    "whole": [1, 2, 3],
    "text": ["a", None, "c"],
    "flag": [True, False, True],
}


def as_rows():
    return [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]


TABLES = {
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas nullable": lambda: pd.DataFrame(ROWS).convert_dtypes(),
    "pandas category": lambda: pd.DataFrame(ROWS).astype({"text": "category"}),
    "polars": lambda: pl.DataFrame(ROWS),
    "arrow": lambda: pa.table(ROWS),
    "rows": as_rows,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_library_gives_the_same_columns(name):
    found = frames.columns(TABLES[name]())
    assert {key: column.dtype.kind for key, column in found.items()} == {
        "number": "f",
        "whole": "i",
        "text": "O",
        "flag": "b",
    }
    assert found["text"].tolist() == ["a", None, "c"]
    assert np.isnan(found["number"][1])


@pytest.mark.parametrize("name", TABLES)
def test_the_digest_does_not_know_the_library(name):
    assert frames.digest(TABLES[name]()) == frames.digest(TABLES["pandas"]())


def test_the_digest_knows_every_value_name_and_order():
    table = TABLES["pandas"]()
    others = [
        table.iloc[::-1],
        table.rename(columns={"text": "texts"}),
        table[["text", "number", "whole", "flag"]],
        table.assign(text=["a", "", "c"]),
        table.assign(text=["a", "None", "c"]),
        table.assign(whole=[1.0, 2.0, 3.0]),
    ]
    assert len({frames.digest(other) for other in [table, *others]}) == 7


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "n": st.none() | st.floats(allow_nan=False, allow_infinity=False),
                "t": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
            }
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_table_survives_arrow(rows):
    told = frames.columns(rows)
    back = frames.from_arrow(frames.to_arrow(told))
    assert frames.digest(back) == frames.digest(told)


def test_rows_with_gaps_are_missing_values():
    found = frames.columns([{"a": 1}, {"b": "x"}])
    assert np.isnan(found["a"][1])
    assert found["b"].tolist() == [None, "x"]


def test_moments_are_texts_and_decimals_are_told():
    when = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    found = frames.columns(pd.DataFrame({"at": [when, pd.NaT]}))
    assert found["at"].tolist() == ["2026-01-02T00:00:00+00:00", None]
    money = frames.columns(pa.table({"price": [decimal.Decimal("1.10"), None]}))["price"]
    assert money[0] in (1.1, "1.10")


def test_numbers_too_great_for_an_integer_are_floats():
    assert frames.columns([{"a": 2**70}])["a"].dtype.kind == "f"


@pytest.mark.parametrize(
    "thing",
    [
        3,
        object(),
        [1, 2],
        {"a": [1, 2], "b": [1]},
        {"a": np.zeros((2, 2))},
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
)
def test_what_is_not_a_table_is_told_so(thing):
    with pytest.raises(Invalid) as error:
        frames.columns(thing)
    assert error.value.code == "frame_invalid"


def test_files_are_read_and_a_missing_one_is_guessed(tmp_path):
    table = TABLES["pandas"]()
    table.to_csv(tmp_path / "train.csv", index=False)
    table.to_parquet(tmp_path / "train.parquet")
    assert frames.read(tmp_path / "train.csv").num_rows == 3
    assert frames.read(tmp_path / "train.parquet").num_rows == 3
    with pytest.raises(Invalid) as error:
        frames.read(tmp_path / "trian.csv")
    assert "train.csv" in error.value.hint
    (tmp_path / "noise.csv").write_bytes(b'a,b\n"1\n2,3,4')
    with pytest.raises(Invalid) as error:
        frames.read(tmp_path / "noise.csv")
    assert error.value.code == "frame_unreadable"
    with pytest.raises(Invalid):
        frames.from_arrow(b"no arrow")
