"""Asking a deployment without writing code: one field per feature, with its training range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.widgets import parts
from jupyter_mlops.widgets.form import WIDE, opened

if TYPE_CHECKING:
    from ipywidgets import Widget

    from jupyter_mlops.commands.session import Session


class PredictForm:
    """A row to fill in, and the answer to it."""

    def __init__(self, deployment: str, session: Session | None) -> None:
        """Read what the deployment serves, and make one field for each of its features."""
        import ipywidgets as w

        self.session = session or opened()
        self.deployment = deployment
        self.fields = {f["name"]: _field(f) for f in self._features()}
        self.output = w.Output()
        button = w.Button(description=tell("Predict"), button_style="primary")
        button.on_click(lambda _: parts.answered(self.output, self.ask))
        line = w.HTML(parts.line(f"%mlops predict {deployment} rows"))
        self.box = w.VBox([*self.fields.values(), line, button, self.output])

    def ask(self) -> Any:
        """Ask for a prediction of the row that the fields hold."""
        row = {name: field.value for name, field in self.fields.items()}
        return self.session.predict(self.deployment, [row])

    def _features(self) -> list[dict[str, Any]]:
        rows = self.session.deployments(self.deployment).to_dict()["items"]
        serving = next((r["version"] for r in rows if r["name"] == self.deployment), None)
        if serving is None:
            raise Refused(
                "Nothing is live at {deployment} yet.",
                "`deploy REF --to {deployment}` carries an approved version out.",
                code="nothing_live",
                deployment=self.deployment,
            )
        found: list[dict[str, Any]] = self.session.show(serving).to_dict()["features"]
        return found


def _field(feature: dict[str, Any]) -> Widget:
    import ipywidgets as w

    common = {
        "description": feature["name"],
        "layout": WIDE,
        "style": {"description_width": "200px"},
    }
    if feature["type"] == "boolean":
        return w.Checkbox(value=False, **common)
    if feature["type"] == "category":
        return w.Combobox(options=feature["levels"][:100], value=feature["levels"][0], **common)
    low, high = feature.get("low", 0.0), feature.get("high", 1.0)
    if low >= high:
        return w.FloatText(value=low, **common)
    if feature["type"] == "integer":
        return w.IntSlider(value=int((low + high) // 2), min=int(low), max=int(high), **common)
    return w.FloatSlider(
        value=(low + high) / 2,
        min=low,
        max=high,
        step=(high - low) / 200,
        readout_format=".3r",
        **common,
    )
