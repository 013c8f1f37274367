"""The dashboard of one deployment: executed as Voilà does, chosen from, and asked by a click."""

import ast
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from jupyter_mlops.errors import NotFound
from jupyter_mlops.widgets.deployment import Board, named
from papers.seen_of import NAME, Watched

NOTEBOOK = Path(__file__).parents[2] / "dashboards" / "deployment.ipynb"
VEGA = "application/vnd.vega.v5+json"


def test_a_cell_opens_asks_or_draws_and_defines_nothing():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert kinds.isdisjoint({ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.With})


def test_the_dashboard_of_an_empty_workspace_shows_the_next_word(tmp_path):
    env = {**os.environ, "JUPYTER_MLOPS_WORKSPACE": str(tmp_path / "empty")}
    env["JUPYTER_MLOPS_LANGUAGE"] = "en"
    client = NotebookClient(nbformat.read(NOTEBOOK, as_version=4), timeout=60)
    done = client.execute(env=env)
    assert "widget-view+json" in json.dumps(done.cells[-1].outputs)
    told = json.dumps(client.widget_state)
    assert "Nothing is deployed yet." in told
    assert "%mlops deploy MODEL:1 --to NAME" in told


def test_each_part_of_the_page_has_its_live_pictures():
    board = Board(Watched())
    for part, output in board.pictures.items():
        kinds = [set(shown["data"]) for shown in output.outputs]
        assert kinds, part
        assert all({VEGA, "text/plain"} == kind for kind in kinds)


def test_four_pictures_of_the_service_stand_two_by_two():
    budget = {"objective": "error_rate", "left": -0.2, "status": "failing", "because": "Spent."}
    (shown,) = Board(Watched(service={"budgets": [budget]})).pictures["service"].outputs
    layout = shown["data"][VEGA]["layout"]
    assert layout["columns"] == {"signal": "wide ? 2 : 1"}
    assert shown["data"][VEGA]["autosize"]["resize"]


def test_where_nothing_is_deployed_there_is_nothing_to_choose():
    board = Board(Watched(rows=[]))
    assert {one.layout.display for one in (board.name, board.days, board.by, board.segment)} == {
        "none"
    }
    assert board.lang.layout.display is None


def test_what_the_reader_chooses_is_asked_and_said_in_their_language():
    session = Watched()
    board = Board(session)
    board.days.value = 7
    board.by.value = "hour"
    board.segment.value = "region=EU"
    board.lang.value = "ja"
    asked = [said for verb, said in session.asked if verb == "monitor"]
    assert asked[-1] == {
        "deployment": NAME, "since": "7d", "by": "hour", "segment": "region=EU",
    }  # fmt: skip
    assert len(asked) == 5
    assert "対応が必要です" in board.page.value


def test_a_segment_that_cannot_be_read_is_said_on_the_page():
    class Refusing(Watched):
        def alerts(self, deployment, state):
            raise NotFound("There is no <b>deployment</b> {name}.", code="x", name=deployment)

    page = Board(Refusing()).page.value
    assert "There is no &lt;b&gt;deployment&lt;/b&gt; churn-prod." in page


def test_the_address_of_the_page_names_the_deployment():
    assert named({"QUERY_STRING": "deployment=churn%26prod&theme=dark"}) == "churn&prod"
    assert named({}) == ""


OVERHANG = """[...document.querySelectorAll('.mlops-picture canvas')]
    .map(canvas => canvas.getBoundingClientRect().right).filter(right => right > innerWidth)"""
WIDTHS = """[...document.querySelectorAll('.mlops-picture canvas')]
    .map(canvas => Math.round(canvas.getBoundingClientRect().width / 10))"""
PIXELS = "document.querySelectorAll('.mlops-picture canvas')[1].toDataURL()"


@pytest.mark.browser
@pytest.mark.slow
def test_a_click_on_a_feature_shows_it_and_hostile_names_stay_text(voila, chromium, artefacts):
    page = chromium.new_page(viewport={"width": 1280, "height": 4400})
    tried = []
    page.on("dialog", lambda dialog: (tried.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
            else tried.append(r.url)
        ),
    )
    page.goto(f"{voila}deployment.ipynb", wait_until="commit")
    page.wait_for_selector(".mlops-page h1", timeout=60_000)
    page.wait_for_function("document.querySelectorAll('.mlops-picture canvas').length == 4")
    page.wait_for_timeout(500)
    assert page.evaluate(OVERHANG) == []
    before = page.evaluate(PIXELS)
    page.screenshot(path=artefacts / "deployment-hostile.png", full_page=True)
    drift = page.locator(".mlops-picture canvas").nth(1)
    box = drift.bounding_box()
    drift.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.75})
    page.wait_for_function(f"{PIXELS} !== {json.dumps(before)}", timeout=10_000)
    widths = page.evaluate(WIDTHS)
    for width in (400, 1280):  # the window is resized while the page stands
        page.set_viewport_size({"width": width, "height": 4400})
        page.wait_for_timeout(1500)
        page.screenshot(path=artefacts / f"deployment-{width}.png", full_page=True)
        assert page.evaluate(OVERHANG) == []
    assert page.evaluate(WIDTHS) == widths
    assert tried == []
    assert page.title() != "1"
    assert page.locator("[onerror], [onload], .mlops-page script, .mlops-page iframe").count() == 0
    page.close()
