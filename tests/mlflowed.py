"""Registries of MLflow's: real ones, that MLflow makes in an environment of its own, and trees by hand."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import sysconfig
from pathlib import Path

import skops.io
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RUN = "a687317f598b4fa495c697d5189eba12"
FEATURES = ["mean radius", "mean texture"]
SAID = {
    "inputs": json.dumps([{"type": "double", "name": name, "required": True} for name in FEATURES])
}

SCRIPT = """
import json
import sys
import mlflow
import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

rows, truth = load_breast_cancer(return_X_y=True, as_frame=True)
rows = rows.iloc[:, :4]
signature = infer_signature(rows, truth)

def registered(strength, log, **how):
    model = LogisticRegression(C=strength, max_iter=2000).fit(rows, truth)
    with mlflow.start_run(run_name=f"C={strength}"):
        mlflow.log_param("C", strength)
        mlflow.log_metric("accuracy", 0.5, step=0)
        mlflow.log_metric("accuracy", float(model.score(rows, truth)), step=1)
        mlflow.log_metric("val/loss", 0.2)
        mlflow.log_metric("never", float("nan"))
        mlflow.set_tag("team", "risk")
        log(model, name="model", registered_model_name="churn", pip_requirements=["scikit-learn"],
            signature=signature, **how)

def onnx(model, **how):
    import mlflow.onnx
    mlflow.onnx.log_model(to_onnx(model, rows.to_numpy()[:1].astype("float32")), **how)

for address, artifacts in json.loads(sys.argv[1]).items():
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    mlflow.create_experiment("leaving", artifact_location=artifacts or None)
    mlflow.set_experiment("leaving")
    registered(1.0, mlflow.sklearn.log_model, serialization_format="cloudpickle")
    registered(0.5, mlflow.sklearn.log_model, serialization_format="skops")
    registered(0.1, onnx)

    client = MlflowClient()
    client.set_registered_model_alias("churn", "champion", 2)
    client.set_registered_model_tag("churn", "unit", "retail")
    client.update_registered_model("churn", "who leaves")
    client.update_model_version("churn", 1, "the first")
    client.set_model_version_tag("churn", "1", "checked", "yes")
    client.transition_model_version_stage("churn", 1, "Archived")
    client.transition_model_version_stage("churn", 2, "Production")
    client.create_registered_model("my model")
"""


def environment(place):
    """Make an environment with MLflow, which borrows all else from this one; None if it cannot be."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = place / "lib" / version / "site-packages"
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "mlflow-skinny>=3"],
        capture_output=True, check=False,
    )  # fmt: skip
    return python if done.returncode == 0 else None


def made(python, addresses):
    """Have MLflow write a registry at each of these addresses, with its files where that is said."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    subprocess.run(
        [python, "-c", SCRIPT, json.dumps(addresses)], check=True, capture_output=True, env=env
    )


def model(strength=1.0):
    """Return a classifier fitted on two real measurements."""
    rows, truth = load_breast_cancer(return_X_y=True, as_frame=True)
    made = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
    return made.fit(rows[FEATURES], truth)


def described(flavor, run=RUN, signature=SAID):
    """Return an `MLmodel`."""
    said = {"flavors": {"python_function": {}, **flavor}, "run_id": run, "signature": signature}
    return json.dumps(said)


def with_skops(fitted):
    """Return the files of a model in skops."""
    kept = {"sklearn": {"pickled_model": "model.skops", "serialization_format": "skops"}}
    return {"MLmodel": described(kept), "model.skops": skops.io.dumps(fitted)}


def with_pickle(value=None):
    """Return the files of a model in a pickle."""
    kept = {"sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}}
    return {"MLmodel": described(kept), "model.pkl": pickle.dumps(value)}


def version(number=1, name="churn", run=RUN, files=None, **more):
    """Return the files of a version, its run and its model, as MLflow's folder has them."""
    at = f"0/{run}/artifacts/model"
    meta = {
        "name": name,
        "version": number,
        "run_id": run,
        "current_stage": "None",
        "creation_timestamp": 1795734392486 + number,
        "source": f"file:///home/ann/mlruns/{at}",
        "description": None,
        "user_id": "ann",
        **more,
    }
    return {
        f"models/{name}/version-{number}/meta.yaml": json.dumps(meta),
        f"0/{run}/meta.yaml": json.dumps({"run_id": run, "start_time": 1795734390365, "status": 3}),
        f"0/{run}/params/C": "1.0",
        f"0/{run}/metrics/accuracy": "1795734390375 0.8 0\n1795734390383 0.9 1\n",
        f"0/{run}/tags/mlflow.user": "ann",
        **{f"{at}/{part}": data for part, data in (files or {}).items()},
    }


def named(name="churn", **more):
    """Return the file of a model."""
    meta = {"name": name, "description": "who leaves", **more}
    return {f"models/{name}/meta.yaml": json.dumps(meta)}


def tree(place, *parts):
    """Write files of these parts below a folder, and return it."""
    for part in parts:
        for name, data in part.items():
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return Path(place)
