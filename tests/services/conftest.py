"""A deployment that is watched without a server, shared by the tests of a file."""

import pytest

from fakes import Clock
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
