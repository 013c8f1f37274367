"""A paper as a Word document, by python-docx: its own styles, page numbers, and nothing that runs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from jupyter_mlops.charts import render
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.locale import tell
from jupyter_mlops.papers.paper import Block, Gap, Heading, Paper, Paragraph, Picture, Table
from jupyter_mlops.papers.webpage import unsure, who

FONTS: Final = {"en": "Calibri", "ja": "Yu Gothic"}
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
WIDTH: Final = 620
PAGE: Final = 6.7
"""Inches between the margins of a page."""
INK, QUIET, OPEN, DONE = "111827", "4B5563", "B45309", "0F766E"


def written(paper: Paper) -> bytes:
    """Return the bytes of the document; the same paper gives the same bytes.

    Raises:
        Unavailable: python-docx is not installed.
    """
    try:
        import docx
    except ImportError:
        raise Unavailable(
            "Word documents need python-docx, which is not installed.",
            "pip install 'jupyter-mlops[documents]', or name a file that ends in .html or .md.",
            code="documents_missing",
        ) from None
    made = docx.Document()
    _page(made, paper)
    _head(made, paper)
    for block in paper.blocks:
        _block(made, block)
    return _steady(made)


def _page(made: Any, paper: Paper) -> None:
    """Set size, margins, fonts, header and footer, and the facts that Word shows of a file."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Mm, Pt, RGBColor

    section = made.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin = section.bottom_margin = Mm(20)
    for style in made.styles:
        if style.type == 1:  # a style of paragraphs
            _font(style.element.get_or_add_rPr(), paper.language)
    for spoken in made.styles.element.iter(_name("w:lang")):
        spoken.set(_name("w:eastAsia"), "ja-JP")
    made.styles["Normal"].font.size = Pt(10)
    made.styles["Normal"].paragraph_format.space_after = Pt(4)
    for level, size in ((1, 16), (2, 13), (3, 11)):
        style = made.styles[f"Heading {level}"]
        style.font.size, style.font.color.rgb = Pt(size), RGBColor.from_string(INK)
        style.font.bold, style.paragraph_format.space_before = True, Pt(24 - 4 * level)
    head = section.header.paragraphs[0]
    head.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    if paper.draft:
        _run(head, f"{paper.draft} · {paper.draft_line}", colour=OPEN, size=8, bold=True)
    foot = section.footer.paragraphs[0]
    _run(foot, f"{paper.footer}    ", colour=QUIET, size=8)
    _field(foot, "PAGE")
    _run(foot, " / ", colour=QUIET, size=8)
    _field(foot, "NUMPAGES")
    _properties(made, paper)


def _properties(made: Any, paper: Paper) -> None:
    told = made.core_properties
    told.title, told.subject = f"{paper.title}: {paper.subtitle}"[:250], paper.subtitle[:250]
    told.author, told.comments, told.language = "jupyter-mlops", "", paper.language
    told.created = told.modified = datetime(2000, 1, 1)  # noqa: DTZ001  (python-docx takes no zone)


def _head(made: Any, paper: Paper) -> None:
    title = made.add_paragraph()
    _run(title, paper.title, size=24, bold=True, colour=INK)
    _run(made.add_paragraph(), paper.subtitle, size=14, colour=QUIET)
    if paper.draft_line:
        _run(_boxed(made, OPEN, "FFFBEB"), paper.draft_line, colour=OPEN, bold=True)
    _rows(made, paper.facts, (), (), (0.25, 0.75))
    if paper.meter:
        _run(made.add_paragraph(), _bar(paper) + paper.meter, bold=True, colour=INK)
    if paper.note:
        _run(made.add_paragraph(), paper.note, size=9, colour=QUIET)


def _bar(paper: Paper) -> str:
    full = round(10 * paper.share)
    return "■" * full + "□" * (10 - full) + "  " if paper.gaps else ""


def _block(made: Any, block: Block) -> None:
    if isinstance(block, Heading):
        number = f"{block.number}  " if block.number else ""
        made.add_heading(f"{number}{block.text}", level=block.level)
        if block.cites:
            _run(made.add_paragraph(), block.cites, size=8, colour=QUIET)
    elif isinstance(block, Paragraph):
        _paragraph(made, block)
    elif isinstance(block, Table):
        if block.title:
            _run(made.add_paragraph(), block.title, bold=True, colour=INK)
        _rows(made, block.rows, block.head, block.right, block.shares)
    elif isinstance(block, Picture):
        _picture(made, block)
    else:
        _gap(made, block)


def _paragraph(made: Any, block: Paragraph) -> None:
    if block.look == "code":
        _run(_boxed(made, "D1D5DB", "F3F4F6"), block.text, size=9, mono=True)
    elif block.look == "guidance":
        _run(_boxed(made, "D1D5DB", "", sides=("left",)), block.text, colour=QUIET, size=9)
    elif block.look == "note":
        _run(made.add_paragraph(), block.text, size=9, colour=QUIET)
    else:
        _run(made.add_paragraph(), block.text)


def _picture(made: Any, block: Picture) -> None:
    from docx.shared import Inches

    named = made.add_paragraph()
    named.paragraph_format.keep_with_next = True
    _run(named, block.asks + " ", bold=True, colour=INK)
    _run(named, block.says)
    png = io.BytesIO(render.png(block.chart, width=WIDTH, bare=True))
    shape = made.add_picture(png, width=Inches(PAGE * 0.9))
    about = shape._inline.docPr  # noqa: SLF001  (python-docx has no other way to a text for the blind)
    about.set("descr", f"{block.asks} {block.says}".strip())


