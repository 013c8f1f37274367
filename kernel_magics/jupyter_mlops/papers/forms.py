"""The forms a paper can have, by the ending of the file it is written to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from jupyter_mlops.charts import render
from jupyter_mlops.errors import Invalid
from jupyter_mlops.papers.paper import Paper, Picture

FORMS: Final = ("html", "docx", "pdf", "md")
WIDTH: Final = 620


def form_of(to: str) -> str:
    """Return the form that a file's name asks for; a folder gets HTML.

    Raises:
        Invalid: there is no such form.
    """
    suffix = Path(to).suffix.lower().lstrip(".")
    if not suffix or to.endswith(("/", os.sep)):
        return "html"
    if suffix in FORMS:
        return suffix
    raise Invalid(
        "A document cannot be written as .{suffix}.",
        "name a file that ends in .html, .docx, .pdf or .md.",
        code="form_unknown",
        suffix=suffix,
    )


def written(paper: Paper, form: str, folder: str) -> dict[str, bytes]:
    """Return the bytes of the document under the name ``""``, and of the pictures beside it.

    The same paper gives the same bytes.
    """
    return _FORMS[form](paper, folder)


def folder_of(target: Path) -> str:
    """Return the folder beside a Markdown file that holds its pictures."""
    return f"{target.stem or 'document'}-pictures"


def target(to: str, subject: str, template: str) -> Path:
    """Return the file to write: the one that was named, or one of our naming in that folder."""
    path = Path(to).expanduser().absolute()
    folder = path.is_dir() or to.endswith(("/", os.sep)) or not path.suffix
    return path / f"{subject.replace(':', '-')}-{template}.html" if folder else path


def _html(paper: Paper, _folder: str) -> dict[str, bytes]:
    from jupyter_mlops.papers import webpage

    return {"": webpage.written(paper).encode()}


def _docx(paper: Paper, _folder: str) -> dict[str, bytes]:
    from jupyter_mlops.papers import word

    return {"": word.written(paper)}


def _pdf(paper: Paper, _folder: str) -> dict[str, bytes]:
    from jupyter_mlops.papers import typeset

    return {"": typeset.written(paper)}


def _md(paper: Paper, folder: str) -> dict[str, bytes]:
    """Write the pictures beside the text, each named by its digest, which the text's own then covers."""
    import hashlib

    from jupyter_mlops.papers import markdown

    drawn = {
        block.key: render.png(block.chart, width=WIDTH, bare=True)
        for block in paper.blocks
        if isinstance(block, Picture)
    }
    names = {key: f"{hashlib.sha256(png).hexdigest()[:16]}.png" for key, png in drawn.items()}
    text = markdown.written(paper, {key: f"{folder}/{name}" for key, name in names.items()})
    return {"": text.encode(), **{names[key]: png for key, png in drawn.items()}}


_FORMS: Final[Mapping[str, Callable[[Paper, str], dict[str, bytes]]]] = {
    "html": _html,
    "docx": _docx,
    "pdf": _pdf,
    "md": _md,
}
