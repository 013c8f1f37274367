"""HTTP in, verbs inside, JSON out."""

from __future__ import annotations

from typing import Any

__all__ = ["_jupyter_labextension_paths", "_jupyter_server_extension_points"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the browser half is."""
    return [{"src": "labextension", "dest": "jupyter-mlops"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell the Jupyter server which application to start; nothing heavy is imported before."""
    from jupyter_mlops_lab.app import MlopsLab

    return [{"module": "jupyter_mlops_lab", "app": MlopsLab}]
