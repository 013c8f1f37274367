"""Names, references and times."""

from datetime import UTC, datetime

import pytest

from jupyter_mlops.domain.names import Reference, check_name, iso, parse_reference, parse_time
from jupyter_mlops.errors import Invalid

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["churn", "a", "2024.churn_eu-1", "x" * 100])
def test_ordinary_names_are_kept(name):
    assert check_name(name, what="model") == name


@pytest.mark.parametrize(
    "name", ["", ".x", "-x", "a b", "a/b", "<script>", "x" * 101, "a\n", "é", None, 3, "a:1"]
)
def test_other_names_are_refused_with_the_rule(name):
    with pytest.raises(Invalid) as refused:
        check_name(name, what="model")
    assert refused.value.code == "name_invalid"
    assert "A-Z a-z 0-9" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("churn:3", Reference(name="churn", number=3)),
        ("churn@champion-of-p", Reference(name="churn", alias="champion-of-p")),
        ("sha256:abcdef12", Reference(digest="sha256:abcdef12")),
        ("abcdef12", Reference(digest="sha256:abcdef12")),
    ],
)
def test_a_reference_is_a_number_an_alias_or_a_digest(text, told):
    assert parse_reference(text) == told


@pytest.mark.parametrize("text", ["", "churn", "churn:0", "churn:x", ":3", "churn:3:4", None, 7])
def test_anything_else_names_no_version(text):
    with pytest.raises(Invalid, match="does not name a version"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("7d", "2026-11-17T12:00:00.000000Z"),
        ("36h", "2026-11-23T00:00:00.000000Z"),
        ("2026-11-23", "2026-11-23T00:00:00.000000Z"),
        ("2026-11-23T18:00+09:00", "2026-11-23T09:00:00.000000Z"),
        ("2026-11-23T18:00:00Z", "2026-11-23T18:00:00.000000Z"),
    ],
)
def test_a_time_is_iso_or_an_age(text, told):
    assert iso(parse_time(text, now=NOW)) == told


@pytest.mark.parametrize("text", ["yesterday", "7 days", "", "-1d", "2026-13-01", "1e9d"])
def test_other_times_are_refused_with_the_forms(text):
    with pytest.raises(Invalid, match="is not a time"):
        parse_time(text, now=NOW)
