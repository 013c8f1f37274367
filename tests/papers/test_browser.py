"""Pages in a real Chromium: nothing runs, nothing is fetched, nothing is cut off."""

import pytest

from jupyter_mlops.locale import language
from jupyter_mlops.papers import fleet, html
from papers.pages_of import facts

pytestmark = pytest.mark.browser
FLEETS = ("empty", "one", "seven", "sixty", "hostile", "japanese")


@pytest.fixture(params=FLEETS)
def told(request):
    with language("ja" if request.param == "japanese" else "en"):
        return request.param, html.document(fleet.told(facts(request.param)))


@pytest.fixture
def look(chromium, tmp_path):
    """Open a page as a reader would, and note whatever it tries."""
    tried = []
    contexts = []

    def look(text, *, width=1280, scheme="light"):
        file = tmp_path / "page.html"
        file.write_text(text, "utf-8")
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("dialog", lambda dialog: (tried.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda r: tried.append(r.url) if r.url != file.as_uri() else None)
        page.on("console", lambda m: tried.append(m.text) if m.type == "error" else None)
        page.goto(file.as_uri())
        return page

    look.tried = tried
    yield look
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_no_name_opens_a_dialog_or_asks_a_host(look, told, artefacts, width, scheme):
    name, text = told
    page = look(text, width=width, scheme=scheme)
    page.screenshot(path=artefacts / f"executive-{name}-{width}-{scheme}.png", full_page=True)
    assert look.tried == []
    assert page.locator("script, img, iframe, object, embed, [onerror], [onload]").count() == 0


def test_nothing_is_wider_than_a_telephone(look, told):
    page = look(told[1], width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def ground(page):
    return page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")


def test_the_switch_is_stronger_than_the_system(look):
    with language("en"):
        text = html.document(fleet.told(facts("seven")))
    page = look(text, scheme="dark")
    dark = ground(page)
    page.get_by_text("light", exact=True).click()
    light = ground(page)
    assert (dark, light) == ("rgb(11, 18, 32)", "rgb(255, 255, 255)")


def test_paper_is_white_whatever_the_screen_was(look):
    with language("en"):
        text = html.document(fleet.told(facts("seven")))
    page = look(text, scheme="dark")
    page.get_by_text("dark", exact=True).click()
    page.emulate_media(media="print")
    assert ground(page) == "rgb(255, 255, 255)"
    assert not page.get_by_text("light", exact=True).is_visible()


CONTRAST = """() => {
  const light = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
      .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
      return .2126 * v[0] + .7152 * v[1] + .0722 * v[2] };
  const ground = light(getComputedStyle(document.querySelector('.card')).backgroundColor);
  return [...document.querySelectorAll('.mlops-page p, .mlops-page b, .mlops-page h1, '
      + '.mlops-page .word, .mlops-page .sign, .mlops-page code')].map(e => {
    const text = light(getComputedStyle(e).color);
    return [(Math.max(text, ground) + .05) / (Math.min(text, ground) + .05), e.textContent] })
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(look, scheme):
    with language("en"):
        text = html.document(fleet.told(facts("seven")))
    seen = look(text, scheme=scheme).evaluate(CONTRAST)
    assert seen
    assert [said for contrast, said in seen if contrast < 4.5] == []
