"""The main job in a few lines, so that tests can begin anywhere in it."""

from __future__ import annotations

import json
from functools import cache

import httpx
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


@cache
def tumours():
    """Return a fitted classifier on real measurements, with its training and holdout frames."""
    frame = load_breast_cancer(as_frame=True).frame
    train, holdout = frame.iloc[:350], frame.iloc[350:]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(train.drop(columns="target"), train["target"])
    return model, train, holdout


@cache
def progression():
    """Return a fitted regressor on real measurements, with its training and holdout frames."""
    frame = load_diabetes(as_frame=True).frame
    train, holdout = frame.iloc[:300], frame.iloc[300:]
    model = make_pipeline(StandardScaler(), Ridge())
    model.fit(train.drop(columns="target"), train["target"])
    return model, train, holdout


def incomes(train: pd.DataFrame):
    """Return a classifier with missing values and categories, fitted on Adult."""
    numbers = ["age", "education_num", "hours_per_week", "capital_gain"]
    words = ["workclass", "education", "marital_status", "occupation"]
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), words),
        ),
        LogisticRegression(max_iter=500),
    )
    return model.fit(train[numbers + words], train["income"]), numbers + words


def registered(session, name="tumour", **more):
    """Register the tumour model."""
    model, train, holdout = tumours()
    return session.register(model, name=name, train=train, target="target", holdout=holdout, **more)


def approved(session, deployment="clinic", **more):
    """Register the tumour model, ask for a deployment and say yes."""
    version = registered(session, **more)
    asked = session.request(version, for_deployment=deployment)
    session.approve(asked.id)
    return version


def deployed(session, deployment="clinic", **more):
    """Carry the tumour model out."""
    version = approved(session, deployment, **more)
    session.deploy(version, to=deployment)
    return version


def caller(folder):
    """Return a client of the server of a workspace, who knows its token."""
    known = json.loads((folder / "server.json").read_text())
    token = {"Authorization": f"Bearer {known['token']}"}
    return httpx.Client(base_url=known["url"], headers=token, timeout=30)


def approved_again(session, strength, **more):
    """Approve another version of the tumour model for the clinic, regularised otherwise."""
    _, train, holdout = tumours()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
    model.fit(train.drop(columns="target"), train["target"])
    version = session.register(model, name="tumour", train=train, target="target", holdout=holdout)
    session.approve(session.request(version, for_deployment="clinic", **more).id)
    return version
