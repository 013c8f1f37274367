from __future__ import annotations

import copy
import json
import pickle

import pytest

from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.figures import count, figure, moment, number, share
from jupyter_mlops.commands.telling import _SENTENCES
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.errors import UsageError
from jupyter_mlops.locale import language

HOSTILE = "<script>alert('x')</script>\x1b[31m\u202e"

MODEL = {
    "name": "churn",
    "ref": "churn:3",
    "versions": 3,
    "task": "binary",
    "risk": "low",
    "owner": HOSTILE,
    "purpose": "",
    "metric": "roc_auc",
    "value": 0.9123,
    "deployments": ["churn-prod"],
    "created_at": "2026-11-23T09:00:00.000000Z",
    "because": "",
}


def answer(verb, **data):
    return Answer(verbs()[verb], data)


def test_fields_are_attributes_and_rows_can_be_gone_through():
    found = answer("models", items=[MODEL])
    assert found.items == found["items"] == [MODEL]
    assert [row["ref"] for row in found] == ["churn:3"]
    assert (len(found), found[0]["ref"], "items" in found, bool(found)) == (
        1,
        "churn:3",
        True,
        True,
    )
    assert "items" in dir(found)


def test_an_unknown_field_says_which_was_meant():
    with pytest.raises(AttributeError, match="Did you mean where"):
        _ = answer("use", where="x").wher


def test_an_answer_without_rows_says_so():
    with pytest.raises(UsageError, match="has no rows"):
        list(answer("use", where="x"))


def test_the_dictionary_is_json_and_a_copy():
    found = answer("models", items=[MODEL])
    told = found.to_dict()
    told["items"].clear()
    assert json.loads(json.dumps(found.to_dict())) == {"items": [MODEL]}


def test_a_frame_has_the_columns_of_the_rows_even_without_rows():
    assert list(answer("models", items=[MODEL]).to_frame().columns) == list(MODEL)
    assert list(answer("models", items=[]).to_frame().columns) == list(MODEL)
    assert answer("stop", url="", running=False).to_frame().shape == (1, 2)


def test_an_answer_can_be_copied_and_pickled():
    found = answer("models", items=[MODEL])
    assert copy.deepcopy(found) == pickle.loads(pickle.dumps(found)) == found  # noqa: S301


def test_hostile_values_stay_text_everywhere():
    shown = answer("models", items=[MODEL])._repr_mimebundle_()
    assert "<script>" not in shown["text/html"]
    assert "&lt;script&gt;" in shown["text/html"]
    assert "\x1b" not in shown["text/plain"]
    assert "\u202e" not in shown["text/plain"]


def test_a_status_has_a_shape_and_a_word_and_follows_the_theme():
    parts = {"status": "failing", "because": "it fell"}
    found = answer("monitor", deployment="x", **parts, service=parts, drift=parts, accuracy=parts)
    shown = found._repr_mimebundle_()
    assert shown["text/plain"].startswith("■ x failing: it fell")
    assert '<td class="failing">■ failing</td>' in shown["text/html"]
    assert "data-jp-theme-light=false" in shown["text/html"]


def test_a_long_table_is_cut_and_says_so():
    found = answer("models", items=[MODEL] * 25)
    assert str(found).endswith("… and 15 more")
    assert found._repr_mimebundle_()["text/html"].count("<tr>") == 11


def test_the_sentence_of_a_registration_says_what_matters():
    found = answer(
        "register",
        ref="churn:3",
        format="skops",
        lineage={},
        new=True,
        task="binary",
        features=[{}] * 14,
        metrics={"roc_auc": {"value": 0.912, "low": 0.901, "high": 0.923}},
        compiled={"kept": True, "agree": 1.0},
    )
    told = "✓ churn:3 registered · 14 features · AUC 0.912 ± 0.011 · compiled, 100 % equal"
    assert found.line == told


def test_an_empty_workspace_shows_the_next_word():
    found = answer("overview", headline="Nothing is registered yet.", models=[], attention=[])
    assert found.line.startswith("Nothing is registered yet · next: %mlops register")


def test_every_verb_has_a_sentence_of_its_own():
    assert set(verbs()) <= set(_SENTENCES)


def test_numbers_have_three_figures_and_the_languages_own_steps():
    assert [number(v) for v in (0.91234, 12.345, 1234.5, None)] == ["0.912", "12.3", "1,234", "–"]
    assert [count(v) for v in (7, 9999, 12345, 1240000)] == ["7", "9,999", "12.3 k", "1.24 M"]
    with language("ja"):
        assert [count(v) for v in (12345, 250000000)] == ["1.23 万", "2.5 億"]


def test_what_is_not_quite_all_is_never_shown_as_all():
    assert [share(v) for v in (1, 0.9999, 0.5, None)] == ["100 %", "99.9 %", "50.0 %", "–"]


def test_a_metric_shows_its_interval_when_it_has_one():
    assert figure("rmse", {"value": 2.0, "low": None, "high": None}) == "RMSE 2.00"


def test_a_time_is_shown_in_the_readers_zone(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert moment("2026-11-23T09:00:00.000000Z") == "2026-11-23 18:00"
    monkeypatch.undo()
    time.tzset()
