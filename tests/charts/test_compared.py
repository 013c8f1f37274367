"""Pictures of versions side by side: whatever there is to draw, and nothing else."""

import json

import pytest

from charts import fleets
from jupyter_mlops.charts import compared, picture, render
from jupyter_mlops.locale import language


def metric(name, ref, value):
    return {
        "metric": name, "ref": ref, "measured": "same rows",
        "value": value, "low": value - 0.02, "high": value + 0.02,
    }  # fmt: skip


def side_by_side(n=2, *, task="binary", because="churn:2 is better."):
    """Return an answer of ``compare`` with so many versions."""
    refs = [f"churn:{k}" for k in range(1, n + 1)]
    first = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}[task]
    line = {"x": [0.0, 0.3, 1.0], "y": [0.0, 0.8, 1.0], "threshold": [1.0, 0.5, 0.0]}
    points = {"predicted": [1.0, 2.0, 3.0], "residuals": [0.1, -0.4, 0.2]}
    drawn = {"binary": {"roc": line, "lift": line}, "multiclass": {}, "regression": points}[task]
    figure = {"value": 0.01, "low": -0.01, "high": 0.03}
    return {
        "refs": refs, "task": task, "target": "churned", "metric": first, "because": because,
        "items": [metric(first, ref, 0.8) for ref in refs], "versions": [], "changes": [], "code": [],
        "same_rows": {
            "sample": refs[0], "rows": 3, "labelled": 3, "unseen": refs, "because": "", "absent": [],
            "tests": [{"ref": ref, "difference": figure, "because": because} for ref in refs[1:]],
            "apart": [], "pictures": [{"ref": ref, **drawn} for ref in refs],
        },
    }  # fmt: skip


@pytest.mark.parametrize(("task", "count"), [("binary", 4), ("multiclass", 2), ("regression", 4)])
@pytest.mark.parametrize("n", [2, 6])
def test_each_task_has_its_pictures_for_few_and_many_versions(task, count, n):
    chart = picture("compare", side_by_side(n, task=task))
    assert len(chart.to_dict()["vconcat"]) == count
    assert render.png(chart)[:4] == b"\x89PNG"
    assert render.png(chart, dark=True) != render.png(chart)


def test_each_version_keeps_its_colour_dash_and_sign():
    spec = compared.roc(side_by_side(6)).to_dict()
    (line,) = [layer for layer in spec["layer"] if "strokeDash" in layer.get("encoding", {})]
    for channel in ("color", "strokeDash"):
        kinds = line["encoding"][channel]["scale"]["range"]
        assert len({json.dumps(kind) for kind in kinds}) == 6


def test_what_cannot_be_asked_has_a_picture_that_says_why():
    data = side_by_side(because="No rows were kept.")
    data["items"] = []
    data["same_rows"] |= {"tests": [], "pictures": []}
    assert "No rows were kept." in json.dumps(picture("compare", data).to_dict())


def test_a_first_version_that_is_absent_hides_no_other():
    data = side_by_side(3, task="regression")
    data["same_rows"]["tests"] = []
    data["same_rows"]["pictures"] = data["same_rows"]["pictures"][1:]
    data["items"] = data["items"][1:]
    assert render.png(picture("compare", data))


def test_hostile_words_stay_words():
    for because in fleets.HOSTILE[:7]:
        drawn = render.svg(compared.difference(side_by_side(because=because)))
        assert "<img" not in drawn
        assert "<iframe" not in drawn
        assert "<script" not in drawn


def test_a_japanese_picture_asks_in_japanese():
    with language("ja"):
        assert "同じ行" in render.bundle(picture("compare", side_by_side()))["text/plain"]
