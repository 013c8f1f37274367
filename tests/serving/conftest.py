"""A live deployment to ask, over real HTTP."""

import json
import subprocess
import sys

import pytest

from conftest import absent
from jupyter_mlops import open_workspace
from stories import caller, deployed, tumours


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with one live deployment."""
    folder = tmp_path_factory.mktemp("serving") / "workspace"
    session = open_workspace(folder)
    deployed(session)
    yield folder
    session.stop()


@pytest.fixture
def client(place):
    """A client that has the token."""
    with caller(place) as client:
        yield client


@pytest.fixture(scope="module")
def rows():
    """Rows that the model reads."""
    return json.loads(tumours()[2].drop(columns="target").to_json(orient="records"))


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    """Environments by the package they hold, made when they are first asked for."""
    made = {}

    def environment(package):
        if package not in made:
            place = tmp_path_factory.mktemp("client") / "venv"
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            pip = [place / "bin/python", "-m", "pip", "install", "--quiet", package]
            if subprocess.run(pip, check=False, capture_output=True).returncode:
                absent(f"{package} cannot be installed")
            made[package] = place / "bin/python"
        return made[package]

    return environment
