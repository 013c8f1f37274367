from __future__ import annotations

import io

import pandas as pd
import pytest

from commands import diary
from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.grammar import discover
from jupyter_mlops.commands.live import Place
from jupyter_mlops.commands.parse import parse, split
from jupyter_mlops.errors import UsageError

WORDS = discover([diary.__name__])
FRAME = pd.DataFrame({"a": [1, 2]})


def arguments(line, **variables):
    return parse(split(line), WORDS, Place(variables)).arguments


def refusal(line, **variables):
    with pytest.raises(UsageError) as error:
        parse(split(line), WORDS, Place(variables))
    return error.value


def test_positional_words_and_options_become_arguments():
    assert arguments('note "two words" --for=prod --mood tense --times 3 --loud --weight -1.5') == {
        "text": "two words",
        "for_deployment": "prod",
        "mood": "tense",
        "times": 3,
        "loud": True,
        "weight": -1.5,
    }


def test_names_are_typed_with_commas_or_repeated():
    assert arguments("note x --tags a,b --tags c")["tags"] == ["a", "b", "c"]


def test_a_value_may_begin_with_dashes_when_joined_or_after_the_end_of_options():
    assert arguments("note --mood=calm -- --loud")["text"] == "--loud"
    assert arguments("note x --for=--loud")["for_deployment"] == "--loud"


def test_names_with_values_are_json_or_a_variable():
    assert arguments("""note x --figures '{"auc": 0.5}'""")["figures"] == {"auc": 0.5}
    assert arguments("note x --figures found", found={"auc": 1})["figures"] == {"auc": 1}


def test_a_variable_is_the_object_itself():
    assert arguments("keep df --name x", df=FRAME)["rows"] is FRAME
    assert parse(["keep", FRAME, "--name", "x"], WORDS, Place()).arguments["rows"] is FRAME


def test_a_file_that_exists_is_a_path(tmp_path):
    (tmp_path / "rows.csv").write_text("a\n1\n")
    assert arguments(f"keep {tmp_path}/rows.csv --name x")["rows"] == f"{tmp_path}/rows.csv"


def test_a_dash_is_csv_on_standard_input_of_a_terminal():
    place = Place(stdin=io.BytesIO(b"a,b\n1,x\n"))
    rows = parse(split("keep - --name x"), WORDS, place).arguments["rows"]
    assert rows.to_dict("records") == [{"a": 1, "b": "x"}]


def test_an_answer_stands_for_the_thing_it_speaks_of():
    answer = Answer(WORDS["note"], {"id": 7, "ref": "note:7"})
    assert arguments("erase it --with it", it=answer) == {"request": 7, "with_ref": "note:7"}


def test_the_body_of_a_cell_is_the_text_or_the_rows():
    told = parse(["note", "--loud"], WORDS, Place(body="Dear diary\n")).arguments
    assert told["text"] == "Dear diary\n"
    rows = parse(["keep", "--name", "x"], WORDS, Place(body="a\n1\n")).arguments["rows"]
    assert list(rows["a"]) == [1]


def test_a_body_nobody_wants_is_refused():
    with pytest.raises(UsageError, match="no use for the text below"):
        parse(["notes"], WORDS, Place(body="x"))


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("nots", "verb_unknown", "Did you mean notes?"),
        ("note x --mod calm", "option_unknown", "Did you mean --mood?"),
        ("note x --mood tens", "choice_unknown", "Did you mean tense?"),
        ("note x --times many", "value_invalid", "note TEXT"),
        ("note x --loud=perhaps", "value_invalid", "note TEXT"),
        ("note x --figures nothing", "value_invalid", "JSON"),
        ("note x --for", "value_missing", "--for DEPLOYMENT"),
        ("note x --for --mood calm", "value_missing", "--for DEPLOYMENT"),
        ("note x --for a --for b", "option_twice", "note --help"),
        ("note two words", "word_unexpected", "quotes"),
        ("keep", "argument_missing", "keep ROWS --name NAME"),
        ('note "x', "quotation_open", "quotation marks"),
        ("keep trian_df --name x", "variable_unknown", "Did you mean train_df?"),
        ("keep zzz --name x", "variable_unknown", "train_df"),
    ],
)
def test_a_wrong_word_is_one_line_with_a_hint(line, code, hint):
    error = refusal(line, train_df=FRAME)
    assert error.code == code
    assert hint in str(error)
    assert "\n" not in str(error)


def test_help_and_json_are_understood_anywhere():
    assert parse(["--help"], WORDS, Place()).verb is None
    assert parse(["note", "--help"], WORDS, Place()).verb is WORDS["note"]
    assert parse(["--json", "notes"], WORDS, Place()).wants_json
    assert parse(["notes", "--json"], WORDS, Place()).wants_json
