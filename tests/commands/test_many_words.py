"""A verb that takes any number of words by place: in a line, in a call, and beside a variable."""

import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.live import Place
from jupyter_mlops.commands.parse import parse, split
from jupyter_mlops.commands.session import _bound
from jupyter_mlops.commands.values import from_query
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.errors import NotFound, UsageError

COMPARE = verbs()["compare"]


def arguments(line, **variables):
    return parse(split(line), verbs(), Place(variables)).arguments


def test_words_that_are_left_go_to_the_argument_that_takes_all():
    assert arguments("compare a:1 a:2") == {"ref": "a:1", "other": "a:2"}
    told = arguments("compare a:1 a:2 a:3 a:4")
    assert told == {"ref": "a:1", "other": "a:2", "more": ["a:3", "a:4"]}


def test_a_variable_among_them_stands_for_its_version():
    version = Answer(verbs()["register"], {"ref": "a:7"})
    assert arguments("compare a:1 a:2 v a:4", v=version)["more"] == ["a:7", "a:4"]


def test_too_few_words_are_asked_for():
    with pytest.raises(UsageError, match="compare needs OTHER") as error:
        arguments("compare a:1")
    assert "compare REF OTHER [MORE …]" in str(error.value)


def test_a_call_may_hold_as_many():
    assert _bound(COMPARE, ("a:1", "a:2", "a:3", "a:4"), {})["more"] == ["a:3", "a:4"]
    assert _bound(COMPARE, ("a:1", "a:2", "a:3"), {})["more"] == "a:3"
    assert _bound(COMPARE, ("a:1", "a:2"), {"more": ["a:3"]})["more"] == ["a:3"]


def test_an_address_says_the_argument_again_and_again():
    query = {"ref": ["a:1"], "other": ["a:2"], "more": ["a:3", "a:4"]}
    assert from_query(COMPARE, query)["more"] == ["a:3", "a:4"]


def test_answers_in_a_call_stand_for_their_versions(tmp_path):
    versions = [Answer(verbs()["register"], {"ref": f"nothing:{n}"}) for n in (1, 2, 3)]
    with (
        open_workspace(tmp_path / "workspace") as session,
        pytest.raises(NotFound, match="nothing:1"),
    ):
        session.compare(*versions)
