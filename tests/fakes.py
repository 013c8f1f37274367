"""Small stand-ins for what a test has to turn by hand; everything else is real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell it."""
        return self.now

    def turn(self, **by: float) -> None:
        """Go forward by ``days=…``, ``hours=…`` or ``seconds=…``."""
        self.now += timedelta(**by)


class Ticking(Clock):
    """Goes on by a second whenever it is looked at, so that no two moments are the same."""

    def __call__(self) -> datetime:
        """Go on, and tell it."""
        self.turn(seconds=1)
        return self.now


class Launcher:
    """Starts nothing; remembers what it was asked to start."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, argv, _log) -> int:
        """Remember, and return a process id that nobody has."""
        self.asked.append(list(argv))
        return 2**22 + 1
