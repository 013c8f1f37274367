"""The executive page, live: the same words and pictures as when it is published, and a closer look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.locale import current_language, language, tell
from jupyter_mlops.widgets.parts import LANGUAGES, LivePage

if TYPE_CHECKING:
    from ipywidgets import VBox

    from jupyter_mlops.commands.session import Session
    from jupyter_mlops.papers.facts import Facts

PERIODS: Final = (7, 30, 90)


def board(session: Session | None = None) -> VBox:
    """Return the executive page with its two switches and one model to look at closely."""
    return Board(session or _opened()).box


class Board(LivePage):
    """The page as it stands: what was read, and what the reader chose."""

    def __init__(self, session: Session) -> None:
        """Read the fleet once and draw it; a change of language reads nothing again."""
        import ipywidgets as w

        super().__init__(session)
        self.page = w.HTML()
        self.pictures = w.Output()
        self.lang = w.ToggleButtons(options=LANGUAGES, value=current_language())
        self.days = w.ToggleButtons(options=PERIODS, value=30)
        self.model = w.Dropdown(options=[])
        self.feature = w.Dropdown(options=[])
        self.closer = w.Accordion([w.VBox([w.HBox([self.model, self.feature]), self.pictures])])
        for control in (self.lang, self.days):
            control.style.button_width = "72px"
        switches = w.HBox(
            [self.lang, self.days], layout={"flex_flow": "row wrap", "justify_content": "flex-end"}
        )
        self.box = w.VBox([switches, self.page, self.closer])
        self._listen()
        self.read()

    def _listen(self) -> None:
        self.lang.observe(self.heard(self.say), "value")
        self.days.observe(self.heard(self.read), "value")
        self.model.observe(self.heard(self.choose), "value")
        self.feature.observe(self.heard(self.draw), "value")
        self.closer.observe(self.heard(self.draw), "selected_index")

    def read(self) -> None:
        """Ask the workspace, then say what it answered."""
        from jupyter_mlops.papers.facts import gather

        self.facts: Facts = gather(self.ask, now=datetime.now(UTC), days=self.days.value)
        names = [row["name"] for row in self.facts.shown]
        chosen = self.model.value if self.model.value in names else next(iter(names), None)
        self.offer(self.model, names, chosen)
        self.say()

    def say(self) -> None:
        """Write the page in the chosen language."""
        from jupyter_mlops.papers import fleet, html

        with language(self.lang.value):
            self.page.value = html.fragment(fleet.told(self.facts))
            periods = [(tell("{n} days", n=days), days) for days in PERIODS]
            self.offer(self.days, periods, self.days.value)
            self.model.description = tell("model")
            self.feature.description = tell("feature")
            self.closer.set_title(0, tell("One model closely"))
        self.closer.layout.display = "" if self.facts.shown else "none"
        self.choose()

    def choose(self) -> None:
        """Offer the features of the chosen model, the one that moved most first."""
        found = self._latest()
        items = found["drift"]["items"] if found else []
        moved = sorted(items, key=lambda item: -(item["psi"] or 0.0))
        names = [item["feature"] for item in moved]
        self.offer(self.feature, names, next(iter(names), None))
        self.draw()

    def draw(self) -> None:
        """Draw the chosen model, when it is looked at."""
        self.pictures.outputs = ()
        if self.closer.selected_index is None:
            return
        with language(self.lang.value):
            for chart in self._charts():
                self.pictures.append_display_data(chart)

    def _charts(self) -> list[Any]:
        from jupyter_mlops.charts import accuracy, drift, render, service
        from jupyter_mlops.papers import models

        found = self._latest()
        if not found:
            return []
        render.enable()
        history = models.history(self.facts.weeks[self.model.value]) or {}
        drawn = [accuracy.over_time(history), drift.moved(found["drift"])]
        if self.feature.value:
            drawn.append(drift.feature(found["drift"], self.feature.value))
        behaved = self.facts.services[self.model.value]
        return [*drawn, service.traffic(behaved), service.latency(behaved)]

    def _latest(self) -> Any:
        from jupyter_mlops.papers import models

        return models.latest(self.facts.weeks.get(self.model.value, []))


def _opened() -> Session:
    from jupyter_mlops.commands.session import open_session

    return open_session(mouth="dashboard")
