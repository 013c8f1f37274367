"""When a deployment is well."""

import pytest

from jupyter_mlops.domain.health import of_accuracy, of_service, worst


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("requests", "low", "status"),
    [(0, None, "unknown"), (1000, 0.0, "passing"), (1000, 0.02, "warning"), (1000, 0.2, "failing")],
)
def test_errors_are_judged_by_what_is_sure(requests, low, status):
    assert of_service(requests, figure(0.5, low, 1.0)).status == status


@pytest.mark.parametrize(
    ("metric", "labelled", "now", "before", "status"),
    [
        ("roc_auc", 500, figure(0.9, 0.88, 0.92), figure(0.91, 0.90, 0.93), "passing"),
        ("roc_auc", 500, figure(0.86, 0.84, 0.88), figure(0.91, 0.90, 0.93), "warning"),
        ("roc_auc", 500, figure(0.7, 0.68, 0.72), figure(0.91, 0.90, 0.93), "failing"),
        ("roc_auc", 10, figure(0.7, 0.68, 0.72), figure(0.91, 0.90, 0.93), "unknown"),
        ("roc_auc", 500, figure(0.7, 0.68, 0.72), None, "unknown"),
        ("rmse", 500, figure(10, 9.5, 10.5), figure(10, 9, 11), "passing"),
        ("rmse", 500, figure(20, 18, 22), figure(10, 9, 11), "failing"),
    ],
)
def test_accuracy_is_worse_only_when_the_intervals_lie_apart(metric, labelled, now, before, status):
    assert of_accuracy(metric, labelled, now, before).status == status


def test_a_whole_is_as_well_as_its_worst_part():
    assert worst(["passing", "failing", "unknown"]) == "failing"
    assert worst(["passing", "unknown"]) == "passing"
    assert worst(["unknown"]) == "unknown"
    assert worst([]) == "unknown"
