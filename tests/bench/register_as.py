"""``python register_as.py FOLDER``: register the tumour pipeline as MLflow does, and print the seconds of each.

Runs in MLflow's own environment, on a SQLite database; the first is left out, as it imports.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import mlflow
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RUNS = 3


def main() -> None:
    """Train once, register several times."""
    place = Path(sys.argv[1])
    mlflow.set_tracking_uri(f"sqlite:///{place / 'mlflow.db'}")
    mlflow.set_experiment("tumours")
    frame = load_breast_cancer(as_frame=True).frame
    features = frame.drop(columns="target")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(features, frame["target"])
    for run in range(RUNS + 1):
        with mlflow.start_run():
            began = time.perf_counter()
            mlflow.sklearn.log_model(
                model,
                name="model",
                input_example=features.head(5),
                registered_model_name="tumour",
                serialization_format="cloudpickle",
            )
            if run:
                print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
