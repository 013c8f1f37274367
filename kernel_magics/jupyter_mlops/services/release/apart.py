"""All checks of a version, in one fresh process with limits; what happens there costs nothing here.

The process writes down each check as it begins and as it ends. So one that hangs, dies or takes too
much memory fails the check it was in, and those after it are told as not reached.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.errors import Invalid, MlopsError
from jupyter_mlops.formats import process
from jupyter_mlops.locale import tell
from jupyter_mlops.services.release import again
from jupyter_mlops.services.release.findings import TITLES, Found, of_error, printable
from jupyter_mlops.services.release.subject import Asked, Subject

if TYPE_CHECKING:
    from typing import TextIO

SECONDS: Final = 60.0
"""How long one check may take."""

_HERE: Final = "jupyter_mlops.services.release"
_OURS: Final = tuple(
    f"{_HERE}.{name}" for name in ("form", "inputs", "speed", "worth", "fair", "own")
)
NAMED: Final = "The model is known only by name: nothing here can ask it."
AWAY: Final = "The model runs elsewhere: only its answers can be tried."

Attempt = Callable[[Subject], Found]


def tried(asked: Asked, progress: Callable[[str, float], None]) -> dict[str, Found]:
    """Try everything on a version and return what each check found, in their order."""
    names = [*TITLES, *(each["name"] for each in asked.own)]
    if asked.manifest["format"] == elsewhere.NAMED:
        return dict.fromkeys(names, Found("not applicable", because=NAMED))
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
        place = Path(folder)
        (place / "asked.json").write_text(json.dumps(asdict(asked)))
        said = _Said(place / "found", names, progress)
        ended = None
        beside = ThreadPoolExecutor(1)
        if asked.manifest["format"] != elsewhere.ADDRESS:
            beside.submit(again.ask, asked, place)
        try:
            needed = (*process.libraries(asked.manifest["format"]), *_OURS)
            process.run(__name__, place, SECONDS, libraries=needed, look=said.look)
        except Invalid as error:
            ended = error
        finally:
            beside.shutdown()
        said.look()
    progress("checked", 1.0)
    return said.complete(ended)


class _Said:
    """What the process has written down so far; the first that is said of a check counts."""

    def __init__(
        self, file: Path, names: list[str], progress: Callable[[str, float], None]
    ) -> None:
        self._file = file
        self._names = names
        self._progress = progress
        self._read = 0
        self._begun = names[0]
        self._found: dict[str, Found] = {}

    def look(self) -> bool:
        """Read what is new; say whether there was anything."""
        if not self._file.exists():
            return False
        with self._file.open("rb") as file:
            file.seek(self._read)
            new, end, _ = file.read().rpartition(b"\n")
        self._read += len(new) + len(end)
        for line in new.splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):  # not what we have written
                self._take(json.loads(line))
        return bool(new)

    def complete(self, ended: Invalid | None) -> dict[str, Found]:
        """Return what was found, and say of the others why it was not."""
        if self._begun not in self._found:
            self._found[self._begun] = _unfinished(ended)
        unreached = Found("not applicable", because="Not reached: it ended at an earlier check.")
        return {name: self._found.get(name, unreached) for name in self._names}

    def _take(self, told: Mapping[str, Any]) -> None:
        name = told["check"]
        step = self._names.index(name) / len(self._names)
        if "outcome" in told:
            found = Found(**{key: value for key, value in told.items() if key != "check"})
            self._found.setdefault(name, found)
            return
        self._begun = name
        self._progress(tell(TITLES[name]) if name in TITLES else name, step)


def _unfinished(ended: Invalid | None) -> Found:
    if ended is None or "why" not in ended.values:
        return Found(
            "failed",
            because="It did not end within {seconds:g} s.",
            values={"seconds": SECONDS},
        )
    return Found(
        "failed", because="It ended the process it was tried in: {why}.", values=ended.values
    )


def main(folder: str) -> None:
    """Try what is asked for in a folder, and write down there what is found."""
    place = Path(folder)
    asked = Asked(**json.loads((place / "asked.json").read_text()))
    process.limit()
    with (place / "found").open("a", encoding="utf-8") as out:
        for name, attempt in _attempts(Subject(asked), place):
            _write(out, {"check": name})
            found = _tried(attempt)
            _write(out, {"check": name, **asdict(found)})
            if name in ("artifact", "loads") and found.outcome == "failed":
                return


def _attempts(subject: Subject, place: Path) -> Iterator[tuple[str, Callable[[], Found]]]:
    """Go through the checks; a second process answers meanwhile."""
    from jupyter_mlops.services.release import fair, form, inputs, own, speed, worth

    loaded = form.Loaded()
    yield "artifact", lambda: form.artifact(subject)
    is_away = subject.manifest["format"] == elsewhere.ADDRESS
    yield "loads", lambda: loaded.loads(subject)
    yield "footprint", lambda: _away() if is_away else loaded.footprint(subject)
    yield "restarts", lambda: _away() if is_away else form.restarts(subject, again.answered(place))
    ours: dict[str, Attempt] = {
        "row_by_row": form.row_by_row,
        "column_order": form.column_order,
        "compiled": form.compiled,
        "signature": inputs.signature,
        "missing": inputs.missing,
        "unseen": inputs.unseen,
        "latency": speed.latency,
        "metrics": worth.metrics,
        "slices": worth.slices,
        "fairness": fair.fairness,
        "champion": worth.champion,
        "importance": worth.importance,
    }
    if is_away:
        ours |= dict.fromkeys(("compiled", "importance"), lambda _: _away())
    for name, attempt in ours.items():
        yield name, lambda attempt=attempt: attempt(subject)  # type: ignore[misc]
    for each in subject.asked.own:
        yield each["name"], lambda each=each: own.tried(subject, each)  # type: ignore[misc]


def _away() -> Found:
    return Found("not applicable", because=AWAY)


def _tried(attempt: Callable[[], Found]) -> Found:
    try:
        found = attempt()
        json.dumps(asdict(found), default=float, allow_nan=False)
        return found  # noqa: TRY300  (what cannot be written down is a failure too)
    except MemoryError:
        return Found("failed", because="It takes too much memory.")
    except MlopsError as error:
        return of_error(error)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is about the version)
        return Found(
            "failed",
            because="The check could not be done, it raised {kind}: {said}",
            values={"kind": type(error).__name__, "said": printable(str(error))},
        )


def _write(out: TextIO, told: Mapping[str, Any]) -> None:
    out.write(json.dumps(told, default=float) + "\n")
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1])
