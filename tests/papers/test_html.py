from html.parser import HTMLParser

import pytest

from jupyter_mlops.charts import drift
from jupyter_mlops.locale import language
from jupyter_mlops.papers import fleet, html
from papers.pages_of import facts

VOID = {"meta", "input", "link", "br", "img"}


class Seen(HTMLParser):
    """What a page is made of."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.open = set(), [], []

    def handle_starttag(self, tag, attrs):
        """Remember an element that begins."""
        self.tags.add(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Remember an element without content."""
        self.tags.add(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        """Check that elements end in order."""
        assert self.open.pop() == tag


def seen(text):
    found = Seen()
    found.feed(text)
    assert found.open == []
    return found


@pytest.fixture(scope="module", params=["empty", "one", "seven", "hostile", "japanese"])
def page(request):
    with language("en"):
        return html.document(fleet.told(facts(request.param)))


def test_a_page_has_no_script_no_frame_and_no_handler(page):
    found = seen(page)
    assert found.tags.isdisjoint({"script", "iframe", "img", "object", "embed", "link", "base"})
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]


def test_a_page_points_nowhere(page):
    pointing = {"href", "src", "action", "formaction", "xlink:href", "srcdoc", "data", "poster"}
    assert not [pair for pair in seen(page).attributes if pair[1] in pointing]
    assert "url(http" not in page


def test_a_page_forbids_itself_everything_but_its_own_style(page):
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert ("meta", "content", policy) in seen(page).attributes


def test_every_picture_says_in_words_what_it_shows(page):
    drawn = [pair for pair in seen(page).attributes if pair[:2] == ("svg", "role")]
    said = [pair for pair in seen(page).attributes if pair[:2] == ("svg", "aria-label")]
    assert len(drawn) == len(said)
    assert all(pair[2] for pair in said)


def test_ids_are_unique_however_many_pictures_there_are(page):
    ids = [value for _, name, value in seen(page).attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_hostile_names_are_shown_as_they_are_written():
    with language("en"):
        text = html.document(fleet.told(facts("hostile")))
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in text
    assert "{{7*7}}" in text
    assert "\u202e" not in text
    assert "x" * 200 not in text


def test_the_dashboard_gets_the_same_words_as_the_page():
    with language("en"):
        told = fleet.told(facts("seven"))
    body = html.fragment(told)
    assert told["headline"] in body
    assert "<html" not in body


def test_a_picture_has_the_page_s_own_colours_so_that_one_serves_light_and_dark():
    from charts import fleets

    drawn = html.drawing(drift.moved(fleets.drift("x", moved=1)), width=400)
    assert "fill:var(--failing)" in drawn
    assert "#B91C1C" not in drawn
