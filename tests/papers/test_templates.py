"""Templates are data: ours are whole in both languages, and those of others are checked line by line."""

import pytest

from jupyter_mlops.domain.documents import BLOCKS as NAMES
from jupyter_mlops.domain.documents import Blank, Words, check_answer, read_template
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.papers import drafting
from jupyter_mlops.papers.blocks import BLOCKS
from jupyter_mlops.services.documents import read_yaml

OWN = """\
name: board
title: Board paper
sections:
- number: 1
  heading: {en: What it is, ja: 概要}
  parts:
  - block: about
  - blank: why
    asks: Why do we need it?
  - text: Always the same.
"""


def sections(found):
    for section in found:
        yield section
        yield from sections(section.sections)


@pytest.mark.parametrize("name", [*drafting.TEMPLATES, drafting.CARD])
def test_ours_are_whole_in_both_languages(name):
    told = drafting.ours(name)
    texts = [told.title, told.source, told.note]
    for section in sections(told.sections):
        texts += [section.heading, section.cites, section.guidance]
        texts += [part.asks for part in section.parts if isinstance(part, Blank)]
        texts += [part.text for part in section.parts if isinstance(part, Words)]
    assert [text for text in texts if text and set(text) != {"en", "ja"}] == []


def test_annex_iv_has_the_nine_points_of_the_law():
    numbers = [section.number for section in drafting.ours("annex-iv").sections]
    assert numbers == [*"123456789", "A"]
    second = [section.number for section in drafting.ours("annex-iv").sections[1].sections]
    assert second == [f"2({letter})" for letter in "abcdefgh"]


def test_the_principles_of_japans_fsa_are_eight():
    second = drafting.ours("model-risk").sections[1]
    assert [section.number for section in second.sections] == [*"12345678"]


def test_everything_that_a_template_may_name_is_computed():
    assert set(NAMES) == set(BLOCKS)


def test_a_template_of_ones_own_is_read_as_it_is_written():
    found = drafting.template(OWN)
    assert [blank.id for blank in found.blanks()] == ["why"]
    assert found.sections[0].heading == {"en": "What it is", "ja": "概要"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("block: about", "block: abuot"), "line 7: abuot is nothing .* did you mean about"),
        (("asks: Why do we need it?", "ask: x"), "line 9: ask: is nothing .* did you mean asks"),
        (("heading:", "headin:"), "line 5: headin"),
        (("title: Board paper", "title: [1]"), "line 2: title"),
        (("name: board", "name: ../x"), "line 1: name"),
        (("blank: why", "blank: 'W H Y'"), "line 8: blank"),
        (("- text: Always", "- {text: a, block: about} #"), "line 10: a part is one of"),
        (("name: board", "name: &a board\nabout: *a"), "alias"),
        (("name: board", "name: board\nname: x"), "line 2: name stands twice"),
        (("title: Board paper", "title: !!python/name:os.system x"), "no template"),
        (("title: Board paper", "? [1]\n: x"), "line 2: a name is a text"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_with_its_line(change, says):
    with pytest.raises(Invalid, match=f"(?s){says}"):
        drafting.template(OWN.replace(*change))


def test_no_template_is_too_deep_or_too_large():
    deep = {"heading": "h"}
    for _ in range(5):
        deep = {"heading": "h", "sections": [deep]}
    with pytest.raises(Invalid, match="deep"):
        read_template({"name": "x", "title": "t", "sections": [deep]})
    many = [{"heading": "h", "parts": [{"text": "t"}] * 600}]
    with pytest.raises(Invalid, match="parts"):
        read_template({"name": "x", "title": "t", "sections": many})
    with pytest.raises(Invalid, match="longer"):
        read_yaml("a: " + "x" * 500_000, "template")


def test_an_unknown_template_is_refused_with_the_nearest():
    with pytest.raises(NotFound, match="Did you mean annex-iv"):
        drafting.template("anex-iv")


@pytest.mark.parametrize("answer", ["", "  ", None, True, ["x"], "a\0b", "a\ud800", "x" * 20_001])
def test_what_no_document_can_hold_is_no_answer(answer):
    with pytest.raises(Invalid, match="why"):
        check_answer("why", answer)