def _gap(made: Any, block: Gap) -> None:
    is_open = block.state == "open"
    colour = DONE if block.state == "answered" else OPEN
    asked = _boxed(made, colour, "FFFBEB" if is_open else "", sides=("left",))
    asked.paragraph_format.keep_with_next = True
    _run(asked, block.asks + "  ", bold=True, colour=INK)
    _run(asked, block.id, size=8, colour=QUIET, mono=True)
    said = _boxed(made, colour, "FFFBEB" if is_open else "", sides=("left",))
    if is_open:
        _run(said, tell("To be written by a person."), bold=True, colour=OPEN)
        made.add_paragraph()
        return
    _run(said, block.answer)
    told = _boxed(made, colour, "", sides=("left",))
    if block.state == "carried":
        _run(told, unsure(block) + " · ", bold=True, colour=OPEN, size=8)
    _run(told, who(block), size=8, colour=QUIET)
    made.add_paragraph()


def _rows(
    made: Any,
    rows: Sequence[Sequence[str]],
    head: Sequence[str],
    right: Sequence[int],
    shares: Sequence[float],
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Inches

    table = made.add_table(rows=0, cols=len(shares))
    table.autofit = False
    for column, share in zip(table.columns, shares, strict=True):
        column.width = Inches(PAGE * share)
    _ruled(table)
    for place, row in enumerate([*([head] if head else []), *rows]):
        added = table.add_row()
        _whole(added)
        cells = added.cells
        is_head = bool(head) and place == 0
        for i, (cell, text) in enumerate(zip(cells, row, strict=True)):
            cell.width = Inches(PAGE * shares[i])
            inside = cell.paragraphs[0]
            inside.paragraph_format.space_after = 0
            if i in right:
                inside.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            quiet = is_head or (i == 0 and not head)
            _run(inside, text, size=8.5, bold=is_head, colour=QUIET if quiet else "")
        if is_head:
            _repeat(table.rows[0])
    made.add_paragraph().paragraph_format.space_after = 0


def _run(
    inside: Any,
    text: str,
    *,
    size: float = 0,
    bold: bool = False,
    colour: str = "",
    mono: bool = False,
) -> None:
    from docx.shared import Pt, RGBColor

    run = inside.add_run(text)
    run.bold = bold or None
    if size:
        run.font.size = Pt(size)
    if colour:
        run.font.color.rgb = RGBColor.from_string(colour)
    if mono:
        run.font.name = "Consolas"


def _boxed(
    made: Any,
    colour: str,
    ground: str,
    *,
    sides: Sequence[str] = ("top", "left", "bottom", "right"),
) -> Any:
    """Return a new paragraph with lines at its sides, on a ground of its own."""
    inside = made.add_paragraph()
    told = inside._p.get_or_add_pPr()  # noqa: SLF001  (python-docx knows no lines around a paragraph)
    lines = _element("w:pBdr")
    for side in sides:
        width = "18" if len(sides) == 1 else "6"
        lines.append(_element(f"w:{side}", val="single", sz=width, space="6", color=colour))
    told.append(lines)
    if ground:
        told.append(_element("w:shd", val="clear", color="auto", fill=ground))
    return inside


def _ruled(table: Any) -> None:
    """Give a table thin lines between its rows, and none elsewhere."""
    lines = _element("w:tblBorders")
    for side in ("top", "bottom", "insideH"):
        lines.append(_element(f"w:{side}", val="single", sz="4", space="0", color="D1D5DB"))
    table._tbl.tblPr.append(lines)  # noqa: SLF001  (as above)


def _repeat(row: Any) -> None:
    """Have the head of a table on each page that it goes on to."""
    row._tr.get_or_add_trPr().append(_element("w:tblHeader", val="true"))  # noqa: SLF001  (as above)


def _whole(row: Any) -> None:
    """Keep a row on one page."""
    row._tr.get_or_add_trPr().append(_element("w:cantSplit", val="true"))  # noqa: SLF001  (as above)


def _field(inside: Any, code: str) -> None:
    """Put a number that Word counts, in small type."""
    field = _element("w:fldSimple", instr=code)
    run, look, text = _element("w:r"), _element("w:rPr"), _element("w:t")
    look.append(_element("w:sz", val="16"))
    text.text = "1"
    run.append(look)
    run.append(text)
    field.append(run)
    inside._p.append(field)  # noqa: SLF001  (as above)


def _font(told: Any, language: str) -> None:
    """Name a font for Latin and one for East Asian characters: Word takes another where it is absent."""
    fonts = told.find(_name("w:rFonts"))
    if fonts is None:
        fonts = _element("w:rFonts")
        told.insert(0, fonts)
    for key in list(fonts.attrib):
        del fonts.attrib[key]
    for slot in ("ascii", "hAnsi", "cs"):
        fonts.set(_name(f"w:{slot}"), FONTS["en"] if language == "en" else FONTS["ja"])
    fonts.set(_name("w:eastAsia"), FONTS["ja"])


def _element(name: str, **attributes: str) -> Any:
    from docx.oxml import OxmlElement

    made = OxmlElement(name)
    for key, value in attributes.items():
        made.set(_name(f"w:{key}"), value)
    return made


def _name(short: str) -> str:
    from docx.oxml.ns import qn

    return str(qn(short))


def _steady(made: Any) -> bytes:
    """Return the file with no time of writing in it, so that its digest means something."""
    first, second = io.BytesIO(), io.BytesIO()
    made.save(first)
    with zipfile.ZipFile(first) as read, zipfile.ZipFile(second, "w") as out:
        for info in sorted(read.infolist(), key=lambda one: one.filename != "[Content_Types].xml"):
            kept = zipfile.ZipInfo(info.filename, EPOCH)
            kept.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(kept, read.read(info))
    return second.getvalue()
