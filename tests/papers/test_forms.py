"""Each form of a document says the same, and nothing that a person wrote means anything in it."""

import io
import sys
import zipfile

import pytest
import yaml
from markdown_it import MarkdownIt

from jupyter_mlops.errors import Invalid, Unavailable
from jupyter_mlops.papers import forms, markdown, typeset, webpage, word
from jupyter_mlops.papers.differing import differences
from jupyter_mlops.papers.paper import Gap, Heading, Paper, Paragraph, Table, pure
from papers.test_html import seen

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example a@evil.example",
    "*bold* _it_ `code` ~~gone~~ | a | b | # head",
    "- list\n1. list\n> quote\n+++\n---\n===",
    '#panic(1) #read("/etc/passwd") $x^2$ @ref <label> \\ // /* [#panic(2)]',
    "bell \x07 null\x1f turn \u202egnp.exe lone \ud800 end",
    "&lt;b&gt; &amp; ]]> </w:t><w:t>",
    "{{ 7 * 7 }} {% raw %} ${x}",
    "日本語の回答、改行\nあり",
]


def paper(text, **more):
    rows = [(text, "1.5"), ("b", text)]
    blocks = [
        Heading(1, text, text, text),
        Paragraph(text),
        Paragraph(text, "guidance"),
        Paragraph(text, "note"),
        Paragraph(text, "code"),
        Table("t", (text, "n"), rows, right=(1,), title=text),
        Gap("a", text, "open"),
        Gap("b", text, "answered", text, "churn:1", text, "2026-11-26"),
        Gap("c", text, "carried", text, "churn:1", text, "2026-11-26"),
    ]
    facts = [(text, text)]
    return pure(Paper("en", text, text, facts, text, blocks, text, text, text, text, **more))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_web_page_holds_hostile_text_as_text(text):
    page = webpage.written(paper(text))
    found = seen(page)
    assert found.tags.isdisjoint({"script", "iframe", "img", "object", "embed", "link", "base"})
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert not [pair for pair in found.attributes if pair[1] in {"href", "src", "action"}]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_holds_hostile_text_as_text(text):
    told = markdown.written(paper(text), {})
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = reader.parse(told)
    inline = [one for token in tokens for one in token.children or ()]
    kinds = {token.type for token in [*tokens, *inline]}
    assert kinds.isdisjoint({"html_block", "link_open", "image", "s_open"})
    assert {one.content for one in inline if one.type == "html_inline"} <= {"<br>"}
    words = "".join(one.content for one in inline if one.type == "text")
    first = pure(text).split("\n")[0]
    assert first.replace(" ", "") in words.replace(" ", "")
    assert "://" not in told.split("```")[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_word_reads_back_what_was_written(text):
    import docx

    made = word.written(paper(text))
    back = docx.Document(io.BytesIO(made))
    shown = "\n".join(paragraph.text for paragraph in back.paragraphs)
    assert pure(text) in shown
    assert back.tables[-1].rows[1].cells[0].text == pure(text)
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert not [name for name in opened.namelist() if "vba" in name.lower()]
        assert b"hyperlink" not in opened.read("word/_rels/document.xml.rels")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_pdf_is_made_of_data_that_is_never_read_as_markup(text):
    assert typeset.written(paper(text)).startswith(b"%PDF-")


@pytest.mark.parametrize("form", forms.FORMS)
def test_the_same_paper_gives_the_same_bytes(form):
    told = paper("same")
    assert forms.written(told, form, "pictures") == forms.written(told, form, "pictures")


@pytest.mark.parametrize("text", HOSTILE)
def test_front_matter_is_read_back_as_it_was(text):
    front = {"license": text, "tags": [text, "---"], "model-index": [{"name": text}]}
    told = markdown.written(paper("x", front=front), {})
    back = yaml.safe_load(told.split("\n---\n\n")[0].removeprefix("---\n"))
    assert back == {
        "license": pure(text),
        "tags": [pure(text), "---"],
        "model-index": [{"name": pure(text)}],
    }


def test_a_machine_without_a_japanese_font_says_so_instead_of_boxes():
    with pytest.raises(Unavailable, match="Noto Sans CJK JP"):
        typeset._fonts("承認", {"DejaVu Sans"})
    assert typeset._fonts("承認", {"Meiryo", "DejaVu Sans"})[:2] == ["DejaVu Sans", "Meiryo"]
    assert typeset._fonts("approved", set()) == ["Libertinus Serif"]


@pytest.mark.parametrize(("library", "form"), [("docx", "docx"), ("typst", "pdf")])
def test_what_is_not_installed_is_named_with_what_brings_it(library, form, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Unavailable, match=r"jupyter-mlops\[documents\]"):
        forms.written(paper("x"), form, "")


@pytest.mark.parametrize(
    ("to", "form"), [("a.PDF", "pdf"), ("a.md", "md"), ("folder/", "html"), ("name", "html")]
)
def test_the_ending_of_the_file_says_the_form(to, form):
    assert forms.form_of(to) == form


def test_other_endings_are_refused():
    with pytest.raises(Invalid, match=r"\.html, \.docx, \.pdf or \.md"):
        forms.form_of("a.odt")


def test_rows_that_begin_alike_are_told_apart_by_as_many_cells_as_it_takes():
    def told(ratio):
        rows = [("parity", "sex", "F", ratio), ("parity", "sex", "M", "1")]
        table = Table("t", ("measure", "attribute", "group", "ratio"), rows)
        return Paper("en", "T", "churn", [], "", [Heading(1, "1", "One"), table])

    changed = differences(told("0.5"), told("0.6"), "churn:1", "churn:2")
    assert changed.blocks[1].rows == (("parity · sex · F", "0.5", "0.6"),)
