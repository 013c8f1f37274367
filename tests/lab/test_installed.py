"""A Jupyter server as its packages set it up, with no setting of ours: what it shows, and to whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import nbformat
import pytest

TOKEN = "the-token-of-this-test"
DASHBOARDS = Path(__file__).parents[2] / "dashboards"
SETTINGS = {
    "ServerApp.port": "0",
    "ServerApp.ip": "127.0.0.1",
    "ServerApp.allow_root": "True",
    "ServerApp.open_browser": "False",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of such a server; pictures and other files lie in its folder."""
    folder = tmp_path_factory.mktemp("installed")
    for name in ("plot.png", "plot.svg", "store.db", "code.py", ".env"):
        (folder / name).write_text("a secret beside it")
    places = {name: str(folder / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
    environ = {**os.environ, **places, "JUPYTER_TOKEN": TOKEN}
    environ["JUPYTER_MLOPS_WORKSPACE"] = str(folder / "workspace")
    words = [f"--{name}={value}" for name, value in SETTINGS.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *words],
            env=environ, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
        yield listening(folder, process)
        process.terminate()
        process.wait(30)


def listening(folder, process):
    """Wait until the server says where it listens."""
    for _ in range(300):
        for file in (folder / "JUPYTER_RUNTIME_DIR").glob("jpserver-*.json"):
            if found := json.loads(file.read_text() or "{}").get("url"):
                return found
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.1)
    return pytest.fail((folder / "log").read_text())


def ask(address, path, *, known=True):
    headers = {"Authorization": f"token {TOKEN}"} if known else {}
    return httpx.get(f"{address}{path}", headers=headers, timeout=90)


def test_p9_a_picture_beside_a_notebook_is_for_who_has_the_token(address):
    for name in ("plot.png", "plot.svg"):
        assert ask(address, f"voila/files/{name}").status_code == 200
        answer = ask(address, f"voila/files/{name}", known=False)
        assert answer.status_code in (302, 403)
        assert "secret" not in answer.text


def test_k09_what_else_lies_there_is_for_nobody(address):
    for name in ("store.db", "code.py", ".env"):
        assert ask(address, f"voila/files/{name}").status_code == 403
        assert ask(address, f"voila/files/{name}", known=False).status_code in (302, 403)


@pytest.mark.parametrize("name", ["deployment", "executive"])
def test_k09_no_dashboard_shows_what_its_cells_say(address, name):
    page = ask(address, f"jupyter-mlops/dashboards/{name}")
    assert (page.status_code, "voila" in page.text) == (200, True)
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    for cell in nbformat.read(DASHBOARDS / f"{name}.ipynb", 4).cells:
        for line in filter(None, map(str.strip, cell.source.splitlines())):
            assert line not in page.text
