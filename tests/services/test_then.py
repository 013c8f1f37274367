"""A version as it stood at a moment: its lineage, and side by side with others; on each database."""

from __future__ import annotations

import dataclasses
import json

import pytest

from fakes import Clock
from jupyter_mlops import open_workspace
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.services import checks, lookup, retirement
from jupyter_mlops.services.approvals import approve, request
from jupyter_mlops.services.compared import compare
from jupyter_mlops.services.lineage import lineage
from jupyter_mlops.services.workspace import open_local
from services.test_lineage import origin, registered
from stories import registered as registered_here
from traffic import goes_live


@pytest.fixture(scope="module")
def lived(shared_where, tmp_path_factory):
    """A workspace in which a version lived, and a moment after each thing that happened to it."""
    ws = dataclasses.replace(open_local(shared_where), clock=Clock())
    yield ws, moments(ws, tmp_path_factory.mktemp("book"))
    ws.engine.dispose()


def moments(ws, folder):
    """Let a version live: registered, asked for, approved, live, retired; return a moment after each."""
    told = origin(folder, "train = load()", "model = fit(train)")

    def after(deed):
        deed()
        ws.clock.turn(hours=1)
        moment = iso(ws.clock.now)
        ws.clock.turn(hours=1)
        return moment

    return {
        "registered": after(lambda: registered(ws, told)),
        "asked": after(lambda: request(ws, "tumour:1", for_deployment="clinic", reason="first")),
        "approved": after(lambda: approve(ws, 1)),
        "live": after(lambda: goes_live(ws, "tumour:1", name="clinic")),
        "retired": after(lambda: retirement.retire(ws, "clinic", reason="over")),
    }


def test_a_lineage_tells_what_had_become_of_a_version_by_then(lived):
    ws, then = lived

    def details(moment):
        found = lineage(ws, "tumour:1", as_of=then[moment])["items"]
        return {n["kind"]: n["detail"] for n in found if n["kind"] in ("decision", "deployment")}

    assert details("registered") == {}
    assert details("asked") == {"decision": "for clinic · not decided yet"}
    assert details("approved") == {"decision": "for clinic · approved by owner"}
    assert details("live")["deployment"] == "champion · live"
    assert details("retired")["deployment"] == "champion · ended"
    now = lineage(ws, "tumour:1")
    assert lineage(ws, "tumour:1", as_of=then["retired"]) == now


def test_an_age_counts_back_from_now(lived):
    ws, _ = lived
    kinds = [node["kind"] for node in lineage(ws, "tumour:1", as_of="4h")["items"]]
    assert "deployment" in kinds
    assert "deployment" not in [n["kind"] for n in lineage(ws, "tumour:1", as_of="5h")["items"]]


def test_what_was_not_there_yet_is_said_with_the_moment_it_came(lived):
    ws, _ = lived
    came = iso(Clock().now)
    with pytest.raises(NotFound) as refused:
        lineage(ws, "tumour:1", as_of="2026-01-01")
    assert refused.value.code == "version_later"
    assert came in str(refused.value)
    assert f"--as-of {came}" in refused.value.hint
    assert lineage(ws, "tumour:1", as_of=came)["ref"] == "tumour:1"


@pytest.mark.parametrize("hostile", ["<img src=x>", "yesterday", "99999999999d", "' OR 1=1 --"])
def test_what_is_no_time_is_refused(lived, hostile):
    ws, _ = lived
    for asked in (
        lambda: lineage(ws, "tumour:1", as_of=hostile),
        lambda: compare(ws, "tumour:1", "tumour:1", as_of=hostile),
    ):
        with pytest.raises(Invalid) as refused:
            asked()
        assert refused.value.code == "time_invalid"


def test_an_alias_is_what_it_meant_then(lived):
    ws, then = lived
    alias = "tumour@champion-of-clinic"
    assert lineage(ws, alias, as_of=then["live"])["ref"] == "tumour:1"
    for moment in ("approved", "retired"):
        with pytest.raises(NotFound):
            lineage(ws, alias, as_of=then[moment])


def test_versions_stand_side_by_side_as_they_stood_then(lived, tmp_path):
    ws, then = lived
    registered(ws, origin(tmp_path, "other = load()"), strength=0.01)
    ws.clock.turn(hours=1)
    before = iso(ws.clock.now)
    ws.clock.turn(hours=1)
    checks.run(ws, "tumour:1")
    found, now = (compare(ws, "tumour:1", "tumour:2", as_of=at) for at in (before, None))
    assert found["versions"][0]["checked_at"] < then["asked"]
    assert now["versions"][0]["checked_at"] == iso(ws.clock.now)
    assert found["versions"][1]["checked_at"] is None
    assert found["items"] == now["items"]
    with pytest.raises(NotFound):
        compare(ws, "tumour:1", "tumour:2", as_of=then["live"])
    with ws.look() as session:
        _, version = lookup.version(session, "tumour:1")
        assert lookup.live_deployments(session, version, then["live"]) == ["clinic"]
        assert lookup.live_deployments(session, version, then["retired"]) == []


def test_a_moment_is_said_in_a_notebook_a_session_and_a_terminal(tmp_path, capsys, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlops.__main__ import main

    folder = tmp_path / "workspace"
    session = open_workspace(folder)
    at = registered_here(session)["created_at"]
    monkeypatch.setenv("JUPYTER_MLOPS_WORKSPACE", str(folder))
    told = session.lineage("tumour:1", as_of=at).to_dict()
    assert main(["lineage", "tumour:1", "--as-of", at, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told
    assert main(["compare", "tumour:1", "tumour:1", "--as-of", "2020-01-01"]) == 1
    assert "was registered later" in capsys.readouterr().err
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "jupyter_mlops")
    assert shell.run_line_magic("mlops", f"lineage tumour:1 --as-of {at}").to_dict() == told
