from __future__ import annotations

import string

import pytest

from jupyter_mlops.locale import LANGUAGES, current_language, language, nearest, tell
from jupyter_mlops.locale.extract import catalogue, in_source, read, sentences, update

TRANSLATED = LANGUAGES[1:]


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_sentence_is_translated(name):
    known = read(name)
    missing = [text for text in sentences() if not known.get(text)]
    assert not missing, "run python -m jupyter_mlops.locale.extract"
    empty = [message.id for message in known if message.id and not message.string]
    assert not empty, "translate what is empty, then run the extraction again"


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_catalogue_and_its_compiled_form_are_fresh(name):
    text, compiled = update(name)
    assert catalogue(name).read_text("utf-8") == text
    assert catalogue(name).with_suffix(".mo").read_bytes() == compiled


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translation_fills_the_same_places_and_no_others(name):
    wrong = [
        message.id
        for message in read(name)
        if message.id and message.string and places(message.string) != places(message.id)
    ]
    assert not wrong


def places(template):
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def test_the_reader_gets_their_own_language():
    with language("ja"):
        assert current_language() == "ja"
        assert tell("passing") != "passing"
    with language("en"):
        assert tell("{n} features", n=3) == "3 features"


def test_an_unknown_sentence_stays_as_it_is():
    with language("ja"):
        assert tell("{n} unheard-of things", n=2) == "2 unheard-of things"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ja_JP.UTF-8", "ja"),
        ("ja", "ja"),
        ("fr-FR,ja;q=0.8,en;q=0.5", "ja"),
        ("de", "en"),
        ("C.UTF-8", "en"),
        ("", "en"),
    ],
)
def test_the_nearest_language_is_chosen(said, meant):
    assert nearest(said) == meant


def test_the_environment_names_the_language(monkeypatch):
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("JUPYTER_MLOPS_LANGUAGE", "")
    assert current_language() == "ja"
    monkeypatch.setenv("JUPYTER_MLOPS_LANGUAGE", "en")
    assert current_language() == "en"


def test_sentences_are_found_where_they_are_told_raised_chosen_or_kept():
    source = """
WHY = {"a": "kept"}
tell("told", n=1)
raise NotFound("raised", "hinted" if x else "or hinted", code="c")
tell(WHY[key])
print("not told")
"""
    found = ["told", "raised", "hinted", "or hinted", "kept"]
    assert sorted(in_source(source)) == sorted(found)
