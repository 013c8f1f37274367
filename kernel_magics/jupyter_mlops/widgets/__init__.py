"""A form for a deed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipywidgets import VBox

    from jupyter_mlops.commands.session import Session

__all__ = ["form", "monitor_board", "predict_form"]


def form(verb: str, session: Session | None = None, **preset: Any) -> VBox:
    """Return a form made from a verb's signature, with some of its fields filled in.

    Model and frame fields name variables of the notebook, as the typed line does.
    """
    from jupyter_mlops.widgets.form import Form

    return Form(verb, session, preset).box


def predict_form(deployment: str, session: Session | None = None) -> VBox:
    """Return a form made from what a deployment's model reads, with the training ranges."""
    from jupyter_mlops.widgets.predict import PredictForm

    return PredictForm(deployment, session).box


def monitor_board(deployment: str, session: Session | None = None) -> VBox:
    """Return a deployment's status, its sentence and its pictures, for a period one chooses."""
    from jupyter_mlops.widgets.monitor import MonitorBoard

    return MonitorBoard(deployment, session).box
