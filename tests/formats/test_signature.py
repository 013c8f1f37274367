"""Rows are read strictly by type, and gently by range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import Invalid
from jupyter_mlops.formats import signature

COLUMNS = {
    "age": np.array([20.0, 60.0, np.nan]),
    "visits": np.array([1, 2, 3]),
    "member": np.array([True, False, True]),
    "region": np.array(["north", "south", None], dtype=object),
}
FEATURES = signature.infer(COLUMNS, names=list(COLUMNS))
ROW = {"age": 30.0, "visits": 2, "member": True, "region": "north"}
READER = signature.Reader(FEATURES)


def test_a_signature_says_types_ranges_levels_and_what_was_missing():
    age, visits, member, region = FEATURES
    assert (age["type"], age["low"], age["high"]) == ("number", 20.0, 60.0)
    assert age["missing"] == pytest.approx(1 / 3)
    assert (visits["type"], member["type"]) == ("integer", "boolean")
    assert region["levels"] == ["north", "south"]


def test_an_ordinary_row_has_no_warning():
    columns, warnings = READER.columns([ROW])
    assert warnings == [[]]
    assert columns["region"].tolist() == ["north"]


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"age": 99.0}, "outside_range:age"),
        ({"visits": 4}, "outside_range:visits"),
        ({"region": "east"}, "new_level:region"),
        ({"extra": 1}, "unknown_feature:extra"),
    ],
)
def test_what_is_odd_is_answered_with_a_warning(change, warning):
    assert READER.columns([{**ROW, **change}])[1] == [[warning]]


@pytest.mark.parametrize("name", COLUMNS)
def test_null_is_a_missing_value(name):
    assert READER.columns([{**ROW, name: None}])[1] == [[]]


@pytest.mark.parametrize(
    "change",
    [
        {"age": "30"},
        {"age": True},
        {"age": float("inf")},
        {"age": 2**60},
        {"age": [1]},
        {"member": 1},
        {"region": 7},
        {"region": "a\x00b"},
        {"region": "\ud800"},
    ],
)
def test_another_type_is_refused_by_the_features_name(change):
    with pytest.raises(Invalid) as error:
        READER.columns([ROW, {**ROW, **change}])
    assert next(iter(change)) in error.value.message
    assert "Row 1" in error.value.message


def test_a_missing_feature_is_refused_by_name():
    row = {name: value for name, value in ROW.items() if name != "region"}
    with pytest.raises(Invalid, match="no feature region") as error:
        READER.columns([row])
    assert "null" in error.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*COLUMNS, "more"], JSON)))
def test_whatever_json_is_sent_is_read_or_refused(row):
    codes = set()
    try:
        columns, warnings = READER.columns([row])
        assert [len(warnings), *map(len, columns.values())] == [1] * 5
    except Invalid as error:
        codes.add(error.code)
    assert codes <= {"invalid_rows"}


def test_a_long_tail_of_levels_is_cut():
    many = np.array([f"c{i}" for i in range(3_000)], dtype=object)
    told = signature.infer({"city": many}, names=["city"])[0]
    assert len(told["levels"]) == signature.MOST_LEVELS
