"""The picture of a lineage: nothing, little, much and hostile."""

import json
from itertools import pairwise

import pytest

from jupyter_mlops.charts import lineage, picture, render
from jupyter_mlops.locale import language

HOSTILE = "</script>\u202e\n" + "x" * 500


def node(kind, n, name=""):
    return {
        "id": f"{kind}:{n}",
        "kind": kind,
        "name": name or f"{kind} {n}",
        "detail": "",
        "at": None,
    }


def way(deployments, cells=2, name=""):
    """Return a lineage with so many cells and deployments."""
    items = [node("data", 0, name), node("notebook", 0, name)]
    items += [node("cell", n, name) for n in range(cells)]
    items += [node("version", 0, "churn:1")]
    edges = [("data:0", "cell:0"), ("notebook:0", "cell:0"), ("cell:0", "version:0")]
    for n in range(deployments):
        items += [node(kind, n, name) for kind in ("decision", "deployment", "predictions")]
        ids = ["version:0", f"decision:{n}", f"deployment:{n}", f"predictions:{n}"]
        edges += list(pairwise(ids))
    led = [{"source": one, "target": other} for one, other in edges]
    return {"ref": "churn:1", "because": f"It was made. {name}", "items": items, "edges": led}


def lines_of(data):
    """Return what stands beside each line of the picture."""
    return [row["line"] for row in lineage._rows(data["items"], data["ref"])]


@pytest.mark.parametrize(
    ("data", "word"),
    [(way(0, 0), "en"), (way(1), "ja"), (way(300, 50), "en"), (way(3, 3, HOSTILE), "ja")],
)
def test_every_lineage_can_be_drawn_light_and_dark(data, word):
    with language(word):
        chart = picture("lineage", data)
    assert render.png(chart, dark=True, width=360) != render.png(chart, width=360)


def test_of_many_the_first_and_the_last_are_shown_and_the_rest_counted():
    found = lines_of(way(300, 50))
    assert len(found) < 50
    assert "… and 293 more" in found
    assert {"deployment 0", "deployment 299", "cell 49"} <= set(found)


def test_a_hostile_name_is_one_short_visible_line():
    data = way(2, 2, HOSTILE)
    shown = [*lines_of(data), *lineage.traced(data).to_dict()["title"]["subtitle"]]
    assert all(line.isprintable() and len(line) < 200 for line in shown)


def test_a_lineage_of_nothing_says_why():
    data = {**way(0, 0), "items": [], "edges": []}
    assert "It was made." in json.dumps(lineage.traced(data).to_dict())
