"""Answers as people see them, with the worst that a name may hold."""

from html.parser import HTMLParser

from jupyter_mlops.commands.answers import Answer
from jupyter_mlops.commands.words import verbs

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e{0.__class__}{n}"
OURS = {
    "div",
    "p",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "pre",
    "style",
}


def answer(verb, **data):
    """Return an answer that shows itself."""
    return Answer(verbs()[verb], data)


def tags_of(told):
    """Return the tags that an answer's HTML really has."""
    tags = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: tags.add(tag)
    parser.feed(told._repr_mimebundle_()["text/html"])
    return tags
