"""The executive dashboard: executed as Voilà does, and looked at in a browser."""

import ast
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from jupyter_mlops.widgets.executive import Board
from papers.pages_of import Recorded

REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = REPOSITORY / "dashboards" / "executive.ipynb"
HOSTILE = """
import sys
sys.path[:0] = {paths!r}
from papers.pages_of import Recorded
from jupyter_mlops.widgets.executive import Board
Board(Recorded("hostile")).box
"""


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


@pytest.fixture
def voila(tmp_path):
    """A Voilà on loopback, with our template, that serves a fleet of hostile names."""
    _notebook(tmp_path / "hostile.ipynb")
    shared = tmp_path / "share" / "voila" / "templates"
    shared.mkdir(parents=True)
    (shared / "mlops").symlink_to(REPOSITORY / "dashboards" / "voila-template")
    port = _free_port()
    env = {**os.environ, "JUPYTER_PATH": str(tmp_path / "share")}
    options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", "--template=mlops"]
    process = subprocess.Popen(
        [sys.executable, "-m", "voila", *options, str(tmp_path)],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(f"http://127.0.0.1:{port}/")
    yield f"http://127.0.0.1:{port}/voila/render/hostile.ipynb"
    process.terminate()
    process.wait(timeout=20)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hostile_names_stay_text_in_voila_and_nothing_is_fetched(voila, chromium, artefacts, theme):
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    tried = []
    page.on("dialog", lambda dialog: (tried.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda r: tried.append(r.url) if _is_foreign(r.url) else None)
    page.goto(f"{voila}?theme={theme}")
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


def _notebook(path):
    paths = [str(REPOSITORY / "kernel_magics"), str(REPOSITORY / "tests")]
    cell = nbformat.v4.new_code_cell(HOSTILE.format(paths=paths))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(made, path)


def _is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url):
    for _ in range(150):
        try:
            urllib.request.urlopen(url, timeout=1)  # noqa: S310 - our own loopback address
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"nothing answers at {url}")
