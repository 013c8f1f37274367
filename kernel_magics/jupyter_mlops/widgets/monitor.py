"""A deployment at a glance: its status, the sentence that explains it, and its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.locale import tell
from jupyter_mlops.widgets import parts
from jupyter_mlops.widgets.form import opened

if TYPE_CHECKING:
    from jupyter_mlops.commands.session import Session

PERIODS = ("1d", "7d", "30d", "90d")
READS = ("monitor", "drift", "accuracy", "service")


class MonitorBoard:
    """What was read of a deployment in the period one chose."""

    def __init__(self, deployment: str, session: Session | None) -> None:
        """Read the last week and draw it."""
        import ipywidgets as w

        self.session = session or opened()
        self.deployment = deployment
        self.since = w.ToggleButtons(options=PERIODS, value="7d", style={"button_width": "56px"})
        self.part = w.ToggleButtons(options=READS, value="monitor", style={"button_width": "88px"})
        again = w.Button(description=tell("Read again"))
        self.line, self.words, self.picture = w.HTML(), w.Output(), w.Output()
        controls = w.HBox([self.since, self.part, again], layout={"flex_flow": "row wrap"})
        self.box = w.VBox([controls, self.line, self.words, self.picture])
        for control in (self.since, self.part):
            control.observe(lambda _: self.read(), "value")
        again.on_click(lambda _: self.read())
        self.read()

    def read(self) -> None:
        """Read the chosen part for the chosen period, and show words and picture."""
        verb, since = self.part.value, self.since.value
        self.line.value = parts.line(f"%mlops {verb} {self.deployment} --since {since}")
        held: list[Any] = []
        self.picture.outputs = ()
        parts.answered(self.words, lambda: self._answer(verb, since, held))
        if held and verb != "monitor":
            parts.answered(self.picture, held[0].chart)

    def _answer(self, verb: str, since: str, held: list[Any]) -> Any:
        answer = getattr(self.session, verb)(self.deployment, since=since)
        held.append(answer)
        return answer
