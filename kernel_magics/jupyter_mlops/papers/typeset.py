"""A paper as PDF, by typst: all it says goes in as data, so that nothing of it is read as markup."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jupyter_mlops.charts import render
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.locale import tell
from jupyter_mlops.papers.paper import Block, Gap, Paper, Picture, Table
from jupyter_mlops.papers.webpage import unsure, who

WIDTH: Final = 620
FOLDER: Final = "JUPYTER_MLOPS_FONTS"
"""Names a folder with fonts of one's own."""

LATIN: Final = (
    "Noto Sans",
    "Inter",
    "Segoe UI",
    "Helvetica Neue",
    "Liberation Sans",
    "DejaVu Sans",
    "Arial",
)
MONO: Final = ("DejaVu Sans Mono",)
JAPANESE: Final = (
    "Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans JP", "Hiragino Sans",
    "Hiragino Kaku Gothic ProN", "Yu Gothic", "YuGothic", "Meiryo", "BIZ UDGothic", "BIZ UDPGothic",
    "IPAexGothic", "IPAPGothic", "IPAGothic", "TakaoPGothic", "VL PGothic", "VL Gothic", "MS Gothic",
)  # fmt: skip
"""Sans-serif fonts that hold Japanese, of every system that has some."""
_EAST_ASIAN: Final = re.compile(
    r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]"
)
_LONG: Final = re.compile(r"\S{18,}")
_BREAKS: Final = re.compile(r"(.{10})(?=.{4})")
_ZERO_WIDTH: Final = "\u200b"


def written(paper: Paper) -> bytes:
    """Return the bytes of the PDF; the same paper and the same fonts give the same bytes.

    Raises:
        Unavailable: typst is not installed, or no font here holds the characters of the paper.
    """
    try:
        import typst
    except ImportError:
        raise Unavailable(
            "PDF needs typst, which is not installed.",
            "pip install 'jupyter-mlops[documents]', or name a file that ends in .html or .md.",
            code="documents_missing",
        ) from None
    told = _told(paper)
    text = json.dumps(told, ensure_ascii=False)
    told["fonts"] = _fonts(text, families())
    told["mono"] = [*MONO, *told["fonts"]]
    program = files("jupyter_mlops.papers").joinpath("templates/document.typ").read_bytes()
    made: bytes = typst.compile(  # type: ignore[misc]
        program,
        sys_inputs={"paper": json.dumps(told, ensure_ascii=False)},
        font_paths=_folders(),
        timestamp=datetime(2000, 1, 1, tzinfo=UTC),
    )
    return made


@cache
def families() -> frozenset[str]:
    """Return the fonts there are: those of the system, and of a folder of one's own."""
    import typst

    return frozenset(typst.Fonts(font_paths=_folders()).families())


def _fonts(text: str, known: Iterable[str]) -> list[str]:
    """Return the fonts to use, the first that has a character draws it.

    Raises:
        Unavailable: the text holds East Asian characters and no font here does.
    """
    there = set(known)
    latin = [name for name in LATIN if name in there][:1]
    asian = [name for name in JAPANESE if name in there][:1]
    if _EAST_ASIAN.search(text) and not asian:
        raise Unavailable(
            "No font on this machine holds the Japanese characters of this document.",
            "install one (Noto Sans CJK JP, on Debian fonts-noto-cjk), name a folder with one in"
            " {folder}, or write .html or .docx, which use the reader's fonts.",
            code="font_missing",
            folder=FOLDER,
        )
    return [*latin, *asian, "Libertinus Serif"]


def _folders() -> list[str]:
    named = os.environ.get(FOLDER)
    return [named] if named else []


def _told(paper: Paper) -> dict[str, Any]:
    """Return the paper as plain data."""
    told = {
        "language": paper.language,
        "title": paper.title,
        "subtitle": paper.subtitle,
        "facts": paper.facts,
        "note": paper.note,
        "draft": paper.draft,
        "draft_line": paper.draft_line,
        "meter": paper.meter,
        "footer": paper.footer,
        "share": paper.share,
        "asked": bool(paper.gaps),
        "write": tell("To be written by a person."),
    }
    plain: dict[str, Any] = _broken(told)
    plain["blocks"] = [_block(block) for block in paper.blocks]
    return plain


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Picture):
        words = _broken({"asks": block.asks, "says": block.says})
        svg = render.svg(block.chart, width=WIDTH, bare=True)
        return {**words, "kind": "Picture", "svg": svg}
    if isinstance(block, Gap):
        told: dict[str, Any] = {
            **dataclasses.asdict(block),
            "unsure": unsure(block),
            "who": who(block),
        }
    elif isinstance(block, Table):
        told = {**dataclasses.asdict(block), "shares": block.shares}
    else:
        told = dataclasses.asdict(block)
    return {**_broken(told), "kind": type(block).__name__}


def _broken(value: Any) -> Any:
    """Let words that are too long for a line, such as digests, be broken."""
    if isinstance(value, str):
        return _LONG.sub(lambda found: _BREAKS.sub(rf"\1{_ZERO_WIDTH}", found[0]), value)
    if isinstance(value, dict):
        return {key: _broken(one) for key, one in value.items()}
    return [_broken(one) for one in value] if isinstance(value, list | tuple) else value
