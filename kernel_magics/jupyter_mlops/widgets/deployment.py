"""The page of one deployment, live: its words, its pictures, and what the reader chooses."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from jupyter_mlops.errors import MlopsError, told
from jupyter_mlops.locale import current_language, language, tell, translate
from jupyter_mlops.widgets.parts import LANGUAGES, LivePage

if TYPE_CHECKING:
    from ipywidgets import VBox

    from jupyter_mlops.commands.session import Session
    from jupyter_mlops.papers.seen import Seen

PERIODS: Final = (1, 7, 30, 90)
PARTS: Final = ("service", "drift", "accuracy", "curves")


def board(session: Session, deployment: str = "") -> VBox:
    """Return the page of a deployment; unless told otherwise, of the one the page's address names."""
    return Board(session, deployment or named(os.environ)).box


def named(environ: Mapping[str, str]) -> str:
    """Return the deployment that the address of a page names, as Voilà hands it on."""
    return parse_qs(environ.get("QUERY_STRING", "")).get("deployment", [""])[0]


class Board(LivePage):
    """The page as it stands: what was read, and what the reader chose."""

    def __init__(self, session: Session, deployment: str = "") -> None:
        """Read the deployment and draw it; its sentences are read in the language they are shown in."""
        import ipywidgets as w

        super().__init__(session)
        self.lang = w.ToggleButtons(options=LANGUAGES, value=current_language())
        self.name = w.Dropdown(options=[deployment] if deployment else [])
        self.days = w.ToggleButtons(options=PERIODS, value=30)
        self.by = w.Dropdown(options=["hour", "day", "week"], value="day")
        self.segment = w.Text(continuous_update=False, placeholder="region=EU & age>60")
        self.page = w.HTML()
        self.titles = {part: w.HTML() for part in PARTS}
        self.pictures = {part: w.Output() for part in PARTS}
        for control in (self.lang, self.days):
            control.style.button_width = "84px"
        for control, width in ((self.name, "250px"), (self.by, "130px"), (self.segment, "270px")):
            control.layout = {"width": width, "max_width": "100%"}
            control.style.description_width = "initial"
        for output in self.pictures.values():
            output.add_class("mlops-picture")
        choices = [self.name, self.days, self.by, self.segment, self.lang]
        row = w.HBox(choices, layout={"flex_flow": "row wrap", "align_items": "center"})
        below = [shown for part in PARTS for shown in (self.titles[part], self.pictures[part])]
        self.box = w.VBox([row, self.page, *below])
        self._listen()
        self.read()

    def _listen(self) -> None:
        for control in (self.name, self.days, self.by, self.segment, self.lang):
            control.observe(self.heard(self.read), "value")

    def read(self) -> None:
        """Ask the workspace, then show what it answered, or the one line that says why not."""
        with language(self.lang.value):
            self._ask_again()
            self._label()
            self._write()

    def _ask_again(self) -> None:
        from jupyter_mlops.papers.seen import look

        self.seen: Seen | None = None
        self.refusal: MlopsError | None = None
        asked = {"since": f"{self.days.value}d", "by": self.by.value, "segment": self.segment.value}
        try:
            name = self.name.value or ""
            self.seen = look(self.ask, now=datetime.now(UTC), name=name, **asked)
        except MlopsError as error:
            self.refusal = error
        else:
            self.offer(self.name, list(self.seen.names), self.seen.name or None)
            for control in (self.name, self.days, self.by, self.segment):  # nothing is to be chosen
                control.layout.display = None if self.seen.names else "none"

    def _write(self) -> None:
        from jupyter_mlops.charts import render
        from jupyter_mlops.papers import deployment, drawn
        from jupyter_mlops.papers import html as pages

        for part in PARTS:
            self.pictures[part].outputs = ()
            self.titles[part].value = ""
        if self.seen is None:
            said = told(self.refusal, translate) if self.refusal else ""
            self.page.value = f'<p role="alert">{html.escape(said)}</p>'
            return
        page = deployment.told(self.seen)
        self.page.value = pages.head(page)
        notes = {"drift": page["words"]["click"], "accuracy": page["words"]["events"]}
        for part, charts in drawn.live(self.seen).items():
            self.titles[part].value = _title(page["words"][part], notes.get(part, ""))
            self.pictures[part].outputs = tuple(_shown(render.live(chart)) for chart in charts)

    def _label(self) -> None:
        periods = [
            (tell("{n} days", n=days) if days > 1 else tell("1 day"), days) for days in PERIODS
        ]
        self.offer(self.days, periods, self.days.value)
        each = [(tell("hour"), "hour"), (tell("day"), "day"), (tell("week"), "week")]
        self.offer(self.by, each, self.by.value)
        self.name.description = tell("deployment")
        self.by.description = tell("by")
        self.segment.description = tell("segment")


def _shown(bundle: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def _title(question: str, note: str) -> str:
    """Return the title of a part, in the page's own type."""
    below = f'<p class="note">{html.escape(note)}</p>' if note else ""
    return f'<div class="mlops-page mlops-framed"><h2 class="big">{html.escape(question)}</h2>{below}</div>'
