"""The executive dashboard: executed as Voilà does, and looked at in a browser."""

import ast
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from jupyter_mlops.widgets.executive import Board
from papers.pages_of import Recorded

REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = REPOSITORY / "dashboards" / "executive.ipynb"


def cells():
    read = nbformat.read(NOTEBOOK, as_version=4)
    return [cell for cell in read.cells if cell.cell_type == "code"]


def test_a_cell_opens_asks_or_draws_and_defines_nothing():
    for cell in cells():
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert kinds.isdisjoint({ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.With})
        assert cell.outputs == []


def test_the_dashboard_runs_where_no_browser_is(tmp_path):
    env = {**os.environ, "JUPYTER_MLOPS_WORKSPACE": str(tmp_path / "empty")}
    env["JUPYTER_MLOPS_LANGUAGE"] = "en"
    client = NotebookClient(nbformat.read(NOTEBOOK, as_version=4), timeout=60)
    done = client.execute(env=env)
    assert "widget-view+json" in json.dumps(done.cells[-1].outputs)


def test_another_language_reads_nothing_again():
    session = Recorded("one")
    board = Board(session)
    asked = len(session.asked)
    board.lang.value = "ja"
    assert "1 個のモデルが稼働しています。" in board.page.value
    assert len(session.asked) == asked


def test_another_period_is_read_and_kept_through_a_change_of_language():
    board = Board(Recorded("one"))
    board.days.value = 7
    board.lang.value = "ja"
    assert board.days.value == 7
    assert "直近 7 日間の予測件数" in board.page.value


def test_one_model_is_drawn_only_when_it_is_looked_at():
    board = Board(Recorded("seven"))
    assert board.pictures.outputs == ()
    board.closer.selected_index = 0
    kinds = [set(shown["data"]) for shown in board.pictures.outputs]
    assert len(kinds) == 5
    assert all("application/vnd.vegalite.v5+json" in kind and "image/png" in kind for kind in kinds)


def test_the_feature_that_moved_most_is_offered_first():
    board = Board(Recorded("seven"))
    assert (board.model.value, board.feature.value) == ("churn-prod", "income")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hostile_names_stay_text_in_voila_and_nothing_is_fetched(voila, chromium, artefacts, theme):
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    tried = []
    page.on("dialog", lambda dialog: (tried.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda r: tried.append(r.url) if _is_foreign(r.url) else None)
    page.goto(f"{voila}executive.ipynb?theme={theme}")
    page.wait_for_selector(".mlops-page h1", timeout=60_000)
    page.locator(".jupyter-widget-Collapse-header").first.click()
    page.wait_for_selector(".vega-embed canvas", timeout=60_000)
    page.get_by_text("日本語").click()
    page.wait_for_function("document.querySelector('.mlops-page').lang === 'ja'")
    page.wait_for_timeout(1000)
    page.screenshot(path=artefacts / f"voila-hostile-{theme}.png", full_page=True)
    assert tried == []
    assert page.locator("[onerror], [onload], .mlops-page script, .mlops-page iframe").count() == 0
    assert page.locator(".jp-RenderedText[data-mime-type*=stderr]").count() == 0
    page.close()


def _is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))
