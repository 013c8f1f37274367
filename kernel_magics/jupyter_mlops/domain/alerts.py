"""From findings to alerts: when one is opened, grows worse, is gone, and which stand for many."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from jupyter_mlops.domain.monitoring import FEATURE, SEVERITIES, Monitoring, Part, Severity
from jupyter_mlops.domain.watched import Status
from jupyter_mlops.errors import Refused

State = Literal["open", "acknowledged", "resolved"]
Key = tuple[str, str]
"""Part and subject: what an alert is about, at one deployment."""

ALL_INPUTS: Final = "inputs"
ANSWERS: Final = "prediction"
FEWEST_AT_ONCE: Final = 3
"""Features that have to move together before they are one alert instead of many."""


@dataclass(frozen=True)
class Finding:
    """What a monitor found in a window, with the figures it rests on.

    ``subject`` is ``feature:NAME``, ``prediction``, ``inputs``, a metric, or a figure of the
    service; ``why`` is a code, told in words where it is read.
    """

    part: Part
    subject: str
    status: Status
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Return what it is about."""
        return self.part, self.subject


@dataclass(frozen=True)
class Looked:
    """A whole window that was looked at once: what was found, and what could be judged at all.

    ``judged`` holds the parts and subjects about which there were rows enough; about the others
    the window says nothing, so that silence is never taken for health.
    """

    start: str
    end: str
    findings: tuple[Finding, ...] = ()
    judged: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class Standing:
    """An alert that is not resolved, as far as the next window has to know it.

    ``last_seen`` is the end of the last window that found it, ``followed`` of the last that counted.
    """

    part: str
    subject: str
    severity: Severity
    state: State
    since: str
    last_seen: str
    followed: str
    windows: int = 1
    quiet: int = 0
    status: Status = "warning"
    why: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Return what it is about."""
        return self.part, self.subject


@dataclass(frozen=True)
class Change:
    """What a window does to an alert; ``found`` are the findings that it stands for."""

    does: Literal["open", "seen", "worsen", "quiet", "resolve"]
    standing: Standing
    found: tuple[Finding, ...] = ()


def follow(
    standing: Mapping[Key, Standing], looked: Looked, watched: Monitoring
) -> Iterator[Change]:
    """Return what a window changes: the same finding again makes no second alert.

    An alert that this window counted before is left alone, so that a window may be looked at again
    after a crash.
    """
    groups = _grouped(looked.findings, standing, watched)
    for key, found in groups.items():
        severity = _severity(found, watched)
        before = standing.get(key)
        if before is None:
            if severity is not None:
                yield Change("open", _opened(key, found, severity, looked), found)
        elif before.followed < looked.end:
            yield _again(before, found, severity, looked)
    for key, before in standing.items():
        if key not in groups and before.followed < looked.end and _is_judged(key, looked):
            yield _gone(before, looked, watched)


def _opened(key: Key, found: tuple[Finding, ...], severity: Severity, looked: Looked) -> Standing:
    return Standing(
        part=key[0],
        subject=key[1],
        severity=severity,
        state="open",
        since=looked.start,
        last_seen=looked.end,
        followed=looked.end,
        **_told(key, found),
    )


def _told(key: Key, found: tuple[Finding, ...]) -> dict[str, Any]:
    """Return what an alert says of its findings: of one, that; of several, which they are."""
    worst = max(found, key=lambda one: one.status == "failing")
    if key[1] != ALL_INPUTS:
        return {"status": worst.status, "why": worst.why, "figures": worst.figures}
    names = [shown_subject(one.subject) for one in found]
    return {"status": worst.status, "why": "at_once", "figures": {"features": names}}


def _again(
    before: Standing, found: tuple[Finding, ...], severity: Severity | None, looked: Looked
) -> Change:
    now = replace(
        before, last_seen=looked.end, followed=looked.end, windows=before.windows + 1, quiet=0
    )
    if severity is None or not _is_worse(severity, before.severity):
        return Change("seen", now, found)
    worse = replace(now, severity=severity, state="open", **_told(before.key, found))
    return Change("worsen", worse, found)


def _gone(before: Standing, looked: Looked, watched: Monitoring) -> Change:
    """Count a window in which the finding was looked for and not found; enough of them end it."""
    quiet = replace(before, quiet=before.quiet + 1, followed=looked.end)
    if quiet.quiet < watched.resolve_after:
        return Change("quiet", quiet)
    return Change("resolve", replace(quiet, state="resolved"))


def _is_judged(key: Key, looked: Looked) -> bool:
    """Say whether a window had rows enough to find it again; all inputs are when one of them is."""
    if key[1] == ALL_INPUTS:
        return any(part == key[0] for part, _ in looked.judged)
    return key in looked.judged


def _severity(found: Sequence[Finding], watched: Monitoring) -> Severity | None:
    told = [watched.severity(one.part, one.status) for one in found]
    return max((s for s in told if s is not None), key=SEVERITIES.index, default=None)


def _is_worse(severity: Severity, than: Severity) -> bool:
    return SEVERITIES.index(severity) > SEVERITIES.index(than)


def _grouped(
    findings: Sequence[Finding], standing: Collection[Key], watched: Monitoring
) -> dict[Key, tuple[Finding, ...]]:
    """Return what each alert stands for: features that move at once are one, starred ones never."""
    groups: dict[Key, tuple[Finding, ...]] = {}
    for one in findings:
        together = _together(one, findings, watched) and one.key not in standing
        key = (one.part, ALL_INPUTS) if together else one.key
        groups[key] = (*groups.get(key, ()), one)
    return groups


def _together(one: Finding, findings: Sequence[Finding], watched: Monitoring) -> bool:
    starred = {FEATURE + name for name in watched.star}
    if not one.subject.startswith(FEATURE) or one.subject in starred:
        return False
    alike = [
        other
        for other in findings
        if other.part == one.part
        and other.subject.startswith(FEATURE)
        and other.subject not in starred
    ]
    return len(alike) >= FEWEST_AT_ONCE


def check_may_acknowledge(number: int, state: str) -> None:
    """Say whether somebody may say of an alert that they have seen it.

    Raises:
        Refused: it has resolved itself.
    """
    if state == "resolved":
        raise Refused(
            "Alert {id} has resolved itself; there is nothing to acknowledge.",
            "`alerts` lists those that are open.",
            code="alert_resolved",
            id=number,
        )


def shown_subject(subject: str) -> str:
    """Return a subject as people name it.

    >>> shown_subject("feature:age"), shown_subject("errors")
    ('age', 'errors')
    """
    return subject.removeprefix(FEATURE)
