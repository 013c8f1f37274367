"""Seeded data of twenty mixed features, and the two pipelines that are measured on it.

Needs numpy, pandas and scikit-learn only: the peers train the same pipeline in their own environments.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

ROWS = 5_000
FLOATS = [f"amount_{at}" for at in range(14)]
INTEGERS = ["visits", "months"]
LEVELS = {
    "plan": ["basic", "family", "business"],
    "region": ["north", "east", "south", "west", "abroad"],
    "device": ["phone", "tablet", "desktop", "television"],
    "channel": ["shop", "web", "partner", "call"],
}
FEATURES = [*FLOATS, *INTEGERS, *LEVELS]


def frame(rows: int = ROWS, seed: int = 20) -> pd.DataFrame:
    """Return rows of 14 amounts, 2 counts, 4 categories, and whether the customer left."""
    chance = np.random.default_rng(seed)
    amounts = chance.normal(size=(rows, len(FLOATS))).round(4)
    columns: dict[str, Any] = dict(zip(FLOATS, amounts.T, strict=True))
    columns["visits"] = chance.poisson(6, rows)
    columns["months"] = chance.integers(1, 60, rows)
    columns |= {name: chance.choice(levels, rows) for name, levels in LEVELS.items()}
    weight = amounts[:, :4].sum(axis=1) - 0.03 * columns["months"] + 0.1 * columns["visits"]
    weight += np.where(columns["plan"] == "basic", 0.8, 0.0) - 0.3
    left = chance.random(rows) < 1 / (1 + np.exp(-weight))
    return pd.DataFrame({**columns, "left": np.where(left, "yes", "no")})


def asked(rows: int) -> list[dict[str, Any]]:
    """Return rows to ask with, none of which was trained on."""
    found: list[dict[str, Any]] = json.loads(frame(rows, 22)[FEATURES].to_json(orient="records"))
    return found


def linear(train: pd.DataFrame, strength: float = 1.0) -> Any:
    """Return a logistic regression on scaled numbers and one-hot categories."""
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), [*FLOATS, *INTEGERS]),
            (OneHotEncoder(handle_unknown="ignore"), [*LEVELS]),
        ),
        LogisticRegression(C=strength, max_iter=500),
    )
    return model.fit(train[FEATURES], train["left"])


def trees(train: pd.DataFrame) -> Any:
    """Return gradient-boosted trees on the numbers as they are and the categories' numbers."""
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        make_column_transformer((words, [*LEVELS]), remainder="passthrough"),
        HistGradientBoostingClassifier(random_state=0),
    )
    return model.fit(train[FEATURES], train["left"])


MODELS = {"linear": linear, "trees": trees}
