"""A deployment without a server: a champion, and the log of what it would have answered."""

from __future__ import annotations

import json
import shutil
from functools import cache

import numpy as np
import pandas as pd
import sqlmodel
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import lookup, rollouts, rules
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables

NUMBERS = ["age", "income", "tenure", "visits"]
PLANS = ["basic", "plus", "pro"]


def people(count, seed, **moved):
    """Return rows of customers; ``moved`` adds to a column of numbers."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({name: random.normal(size=count) for name in NUMBERS})
    frame["plan"] = random.choice(PLANS, count)
    for name, by in moved.items():
        frame[name] += by
    return frame


@cache
def churn(strength=1.0):
    """Return a fitted classifier, with its training and holdout frames."""
    frame = people(3_000, seed=1)
    random = np.random.default_rng(2)
    frame["churned"] = (frame["age"] + frame["income"] + random.normal(size=len(frame)) > 0).astype(
        int
    )
    train, holdout = frame.iloc[:2_000], frame.iloc[2_000:]
    model = make_pipeline(
        make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), ["plan"])),
        LogisticRegression(C=strength, max_iter=500),
    )
    model.fit(train.drop(columns="churned"), train["churned"])
    return model, train, holdout


def approved(where, strength=1.0):
    """Register a version and approve it for the shop."""
    with open_workspace(where) as session:
        model, train, holdout = churn(strength)
        version = session.register(
            model, name="churn", train=train, target="churned", holdout=holdout, risk="low"
        )
        session.approve(session.request(version, for_deployment="shop").id)
        return version.ref


def live(where, clock):
    """Return a workspace whose deployment ``shop`` serves ``churn:1`` since the clock's time."""
    ref = approved(where)
    ws = open_local(where, clock=clock)
    goes_live(ws, ref)
    return ws


def afresh(ws):
    """Forget what was logged and found, and let a day pass; the version serves on."""
    for name in ("spool", "predictions", "requests", "actuals"):
        shutil.rmtree(ws.home.folder / name, ignore_errors=True)
    with ws.engine.begin() as connection:
        for table in ("delivery", "webhook", "finding", "alert", "evaluation"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    if rules.rules(ws, "shop")["number"]:
        rules.rules(ws, "shop", "{}")
    ws.clock.turn(days=2)
    ws.clock.now = ws.clock.now.replace(minute=0, second=0, microsecond=0)


def goes_live(ws, ref, *, name="shop", **more):
    """Carry a version out as the server does; return its rollout, of which more may be said."""
    with ws.act("test:rollout", subject="test") as act:
        _, version = lookup.version(act.session, ref)
        asked = act.session.exec(
            sqlmodel.select(tables.Request).where(tables.Request.version_id == version.id)
        ).one()
        place = act.session.exec(sqlmodel.select(tables.Deployment)).first()
        place = place or tables.Deployment(
            name=name, model_id=version.model_id, state="waiting", at=ws.now()
        )
        act.session.add(place)
        act.session.flush()
        told = {"action": "deploy", "role": "champion", "state": "loading", "because": "", **more}
        coming = tables.Rollout(
            deployment_id=place.id, version_id=version.id, request_id=asked.id, at=ws.now(), **told
        )
        act.session.add(coming)
        act.session.flush()
    rollouts.carry_out(ws, coming.id)
    return coming.id


def one_answer(log, row):
    """Write one answer into a log, of a version that was never registered, and have it durable."""
    head = {"at": "2026-01-02T03:04:05.000006Z", "kind": "", "status": 200, "rows": 1, "ms": 1.0}
    head |= {"version": "m:1", "digest": "d", "role": "champion", "prediction_ids": ["p"]}
    head |= {"ids": ["i"], "scores": [0.5], "labels": None, "probabilities": None}
    head |= {"warnings": None, "salt": "0" * 32}
    log.append(json.dumps(head).encode(), json.dumps({"rows": [row]}).encode())
    log.commit()


def chances(count, seed):
    """Return what the model says of people as they were in training, whoever asks."""
    return churn()[0].predict_proba(people(max(count, 1), seed))[:count, 1].tolist()


def an_hour(ws, rows, *, kind="", ms=1.0, times=1, ref="churn:1", warnings=None, minute=0):
    """Write requests with these rows between them, or as many that failed; let the hour pass."""
    ws.clock.turn(minutes=minute)
    with ws.look() as session:
        digest = lookup.version(session, ref)[1].digest
    log = ws.telemetry.open_log("shop")
    whole = [] if kind else json.loads(rows.to_json(orient="records"))
    scores = chances(len(whole), 0)
    ids: list[str] = []
    for part in range(times):
        told = whole[part::times]
        names = [f"{iso(ws.clock.now)}-{part}-{i}" for i in range(len(told))]
        ids += names
        head = {"at": iso(ws.clock.now), "kind": kind, "status": 500 if kind else 200}
        head |= {"rows": len(told), "ms": ms, "version": ref, "digest": digest}
        head |= {"role": "champion", "prediction_ids": names, "ids": names}
        head |= {"scores": scores[part::times], "labels": None, "probabilities": None}
        head |= {"warnings": warnings and [warnings] * len(told)}
        log.append(json.dumps(head).encode(), json.dumps({"rows": told}).encode())
    log.commit()
    log.close()
    ws.clock.turn(minutes=60 - minute)
    return ids
