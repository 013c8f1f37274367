"""How far long work has come, shown in the cell while it lasts and gone when it is done."""

from __future__ import annotations

import time
from html import escape
from typing import Any, Final

PATIENCE_SECONDS: Final = 0.5


class Progress:
    """Shows a bar once work has taken longer than people wait without a sign."""

    def __init__(self) -> None:
        self._began = 0.0
        self._shown: Any = None

    def __call__(self, text: str, fraction: float) -> None:
        """Show the step and how much is done; 1 takes the bar away."""
        now = time.monotonic()
        if not self._began:
            self._began = now
        if fraction >= 1:
            self._end()
        elif now - self._began >= PATIENCE_SECONDS:
            self._show(text, max(fraction, 0.0))

    def _show(self, text: str, fraction: float) -> None:
        from IPython.display import display

        bundle = {
            "text/plain": f"{text} {fraction:.0%}",
            "text/html": f'<progress max="1" value="{fraction:.3f}"></progress> {escape(text)}',
        }
        if self._shown is None:
            self._shown = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._shown.update(bundle, raw=True)

    def _end(self) -> None:
        if self._shown is not None:
            self._shown.update({"text/plain": "", "text/html": ""}, raw=True)
        self._began, self._shown = 0.0, None
