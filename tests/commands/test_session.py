from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from commands import diary
from jupyter_mlops import commands
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.grammar import discover
from jupyter_mlops.commands.local import Local
from jupyter_mlops.commands.session import Session, open_session
from jupyter_mlops.domain.arguments import Here
from jupyter_mlops.errors import UsageError

WORDS = discover([diary.__name__])


@pytest.fixture
def session():
    """A session on a diary."""
    book = diary.Diary()
    return Session(lambda _: Local(book), here=Here(dict, lambda *_: None), words=WORDS)


def written(session):
    return session.door.ws.notes


def test_every_verb_is_a_method_with_its_signature_and_help(session):
    assert set(WORDS) <= set(dir(session))
    assert session.note.__doc__.startswith("Write a note into the diary.")
    assert str(inspect.signature(session.erase)).startswith("(request, *, with_ref='')")


def test_a_call_gives_an_answer(session):
    answer = session.note("hello", mood="tense", tags=["a"])
    assert isinstance(answer, Answer)
    assert answer.ref == "note:1"
    assert written(session) == [["hello", "none", "tense", ("a",), 1, None, None, False]]


def test_an_answer_may_stand_for_what_it_speaks_of(session):
    note = session.note("hello")
    assert session.erase(note, with_ref=note).to_dict() == {"id": 1, "ref": "note:1", "text": ""}


def test_rows_of_an_answer_may_be_rows_of_the_next(session):
    session.note("hello")
    assert "hello" in commands.run(session, ["keep", session.notes(), "--name", "x"], {}).text


def test_paths_dates_and_single_names_become_what_json_has(session):
    session.note(Path("a") / "b", tags="one")
    assert written(session)[0][:4] == ["a/b", "none", "calm", ("one",)]
    with pytest.raises(UsageError):
        session.note(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("call", "code", "hint"),
    [
        (lambda s: s.note(), "argument_missing", "note(text, *"),
        (lambda s: s.note("a", "b"), "word_unexpected", "note(text, *"),
        (lambda s: s.note("a", mod="calm"), "argument_unknown", "Did you mean mood?"),
        (lambda s: s.note("a", mood="tens"), "choice_unknown", "Did you mean tense?"),
        (lambda s: s.note("a", times=True), "value_invalid", "note TEXT"),
        (lambda s: s.note("a", weight=float("nan")), "value_invalid", "note TEXT"),
        (lambda s: s.say("nots", {}), "verb_unknown", "Did you mean notes?"),
    ],
)
def test_a_wrong_call_is_refused_with_a_hint(session, call, code, hint):
    with pytest.raises(UsageError) as error:
        call(session)
    assert error.value.code == code
    assert hint in str(error.value)
    assert written(session) == []


def test_a_word_that_is_no_verb_says_which_was_meant(session):
    with pytest.raises(AttributeError, match="Did you mean notes"):
        _ = session.notess


def test_a_typed_line_and_a_call_are_the_same(session):
    variables = {"tags": ["x"], "df": pd.DataFrame({"a": [1]})}
    commands.run(session, ["note", "hello", "--mood", "tense"], variables)
    session.note("hello", mood="tense")
    assert written(session)[0] == written(session)[1]


def test_another_workspace_opens_in_place_or_not_at_all(tmp_path):
    with open_session(tmp_path / "first") as session:
        session.use(str(tmp_path / "second"))
        assert session.where == str(tmp_path / "second")
        with pytest.raises(Exception, match="is not a place"):
            session.use("ftp://nowhere")
        assert session.use().folder == str(tmp_path / "second")


def test_a_dashboard_needs_a_server_and_a_known_name(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    with open_session(tmp_path / "workspace") as session:
        with pytest.raises(Exception, match="Did you mean executive"):
            session.dashboard("executiv")
        with pytest.raises(Exception, match="No Jupyter server runs here"):
            session.dashboard()
        with pytest.raises(Exception, match="publish deployment shop --to FILE"):
            session.dashboard("deployment", "shop")
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/me/")
        assert session.dashboard().url == "/user/me/jupyter-mlops/dashboards/executive"
        named = session.dashboard("deployment", "churn&co").url
        assert named == "/user/me/jupyter-mlops/dashboards/deployment?deployment=churn%26co"


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "half\udfffword"])
def test_what_no_store_can_keep_as_text_is_refused_before_it_is_asked(tmp_path, odd):
    with open_session(tmp_path / "here") as session:
        for verb, said in (
            ("models", {"query": odd}),
            ("drift", {"deployment": odd}),
            ("check", {"ref": "a:1", "for_deployment": odd}),
            ("audit", {"query": odd}),
            ("alerts", {"deployment": odd}),
        ):
            with pytest.raises(UsageError, match="holds a character that is no text"):
                session.say(verb, said)
