"""What a version is measured against is bound to it: a changed reference is noticed when it is read."""

import json

import pytest
from sqlalchemy import text

from fakes import Clock
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services.accuracy import accuracy
from jupyter_mlops.services.drift import drift
from jupyter_mlops.services.service import service
from jupyter_mlops.services.watching import watched
from jupyter_mlops.services.workspace import open_local
from traffic import afresh, an_hour, live, people


@pytest.fixture(scope="module")
def made(shared_where):
    """A deployment without a server, and where it is."""
    ws = live(shared_where, Clock())
    yield ws, shared_where
    ws.engine.dispose()


def change(ws, part, how):
    """Change what is kept of a reference behind everybody's back; return what it was."""
    with ws.engine.begin() as connection:
        where = {"part": part}
        query = text("SELECT columns FROM reference WHERE part = :part")
        was = connection.execute(query, where).scalar_one()
        told = json.loads(was) if isinstance(was, str) else was
        update = text("UPDATE reference SET columns = :told WHERE part = :part")
        connection.execute(update, {**where, "told": json.dumps(how(told))})
    return told


def one_more(told):
    """Count one more row in some cell, wherever counts are kept."""
    whole = json.dumps(told)
    at = whole.index("counts" if "counts" in whole else "misses")
    place = next(i for i in range(at, len(whole)) if whole[i].isdigit())
    digit = whole[place]
    other = "1" if digit == "9" else str(int(digit) + 1)
    return json.loads(whole[:place] + other + whole[place + 1 :])


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ("training", lambda ws: drift(ws, "shop")),
        ("holdout", lambda ws: drift(ws, "shop", reference="holdout")),
        ("truth", lambda ws: accuracy(ws, "shop")),
    ],
)
def test_a_changed_reference_is_refused_in_one_line(made, part, read):
    ws, where = made
    afresh(ws)
    an_hour(ws, people(300, 1))
    was = change(ws, part, one_more)
    later = open_local(where, clock=ws.clock)
    try:
        with pytest.raises(Corrupt, match=f"churn:1 is measured against .{part}.") as refused:
            read(later)
        assert refused.value.code == "reference_changed"
        assert service(later, "shop")["predictions"] == 300
        watched(later)  # goes on, and says so to its log
    finally:
        change(ws, part, lambda _: was)
        later.engine.dispose()
    again = open_local(where, clock=ws.clock)
    assert read(again)["status"] in ("passing", "unknown", "warning", "failing")
    again.engine.dispose()


def test_the_manifest_holds_the_digest_of_each(made):
    ws, _ = made
    with ws.engine.begin() as connection:
        manifest = json.loads(connection.execute(text("SELECT manifest FROM version")).scalar_one())
    assert set(manifest["references"]) == {"holdout", "truth"}
    assert all(digest.startswith("sha256:") for digest in manifest["references"].values())
