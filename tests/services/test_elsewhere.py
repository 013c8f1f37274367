"""Models that run elsewhere are asked when they are registered, or known by name alone."""

import pytest

from foreign import Foreign, Tensors, allow
from jupyter_mlops import open_workspace
from jupyter_mlops.config import find_home
from stories import tumours


@pytest.fixture
def session(where):
    """A session on each database; what it has started is stopped."""
    with open_workspace(where) as session:
        yield session
        session.stop()


def registered(session, server, name="tumour", **more):
    """Register the tumour model at an address that the owner allows."""
    _, train, holdout = tumours()
    allow(find_home(session.where).folder, server)
    told = {"train": train, "target": "target", "holdout": holdout, **more}
    return session.register(server.url, name=name, **told)


@pytest.mark.parametrize("kind", [Foreign, Tensors])
def test_a_model_at_an_address_is_asked_and_remembered(session, kind):
    with kind() as server:
        version = registered(session, server)
    assert (version.format, version.task, version.classes) == ("address", "binary", [0, 1])
    assert version.metrics["roc_auc"]["value"] > 0.99
    probe = version.lineage["probe"]
    assert probe["protocol"] == {Foreign: "rows", Tensors: "tensors"}[kind]
    assert (probe["status"], probe["rows"], probe["shape"], probe["classes"]) == (
        200, 5, [5, 2], "agree",
    )  # fmt: skip
    assert 0 < probe["ms"] < 8000
