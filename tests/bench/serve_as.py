"""``python serve_as.py PEER FOLDER PORT``: train the linear pipeline here and serve it as a peer does.

Runs in the peer's own environment, with its own scikit-learn; one worker process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import mixed

BIN = Path(sys.executable).parent


def mlflow(folder: Path, port: str) -> None:
    """Save the pipeline as MLflow does and become its scoring server."""
    from mlflow import sklearn

    place = folder / "saved"
    sklearn.save_model(mixed.linear(mixed.frame()), place, serialization_format="cloudpickle")
    words = ["models", "serve", "-m", str(place), "-p", port, "-w", "1", "--env-manager", "local"]
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    os.execv(BIN / "mlflow", ["mlflow", *words])  # noqa: S606  (a list, no shell)


def mlserver(folder: Path, port: str) -> None:
    """Save the pipeline with its settings and become MLServer, its inference in the same process."""
    import joblib

    joblib.dump(mixed.linear(mixed.frame()), folder / "model.joblib")
    model = {
        "name": "linear",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    settings = {"host": "127.0.0.1", "http_port": int(port), "parallel_workers": 0}
    settings |= {"grpc_port": _free_port(), "metrics_port": _free_port(), "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    os.execv(BIN / "mlserver", ["mlserver", "start", str(folder)])  # noqa: S606  (a list, no shell)


def vetiver(_folder: Path, port: str) -> None:
    """Hand the pipeline to vetiver with its prototype, and run the API it makes."""
    import uvicorn
    from vetiver import VetiverAPI, VetiverModel

    frame = mixed.frame()
    prototype = frame[mixed.FEATURES]
    model = VetiverModel(mixed.linear(frame), "linear", prototype_data=prototype)
    uvicorn.run(VetiverAPI(model).app, port=int(port), access_log=False, log_level="warning")


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    {"mlflow": mlflow, "mlserver": mlserver, "vetiver": vetiver}[sys.argv[1]](
        Path(sys.argv[2]), sys.argv[3]
    )
