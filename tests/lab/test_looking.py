"""Looking through the Jupyter server leaves nothing behind."""

from __future__ import annotations

import json

import pytest
import sqlmodel
from tornado.httpclient import HTTPClientError

import subjects
from fakes import Clock
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.store import tables
from traffic import people

API = "jupyter-mlops/api"
OF_KIND = {"ref": "churn:1", "deployment": "shop", "request": "1"}
OTHERWISE = (
    ("accuracy", {"worst": "rows"}),
    ("alerts", {"deployment": "shop"}),
    ("audit", {"verify": "true", "query": "version:churn:1"}),
    ("deployments", {"as_of": "2030-01-01"}),
    ("drift", {"explain": "age"}),
    ("drift", {"importance": "true"}),
    ("monitor", {"since": "30d"}),
    ("requests", {"query": "1"}),
)
"""Options by which a verb does more than it does without."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace with a live version and answered cases; returns it and a prediction's id."""
    ws = subjects.shop(tmp_path_factory.mktemp("looked") / "workspace", Clock())
    rows = json.loads(people(3, 1).to_json(orient="records"))
    (prediction, *_) = subjects.answered(ws, ["a", "b", "c"], rows=rows)
    yield ws, prediction
    ws.engine.dispose()


@pytest.fixture
def jp_server_config(shop):
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_mlops_lab": True}},
        "MlopsLab": {"workspace": str(shop[0].home.folder)},
    }


def newest(ws):
    with ws.look() as session:
        return session.exec(sqlmodel.select(sqlmodel.func.max(tables.AuditEvent.seq))).one()


def asked(prediction):
    """Give every verb that only looks, with what it has to be told."""
    given = {"prediction": prediction, "value": "a"}
    for verb in verbs().values():
        if verb.does == "read" and verb.said == "anywhere":
            needs = [param for param in verb.params if param.required]
            yield verb.name, {one.name: given.get(one.name) or OF_KIND[one.kind] for one in needs}


async def answered(fetched):
    """Return how a look ended."""
    try:
        return (await fetched).code
    except HTTPClientError as error:
        return error.code


async def test_f07_no_look_leaves_a_line_in_the_audit_log(shop, jp_fetch):
    ws, prediction = shop
    looks = dict(asked(prediction))
    before = newest(ws)
    refused = set()
    for name, more in [*((name, {}) for name in looks), *OTHERWISE]:
        told = {**looks[name], **more}
        if await answered(jp_fetch(API, name, params=told)) != 200:
            refused.add((name, *more))
        assert await answered(jp_fetch(API, "pictures", name, params=told)) < 500, name
        assert newest(ws) == before, (name, more)
    assert refused == {("compare",)}  # the same version twice
