"""A live deployment to ask, over real HTTP."""

import json

import httpx
import pytest

from jupyter_mlops import open_workspace
from stories import deployed, tumours


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
    known = json.loads((place / "server.json").read_text())
    with httpx.Client(
        base_url=known["url"], headers={"Authorization": f"Bearer {known['token']}"}
    ) as client:
        yield client


@pytest.fixture(scope="module")
def rows():
    """Rows that the model reads."""
    return json.loads(tumours()[2].drop(columns="target").to_json(orient="records"))
