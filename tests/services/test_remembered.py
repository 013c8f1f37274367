"""What the newest release checks found stands on the version; on each database."""

from __future__ import annotations

import sqlmodel

from jupyter_mlops.locale import language
from jupyter_mlops.services.registry import show
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.release.findings import Found
from jupyter_mlops.store import tables
from services.test_lineage import origin, registered

HOSTILE = "<img src=x onerror=alert(1)>"


def checked(ws, **found):
    """Remember a run of release checks of the one version there is."""
    with ws.act("test:check", subject="test") as act:
        version = act.session.exec(sqlmodel.select(tables.Version)).one()
        remembered.remember(act.session, version, found, now=ws.now())


def test_show_tells_the_newest_run_and_no_older_one(workspace, tmp_path):
    registered(workspace, origin(tmp_path, "train = load()"))
    before = show(workspace, "tumour:1")
    assert (before["checks"], before["checked_at"]) == ([], "")
    checked(workspace, loads=Found("failed"), restarts=Found("passed"))
    checked(workspace, loads=Found("passed", figure=HOSTILE))
    with language("en"):
        told = show(workspace, "tumour:1")
    assert told["checked_at"] > before["created_at"]
    assert told["checks"] == [
        {"check": "loads", "title": "Loads in a fresh process", "outcome": "passed",
         "figure": HOSTILE, "because": ""},
    ]  # fmt: skip
    with language("ja"):
        assert show(workspace, "tumour:1")["checks"][0]["title"] != told["checks"][0]["title"]
