import json

import pytest

from charts import fleets
from jupyter_mlops.charts import accuracy, closely, events, heat, render, service
from papers.seen_of import Watched


def drift(**told):
    return Watched(**told)("monitor", deployment="x", since="30d", by="day", segment="")["drift"]


def test_a_click_in_either_picture_chooses_the_feature_of_all():
    spec = closely.closely(drift()).to_dict()
    (picked,) = (param for param in spec["params"] if param["name"] == "picked")
    assert len(picked["views"]) >= 2
    assert picked["value"] == [{"k": 0}]
    assert json.dumps(spec).count('"filter": {"param": "picked"') >= 5


def test_the_picture_to_ask_with_holds_counts_and_follows_the_window():
    shown = render.bundle(closely.closely(drift()))
    assert set(shown) == {render.VEGA, "image/png", "text/plain"}
    spec = shown[render.VEGA]
    assert "background" not in spec
    assert spec["layout"]["columns"] == {"signal": "wide ? 2 : 1"}
    widths = [s for s in spec["signals"] if s["name"].lower().endswith("width")]
    assert widths
    assert all(s["on"][0]["events"] == "window:resize" for s in widths)
    assert len(json.dumps(spec)) < 120_000
    assert shown["text/plain"].startswith("Which moves matter?")


def test_one_picture_alone_follows_the_window_too():
    spec = render.bundle(closely.row(accuracy.over_time(fleets.accuracy("x")), columns=1))
    assert [s["name"] for s in spec[render.VEGA]["signals"]][:3] == ["wide", "narrow", "width"]


def test_only_cells_that_need_a_person_have_a_sign():
    cells = heat.cells_of(drift())
    signs = {cell["status"]: cell["sign"] for cell in cells}
    assert signs == {"failing": "■", "warning": "▲", "unknown": ""}
    assert all(cell["strength"] < 0.5 for cell in cells if cell["status"] == "unknown")


def test_a_period_with_few_rows_is_not_judged():
    data = drift()
    data["periods"] = [period | {"n": heat.FEWEST - 1} for period in data["periods"]]
    assert {cell["status"] for cell in heat.cells_of(data)} == {"unknown"}


def test_the_map_says_who_moved_first():
    assert heat.answer(heat.cells_of(drift())).startswith("income was the first to move far.")


def test_events_of_another_time_are_left_out_and_letters_do_not_cover_each_other():
    data = fleets.accuracy("x")
    at = data["series"][5]["start"]
    told = [{"at": at, "letter": letter, "said": "x"} for letter in "DR"]
    told.append({"at": "2001-01-01T00:00:00+00:00", "letter": "A", "said": "x"})
    chart = events.marked(accuracy.over_time(data), told, data["series"])
    rows = fleets.drawn(chart, "letter")
    assert [row["letter"] for row in rows] == ["D", "R"]
    assert len({row["level"] for row in rows}) == 2


def test_no_traffic_and_no_failure_are_said_in_a_sentence():
    for chart in (service.latency_over_time, service.errors_over_time):
        assert render.svg(chart({"series": []})).count("<text") >= 2
    well = {"series": [{"start": "2026-11-01", "n": 9, "requests": 9, "errors": 0}]}
    assert "Never" in render.svg(service.errors_over_time(well))


@pytest.mark.parametrize("name", fleets.HOSTILE)
def test_hostile_names_stay_text_in_the_map(name):
    drawn = render.svg(heat.heat(drift(features=(name, "age", "plan"))))
    assert "<img" not in drawn
    assert "<script" not in drawn
    assert "\u202e" not in drawn
