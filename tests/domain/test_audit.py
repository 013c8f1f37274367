"""The chain, walked."""

import json

import pytest

from jupyter_mlops.domain.audit import GENESIS, Link, digest, event, walk


def chain(length):
    links, prev = [], GENESIS
    for seq in range(1, length + 1):
        told = event(
            seq=seq,
            at="2026-11-24T00:00:00.000000Z",
            actor={"id": "owner"},
            action="a:b:done",
            subject="x",
            before=None,
            after={"n": seq},
            reason="",
            prev=prev,
        )
        body = json.dumps(told)
        prev = digest(body)
        links.append(Link(seq, body, prev))
    return links


def test_a_whole_chain_is_whole():
    verdict = walk(chain(20))
    assert (verdict.events, verdict.first_bad) == (20, None)


def test_an_empty_chain_has_no_events():
    assert walk([]).events == 0


def edited(links):
    links[6] = Link(7, links[6].body.replace('"n": 7', '"n": 8'), links[6].digest)


def edited_with_its_digest(links):
    body = links[6].body.replace('"n": 7', '"n": 8')
    links[6] = Link(7, body, digest(body))


def deleted(links):
    del links[6]


def swapped(links):
    links[6], links[7] = links[7], links[6]


def broken(links):
    links[6] = Link(7, "{", digest("{"))


def of_another_kind(links):
    links[6] = Link(7, "[]", digest("[]"))


def nested_without_end(links):
    links[6] = Link(7, "[" * 200_000, digest("[" * 200_000))


def with_a_line_end(links):
    body = links[6].body.replace('"n"', '\n"n"')
    links[6] = Link(7, body, digest(body))


def followed_by_more(links):
    links[6] = Link(7, links[6].body + "{}", digest(links[6].body + "{}"))


def renumbered(links):
    links[6] = Link(7, links[7].body, links[7].digest)


@pytest.mark.parametrize(
    ("tamper", "first_bad"),
    [
        (edited, 7),
        (edited_with_its_digest, 8),
        (deleted, 8),
        (swapped, 8),
        (broken, 7),
        (renumbered, 7),
        (of_another_kind, 7),
        (nested_without_end, 7),
        (with_a_line_end, 7),
        (followed_by_more, 7),
    ],
)
def test_tampering_is_found_and_named(tamper, first_bad):
    links = chain(20)
    tamper(links)
    assert walk(links).first_bad == first_bad


def test_an_event_of_another_form_is_verified_as_it_was_written():
    """What an upgrade finds, or a newer version left: its bytes count, whatever they say."""
    links, prev = [], GENESIS
    for seq, form in enumerate((0, 7), 1):
        body = json.dumps({"v": form, "seq": seq, "who": "ann", "did": "x", "prev": prev})
        prev = digest(body)
        links.append(Link(seq, body, prev, "2026-11-24", "x", "", "ann"))
    assert walk(links).first_bad is None
    links[1] = Link(2, links[1].body.replace("ann", "bob"), *links[1][2:])
    assert (walk(links).first_bad, walk(links).why) == (2, "edited")
