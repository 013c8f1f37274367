"""What a version was trained with is compared with what is here, and what it takes up is shown."""

import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.services import surroundings
from jupyter_mlops.services.registry import show
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import registered


@pytest.fixture(scope="module")
def ws(shared_where):
    with open_workspace(shared_where) as session:
        registered(session)
    ws = open_local(shared_where)
    yield ws
    ws.engine.dispose()


def trained_with(ws, **packages):
    with ws.act("test:lineage", subject="tumour:1") as act:
        version = act.session.query(tables.Version).one()
        python = packages.pop("python", version.lineage["python"])
        version.lineage = {**version.lineage, "packages": packages, "python": python}
        act.session.add(version)


def test_the_same_environment_is_no_difference(ws):
    assert show(ws, "tumour:1")["environment"] == []


def test_what_differs_is_named_with_both_versions(ws):
    trained_with(ws, pandas="0.1", **{"no-such-library": "7"}, python="2.7.18")
    told = {row["name"]: row for row in show(ws, "tumour:1")["environment"]}
    assert set(told) == {"pandas", "no-such-library", "python"}
    assert told["pandas"]["trained"] == "0.1" != told["pandas"]["here"]
    assert told["no-such-library"]["here"] == ""
    with open_workspace(ws.home.url if not ws.home.is_sqlite else ws.home.folder) as session:
        assert "other libraries than in training: no-such-library 7 → not here" in str(
            session.show("tumour:1")
        )


def test_the_last_number_of_python_is_none(ws):
    here = surroundings.platform.python_version()
    trained_with(ws, python=here.rpartition(".")[0] + ".99")
    assert show(ws, "tumour:1")["environment"] == []


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 300, "\ud800"])
def test_a_library_by_any_name_is_looked_for_and_no_more(ws, name):
    trained_with(ws, **{name.encode("ascii", "replace").decode() or "-": "1"})
    (row,) = show(ws, "tumour:1")["environment"]
    assert row["here"] == ""


def test_what_the_newest_check_measured_is_the_footprint(ws):
    assert show(ws, "tumour:1")["footprint"] is None
    for size in (1, 2):
        with ws.act("test:check", subject="tumour:1") as act:
            version = act.session.query(tables.Version).one()
            told = {"bytes": size << 20, "memory_mib": 3.0, "load_seconds": 0.5}
            act.session.add(
                tables.CheckResult(
                    version_id=version.id, run="r", name="footprint", outcome="passed", figure="",
                    because="", detail=told, at=ws.now(),
                )
            )  # fmt: skip
    assert show(ws, "tumour:1")["footprint"]["bytes"] == 2 << 20
