"""A Voilà on loopback that serves pages full of hostile names, as any dashboard is served."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
PATHS = f"import sys\nsys.path[:0] = {[str(REPOSITORY / 'kernel_magics'), str(REPOSITORY / 'tests')]!r}\n"
PAGES = {
    "executive": """
from papers.pages_of import Recorded
from jupyter_mlops.widgets.executive import Board
Board(Recorded("hostile")).box
""",
    "deployment": """
from charts.fleets import HOSTILE
from papers.seen_of import Watched
from jupyter_mlops.widgets.deployment import Board
Board(Watched(features=(*HOSTILE, "age"))).box
""",
}


@pytest.fixture(scope="module")
def voila(tmp_path_factory):
    """A Voilà with our template; its pages are named after what they show."""
    folder = tmp_path_factory.mktemp("voila")
    for name, source in PAGES.items():
        _notebook(folder / f"{name}.ipynb", PATHS + source)
    shared = folder / "share" / "voila" / "templates"
    shared.mkdir(parents=True)
    (shared / "mlops").symlink_to(REPOSITORY / "dashboards" / "voila-template")
    port = _free_port()
    env = {**os.environ, "JUPYTER_PATH": str(folder / "share")}
    options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", "--template=mlops"]
    process = subprocess.Popen(
        [sys.executable, "-m", "voila", *options, str(folder)],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(f"http://127.0.0.1:{port}/")
    yield f"http://127.0.0.1:{port}/voila/render/"
    process.terminate()
    process.wait(timeout=20)


def _notebook(path, source):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cell = nbformat.v4.new_code_cell(source)
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(made, path)


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
