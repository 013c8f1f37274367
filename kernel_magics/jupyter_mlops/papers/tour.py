"""The tour: a notebook that tells the whole story on real measurements and a simulated loan book, laid down where you are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from jupyter_mlops.domain.answers import Tour
from jupyter_mlops.domain.arguments import read
from jupyter_mlops.errors import Conflict, NotFound
from jupyter_mlops.services.workspace import Workspace

FILES: Final = ("tour.ipynb", "loan_book.py")
SHARED: Final = Path("jupyter-mlops") / "tour"


@read(finish="papers.tour:finish")
def tour(_ws: Workspace, *, to: str = "mlops-tour") -> Tour:
    """Lay the tour down in a folder: a notebook, and the simulated loan book it works on."""
    folder = _folder()
    files = {name: (folder / name).read_text("utf-8") for name in FILES}
    return Tour(name="tour", to=to, files=files)


def finish(answer: Tour, **_: Any) -> Tour:
    """Write the files where the person is; what they have changed there stays theirs."""
    target = Path(answer["to"]).expanduser().absolute()
    for name, text in answer["files"].items():
        _lay(target / Path(name).name, text)
    return Tour(name="tour", to=str(target), files=dict.fromkeys(answer["files"], "written"))


def _lay(path: Path, text: str) -> None:
    if path.exists() and path.read_text("utf-8") != text:
        raise Conflict(
            "{path} is there already and differs.",
            "Choose another folder: %mlops tour --to another-folder",
            code="tour_in_the_way",
            path=path,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _folder() -> Path:
    """Find the tour among Jupyter's shared data, or beside the sources it is developed from."""
    from jupyter_core.paths import jupyter_path

    beside = Path(__file__).resolve().parents[3] / "binder"
    places = [
        beside,
        Path(sys.prefix) / "share/jupyter" / SHARED,
        *map(Path, jupyter_path(str(SHARED))),
    ]
    for place in places:
        if all((place / name).is_file() for name in FILES):
            return place
    raise NotFound(
        "The tour is not part of this installation.",
        "Install jupyter-mlops again: pip install --force-reinstall jupyter-mlops",
        code="tour_not_found",
    )
