from __future__ import annotations

from commands import diary
from jupyter_mlops.commands.grammar import discover, to_json
from jupyter_mlops.commands.words import read_grammar

WORDS = discover([diary.__name__])


def test_a_marked_function_becomes_a_verb_and_others_do_not():
    assert list(WORDS) == ["note", "notes", "pages", "keep", "erase", "whisper"]
    assert WORDS["note"].does == "deed"
    assert WORDS["notes"].does == "read"
    assert WORDS["whisper"].said == "here"


def test_the_signature_gives_options_types_choices_and_kinds():
    params = {param.name: param for param in WORDS["note"].params}
    assert params["text"].positional
    assert params["text"].kind == "text"
    assert params["for_deployment"].option == "--for"
    assert params["mood"].choices == ("calm", "tense")
    assert params["times"].type == "integer"
    assert params["weight"].type == "number"
    assert params["figures"].type == "object"
    assert params["loud"].type == "boolean"
    assert (params["tags"].type, params["tags"].default) == ("array", [])
    assert WORDS["erase"].params[1].option == "--with"


def test_the_docstring_is_the_help():
    assert WORDS["note"].summary == "Write a note into the diary."
    assert "Longer words" in WORDS["note"].help


def test_a_grammar_that_was_written_reads_the_same():
    assert read_grammar(to_json(WORDS)) == WORDS


def test_the_usage_line_shows_how_a_verb_is_typed():
    assert WORDS["keep"].usage == "keep ROWS --name NAME"
    assert "[--mood calm|tense]" in WORDS["note"].usage
    assert "[--loud]" in WORDS["note"].usage
