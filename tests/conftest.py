"""What tests share: a workspace on each database, real data, a browser."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

import pytest

from fakes import Clock
from jupyter_mlops.services.server import find, stop
from jupyter_mlops.services.workspace import open_local

POSTGRES = "JUPYTER_MLOPS_TEST_POSTGRES"
DATA = "JUPYTER_MLOPS_TEST_DATA"
CHROMIUM = "JUPYTER_MLOPS_TEST_CHROMIUM"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def absent(what):
    """Skip a test that lacks a service, with the reason; under CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, which has to be there under CI")
    pytest.skip(what)


@pytest.fixture(autouse=True)
def _undisturbed(monkeypatch, tmp_path):
    """Keep the person's own workspace, language and home out of tests."""
    monkeypatch.setenv("JUPYTER_MLOPS_LANGUAGE", "en")
    monkeypatch.setenv("JUPYTER_MLOPS_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture
def schema():
    """A PostgreSQL schema of this test's own, as a store's address."""
    with own_schema() as url:
        yield url


@contextlib.contextmanager
def own_schema():
    """Make a PostgreSQL schema, and drop it in the end."""
    url = os.environ.get(POSTGRES)
    if not url:
        absent(f"no PostgreSQL: {POSTGRES} is not set")
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    server = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request, tmp_path, monkeypatch):
    """The address of an empty workspace, on each database in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "workspace")
    monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path / "workspace"))
    return request.getfixturevalue("schema")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def shared_where(request, tmp_path_factory):
    """The address of a workspace that the tests of a file share, on each database in turn."""
    folder = tmp_path_factory.mktemp("shared") / "workspace"
    if request.param == "sqlite":
        yield str(folder)
        return
    with pytest.MonkeyPatch.context() as patch, own_schema() as url:
        patch.setenv("JUPYTER_MLOPS_FOLDER", str(folder))
        yield url


@pytest.fixture
def clock():
    """A clock that tests turn."""
    return Clock()


@pytest.fixture
def workspace(where):
    """An open workspace on each database; a server it started is stopped."""
    ws = open_local(where)
    yield ws
    if find(ws):
        stop(ws)
    ws.engine.dispose()


@pytest.fixture
def sqlite_workspace(tmp_path):
    """An open workspace on SQLite; a server it started is stopped."""
    ws = open_local(tmp_path / "workspace")
    yield ws
    if find(ws):
        stop(ws)
    ws.engine.dispose()


def real_data(name):
    """Return the file of this name among the real data, or skip with the reason."""
    folder = Path(os.environ.get(DATA, Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / name).exists():
        pytest.skip(f"no {name} in {folder}; {DATA} names the folder")
    return folder / name


@pytest.fixture(scope="module")
def pollution():
    """UCI Beijing PM2.5, hour by hour, as a pandas frame; real seasons, real gaps."""
    import pandas as pd

    return pd.read_csv(real_data("pollution.csv"), na_values="NA")


@pytest.fixture(scope="module")
def adult():
    """UCI Adult, training and test part, as pandas frames; real people, real disparities."""
    import pandas as pd

    folder = real_data("adult-train.csv").parent
    names = [
        "age",
        "workclass",
        "fnlwgt",
        "education",
        "education_num",
        "marital_status",
        "occupation",
        "relationship",
        "race",
        "sex",
        "capital_gain",
        "capital_loss",
        "hours_per_week",
        "native_country",
        "income",
    ]
    frames = [
        pd.read_csv(folder / f"adult-{part}.csv", names=names, skipinitialspace=True, na_values="?")
        for part in ("train", "test")
    ]
    for frame in frames:
        frame["income"] = frame["income"].str.rstrip(".")
    return frames


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium, by playwright; absent, the test is skipped.

    It runs an event loop of its own, which must have ended before a test of another file needs one.
    """
    named = os.environ.get(CHROMIUM)
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        absent(f"no Chromium: none of {', '.join(BROWSERS)} is on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def artefacts():
    """Where screenshots are kept for people to look at; git ignores it."""
    folder = Path(__file__).parent / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder
