import base64
import json
import subprocess
import sys

import pytest
import vl_convert

from charts import fleets
from jupyter_mlops.charts import accuracy, drift, fleet, picture, render, service

VERBS = {
    "accuracy": fleets.accuracy("churn-prod"),
    "deployments": {"items": fleets.FLEETS["seven"]["deployments"]},
    "drift": fleets.drift("churn-prod", moved=2),
    "monitor": fleets.monitor("churn-prod", status="failing"),
    "overview": fleets.FLEETS["seven"],
    "service": fleets.service("churn-prod"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_picture_is_live_an_image_and_a_sentence(verb):
    shown = render.bundle(picture(verb, VERBS[verb]))
    assert set(shown) == {"application/vnd.vegalite.v5+json", "image/png", "text/plain"}
    assert shown["application/vnd.vegalite.v5+json"]["$schema"].endswith("/vega-lite/v5.json")
    assert shown["image/png"].startswith("iVBORw0KGgo")


def test_a_picture_that_a_cell_returns_is_shown_by_our_renderer():
    chart = picture("drift", VERBS["drift"])
    data, _ = chart._repr_mimebundle_(None, None)
    assert render.MIME in data
    assert "text/html" not in data


def test_a_bundle_says_what_the_picture_asks_and_answers():
    said = render.bundle(picture("deployments", VERBS["deployments"]))["text/plain"]
    assert said == "Which models work for you, and how are they? Needs attention: churn-prod."


def test_a_picture_asks_nothing_of_a_network():
    spec = json.dumps(render.bundle(picture("monitor", VERBS["monitor"]))[render.MIME])
    assert '"url"' not in spec
    assert spec.count("https://") == spec.count(render.SCHEMA)


def test_a_bundle_is_small_because_it_holds_counts_and_no_rows():
    spec = json.dumps(render.bundle(picture("monitor", VERBS["monitor"]))[render.MIME])
    assert len(spec) < 40_000


def test_an_image_is_small_and_whole(chromium):
    image = render.png(picture("accuracy", VERBS["accuracy"]))
    assert len(image) < 50_000
    page = chromium.new_page()
    source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    size = page.evaluate(
        "async s => { const i = new Image(); i.src = s; await i.decode(); return i.width }", source
    )
    page.close()
    assert size > render.WIDTH * render.SCALE


def test_a_live_picture_takes_its_width_from_the_window_and_loses_no_signal():
    for verb in ("accuracy", "deployments", "overview"):
        spec = render.bundle(picture(verb, VERBS[verb]))[render.MIME]
        patch = spec["usermeta"]["embedOptions"]["patch"]
        assert [change["path"] for change in patch] == ["/signals"]
        assert "signals" not in vl_convert.vegalite_to_vega(spec, vl_version=render.ENGINE)


@pytest.mark.parametrize("name", fleets.HOSTILE)
def test_hostile_names_stay_text_in_the_drawing(name):
    data = fleets.drift("churn-prod", features=(name, *fleets.FEATURES), moved=1)
    for chart in (drift.moved(data), drift.quadrants(data), drift.feature(data, name)):
        drawn = render.svg(chart)
        assert "<img" not in drawn
        assert "<script" not in drawn
        assert "<iframe" not in drawn
        assert "\u202e" not in drawn


def test_a_name_with_dots_and_brackets_is_drawn_as_it_is():
    data = fleets.drift("churn-prod", features=("a.b[0]['c']", "age"), moved=1)
    assert "a.b[0]" in render.svg(drift.moved(data))


@pytest.mark.parametrize("chart", [drift.moved, drift.quadrants])
def test_nothing_to_draw_is_said_in_a_sentence(chart):
    assert "yet" in render.svg(chart({"items": []}))


def test_no_traffic_is_said_in_a_sentence():
    idle = {"series": [], "errors_by_kind": {}, "latency_ms": {}}
    for chart in (service.traffic, service.latency, service.errors):
        assert render.svg(chart(idle)).count("<text") >= 2


def test_a_period_without_a_label_is_a_gap_and_not_a_nought():
    data = fleets.accuracy("churn-prod")
    data["series"][4] |= {"value": None, "low": None, "high": None, "labelled": 0.0}
    rows = fleets.drawn(accuracy.over_time(data), "value")
    assert {row["value"] for row in rows if row["start"] == data["series"][4]["start"]} == {None}


def test_sixty_models_fit_one_picture():
    chart = fleet.deployments(fleets.FLEETS["sixty"])
    assert len(fleets.drawn(chart, "name")) == fleet.MOST


def test_colours_follow_the_ground_of_the_viewer():
    chart = drift.moved(fleets.drift("churn-prod", moved=1))
    light, dark = render.png(chart), render.png(chart, dark=True)
    assert light != dark
    assert "luminance(background)" in json.dumps(chart.to_dict())


def test_altair_is_not_loaded_with_the_room():
    code = "import sys, jupyter_mlops.charts; sys.exit('altair' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
