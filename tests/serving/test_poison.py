"""A row that its model cannot answer does not fail its neighbours; a model that fails at all rows does."""

import json
import math
import time

import numpy as np
import pytest

from jupyter_mlops.formats.worker import ModelRaised, WorkerDied
from jupyter_mlops.services.loading import Loaded
from jupyter_mlops.serving import models
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.places import Place
from jupyter_mlops.serving.problems import Problem
from jupyter_mlops.serving.questions import Question

FEATURES = [{"name": "x", "type": "number", "low": 0.0, "high": 99.0, "missing": 0.0}]


class Odd:
    """Answers most values, and not 13."""

    task, classes = "binary", ["no", "yes"]

    def __init__(self, poison):
        self.poison = poison
        self.asked = 0

    def score(self, columns):
        """Return probabilities, or do what the poison does."""
        self.asked += 1
        x = columns["x"]
        if (x == 13).any() and isinstance(self.poison, Exception):
            raise self.poison
        yes = np.where(
            x == 13, self.poison if not isinstance(self.poison, Exception) else 0, x / 100
        )
        return np.stack([1 - yes, yes], axis=1)


def place(poison, form=""):
    loaded = Loaded("m:1", "sha256:0", "binary", ["no", "yes"], FEATURES, Odd(poison), form)
    return Place(Model("d", loaded))


def ask(served, values, **more):
    rows = [{"x": value} for value in values]
    question = Question(rows, None, json.dumps({"rows": rows}).encode(), **more)
    return served.answer(question, time.perf_counter(), {})


@pytest.mark.parametrize("poison", [ModelRaised("no"), ValueError("no"), math.nan, math.inf])
def test_neighbours_of_a_poisoned_row_are_answered_and_it_is_marked(poison):
    answered = ask(place(poison), [1.0, 13.0, *map(float, range(20, 90))])
    told = json.loads(answered.body)["predictions"]
    assert told[1]["prediction"] is None
    assert told[1]["probabilities"] is None
    assert told[1]["warnings"][-1] in ("model_failed", "model_output_invalid")
    others = [told[0], *told[2:]]
    assert all(row["probabilities"]["yes"] is not None for row in others)
    assert not any(row["warnings"] for row in others)
    head = json.loads(answered.head)
    assert head["labels"][1] is None
    assert head["scores"][1] is None
    failed = json.loads(answered.failed)
    assert (failed["rows"], failed["status"], failed["version"]) == (1, 500, "m:1")


def test_a_threshold_makes_no_answer_of_a_lost_row():
    answered = ask(place(math.nan), [1.0, 13.0, 90.0], threshold=0.0)
    told = json.loads(answered.body)["predictions"]
    assert [row["prediction"] for row in told] == ["yes", None, "yes"]


def test_alone_it_is_the_models_failure():
    with pytest.raises(Problem) as error:
        ask(place(ValueError("secret words")), [13.0])
    assert (error.value.status, error.value.code) == (500, "model_failed")
    assert b"secret" not in error.value.body()


def test_a_model_that_fails_at_every_row_fails_and_is_not_asked_without_end():
    served = place(ValueError("no"))
    with pytest.raises(Problem) as error:
        ask(served, [13.0] * 1000)
    assert error.value.code == "model_failed"
    assert served.champion.loaded.scorer.asked < 4 * models.MOST_LOST + 60


def test_a_process_that_died_is_not_asked_again_about_the_same_rows():
    served = place(WorkerDied("signal 11"))
    with pytest.raises(Problem):
        ask(served, [1.0, 13.0])
    assert served.champion.loaded.scorer.asked == 1


def test_a_row_far_outside_is_its_callers_fault_and_its_neighbours_are_answered():
    served = place(math.nan)
    served.champion._reader._features[0].high = 12.0
    told = json.loads(ask(served, [1.0, 13.0]).body)["predictions"]
    assert told[1]["warnings"] == ["outside_range:x", "not_answerable"]
    assert told[0]["prediction"] == "no"
