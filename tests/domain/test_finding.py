"""What is typed after `models` is read as words and conditions."""

import pytest

from jupyter_mlops.domain.finding import Bound, wanted
from jupyter_mlops.errors import Invalid


def test_words_and_conditions_are_told_apart():
    found = wanted('churn owner:"data team" risk:high roc_auc>0.8 rmse<=1e3')
    assert found.words == ("churn",)
    assert found.conditions == (("owner", "data team"), ("risk", "high"))
    assert found.bounds == (Bound("roc_auc", ">", 0.8), Bound("rmse", "<=", 1000.0))


@pytest.mark.parametrize("word", ["churn:3", "a>b", "auc>", ":x", "owner:", "100%", "it's", "顧客"])
def test_a_word_that_is_no_condition_is_looked_for(word):
    assert wanted(word).words == (word,)


def test_nothing_said_wants_nothing():
    assert wanted("  ") == wanted("")
    assert not wanted("").words


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("ownr:ann", "did you mean owner"),
        ("risk:huge", "one of low, moderate, high, critical"),
        ("stage:alive", "one of live, trial, waiting, idle, archived"),
        ("task:guessing", "one of binary"),
        ("data:../../x", "as `show` tells it"),
        ("a " * 21, "20 words"),
        ("a" * 1_001, "20 words"),
    ],
)
def test_a_condition_that_cannot_be_met_says_what_can(query, said):
    with pytest.raises(Invalid) as refused:
        wanted(query)
    assert said in refused.value.hint
    assert refused.value.code == "query_invalid"
