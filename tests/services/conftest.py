"""What tests of several files share: a deployment without a server, and what MLflow keeps."""

import pytest

import mlflowed
from fakes import Clock, Ticking
from jupyter_mlops import open_workspace
from jupyter_mlops.services.workspace import open_local
from traffic import afresh, live


@pytest.fixture(scope="module")
def made(shared_where):
    """A deployment without a server, on each database in turn."""
    ws = live(shared_where, Clock())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ws(made):
    """The deployment, with no rules, no traffic and no alerts."""
    afresh(made)
    return made


@pytest.fixture
def clock():
    """A clock that is turned by hand."""
    return Clock()


@pytest.fixture
def turned(tmp_path, clock):
    """A workspace that goes by it, where the database makes no difference."""
    ws = open_local(tmp_path / "workspace", clock=clock)
    yield ws
    ws.engine.dispose()


@pytest.fixture
def both(where, clock):
    """The same, on each database."""
    ws = open_local(where, clock=clock)
    yield ws
    ws.engine.dispose()


@pytest.fixture
def ticking(where):
    """A workspace whose clock goes on at each look, and no server, on each database."""
    ws = open_local(where, clock=Ticking())
    yield ws
    ws.engine.dispose()


@pytest.fixture
def here(where):
    """A session on each database; the server it started is stopped."""
    session = open_workspace(where)
    yield session
    session.stop()


@pytest.fixture(scope="module")
def untouched(shared_where):
    """A workspace, on each database in turn, into which nothing ever comes."""
    session = open_workspace(shared_where)
    yield session
    session.close()


@pytest.fixture(scope="module")
def skops():
    """A model as MLflow keeps one in skops."""
    return mlflowed.with_skops(mlflowed.model())
