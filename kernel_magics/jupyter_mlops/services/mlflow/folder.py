"""MLflow's registry in a folder (`mlruns`): YAML and small texts, each read within bounds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain.imported import MOST
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services import plainly
from jupyter_mlops.services.mlflow import told
from jupyter_mlops.services.mlflow.told import Found

LARGEST: Final = 4 << 20
"""Bytes of a text; a metric has one line per step."""
MOST_ENTRIES: Final = 100_000
DEEPEST: Final = 5
META: Final = "meta.yaml"
TRASH: Final = ".trash"
_VERSION: Final = re.compile(r"version-([1-9]\d{0,8})")
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SERIES: Final = 2
"""Words of a metric's line without a step: its moment and value."""


class Unreadable(Exception):
    """A file is missing, leads outside, is too large or holds something else."""


def read(place: Path, *, progress: Callable[[str, float], None]) -> Found:
    """Return what a folder holds.

    Raises:
        Invalid: it is no folder of MLflow's.
    """
    root = place / "mlruns" if (place / "mlruns").is_dir() else place
    root = root.resolve()
    found = Found(str(place), root)
    if not (root / "models").is_dir():
        raise Invalid(
            "{place} holds no registry of MLflow's: there is no folder `models` in it.",
            "name the folder `mlruns`, or the database: sqlite:///mlflow.db.",
            code="mlflow_not_found",
            place=place,
        )
    runs = _Runs(root)
    folders = _folders(root / "models")
    for step, folder in enumerate(folders):
        progress("reading", step / len(folders))
        try:
            found.models.append(_model(root, folder, runs, found))
        except Unreadable as error:
            found.skip(folder.name, str(error))
    return found


def inside(root: Path, path: Path) -> bool:
    """Say whether a path stays below a folder, wherever its links lead."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):
        return False


def text(root: Path, path: Path) -> str:
    """Return the text of a file.

    Raises:
        Unreadable: it is not there, is no file, leads outside or is too large.
    """
    name = path.name
    if not inside(root, path):
        raise Unreadable(tell("{name} leads outside of the folder", name=name))
    try:
        if not path.is_file():
            raise Unreadable(tell("{name} is missing", name=name))
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Unreadable(tell("{name} cannot be read: {why}", name=name, why=why)) from None
    if len(data) > LARGEST:
        raise Unreadable(tell("{name} is too large", name=name))
    return data.decode("utf-8", "replace")


def yaml(root: Path, path: Path) -> dict[Any, Any]:
    """Return the mapping in a file of YAML.

    Raises:
        Unreadable: there is none; aliases, tags and endless texts are none.
    """
    return plainly.mapping(text(root, path), partial(_no_yaml, path.name))


def _no_yaml(name: str, why: str) -> Exception:
    return Unreadable(tell("{name} cannot be read: {why}", name=name, why=why))


def _model(root: Path, folder: Path, runs: _Runs, found: Found) -> dict[str, Any]:
    meta = yaml(root, folder / META)
    if meta.get("name") != folder.name:
        raise Unreadable(tell("{name} is about another model", name=META))
    model = told.model(meta["name"], meta.get("description"), _values(root, folder / "tags"))
    aliases = _values(root, folder / "aliases")
    for part in _folders(folder):
        number = _VERSION.fullmatch(part.name)
        if number is None:
            continue
        named = [alias for alias, value in aliases.items() if value.strip() == number[1]]
        try:
            model["versions"].append(_version(root, part, int(number[1]), named, runs))
        except Unreadable as error:
            found.skip(f"{folder.name}:{number[1]}", str(error))
    model["versions"].sort(key=lambda version: version["number"])
    return model


def _version(
    root: Path, folder: Path, number: int, aliases: list[str], runs: _Runs
) -> dict[str, Any]:
    meta = yaml(root, folder / META)
    if meta.get("version") not in (number, str(number)):
        raise Unreadable(tell("{name} is about another version", name=META))
    source = str(meta.get("source") or "")
    return told.version(
        meta,
        number=number,
        aliases=aliases,
        tags=_values(root, folder / "tags"),
        run=runs.told(meta.get("run_id")),
        address=meta.get("storage_location") or runs.logged(source),
    )


class _Runs:
    """The runs of a folder, each found by its id in whatever experiment it is."""

    def __init__(self, root: Path) -> None:
        self._root = root
        folders = [*_folders(root), *_folders(root / TRASH)]
        self._experiments = [one for one in folders if one.name not in ("models", TRASH)]
        self._names: dict[Path, str] = {}

    def told(self, id: object) -> dict[str, Any] | None:
        """Return what a run says; None where it is not there or cannot be read."""
        if not isinstance(id, str) or not _ID.fullmatch(id):
            return None
        folder = next((one / id for one in self._experiments if (one / id / META).is_file()), None)
        if folder is None:
            return None
        try:
            meta = yaml(self._root, folder / META)
        except Unreadable:
            return None
        return told.run(
            meta,
            experiment=self._name(folder.parent),
            params=_values(self._root, folder / "params"),
            metrics=_metrics(self._root, folder / "metrics"),
            tags=_values(self._root, folder / "tags"),
        )

    def logged(self, source: str) -> Path | None:
        """Return where the files of `models:/m-…` are."""
        id = source.removeprefix("models:/")
        if id == source or not _ID.fullmatch(id):
            return None
        places = (one / "models" / id / "artifacts" for one in self._experiments)
        return next((place for place in places if place.is_dir()), None)

    def _name(self, experiment: Path) -> str:
        if experiment not in self._names:
            try:
                name = yaml(self._root, experiment / META).get("name")
            except Unreadable:
                name = None
            self._names[experiment] = str(name or experiment.name)
        return self._names[experiment]


def _values(root: Path, folder: Path) -> dict[str, str]:
    """Return the texts of small files by their names; a slash in a name is a folder there."""
    return dict(_each(root, folder, lambda path: text(root, path)))


def _metrics(root: Path, folder: Path) -> dict[str, float]:
    return dict(_each(root, folder, lambda path: _last(text(root, path))))


def _each(
    root: Path, folder: Path, reading: Callable[[Path], Any], depth: int = 0
) -> Iterator[tuple[str, Any]]:
    if depth > DEEPEST or not inside(root, folder):
        return
    for path in _entries(folder)[:MOST]:
        if path.is_dir():
            for name, value in _each(root, path, reading, depth + 1):
                yield f"{path.name}/{name}", value
            continue
        try:
            yield path.name, reading(path)
        except (Unreadable, ValueError):
            continue


def _last(lines: str) -> float:
    """Return the value of the highest step, the latest where there are several."""
    rows = [line.split() for line in lines.splitlines()]
    told = [
        (int(row[2]) if len(row) > _SERIES else 0, int(row[0]), float(row[1]))
        for row in rows
        if len(row) >= _SERIES
    ]
    return max(told, key=lambda row: row[:2])[2]


def _folders(place: Path) -> list[Path]:
    return [path for path in _entries(place) if path.is_dir()]


def _entries(place: Path) -> list[Path]:
    try:
        return sorted(itertools.islice(place.iterdir(), MOST_ENTRIES))
    except OSError:
        return []
