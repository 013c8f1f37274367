"""An export in hostile hands, and the two verifiers, which say the same of it."""

import hashlib
import json
import random
import zipfile

import pytest

from exported import HOSTILE, chained, deeds, exported, line_of, link, unpacked, verify
from jupyter_mlops import open_workspace
from jupyter_mlops.domain.audit import GENESIS, Link, digest, walk
from jupyter_mlops.locale import tell
from jupyter_mlops.services.verified import WHY


@pytest.fixture
def session(where):
    session = open_workspace(where)
    yield session
    session.close()


@pytest.fixture
def folder(session, tmp_path):
    """An export of some events, unpacked; returned as files that can be changed."""
    return unpacked(session, tmp_path)


# ------------------------------------------------------- tampering with the file


def edit_a_byte(lines, head):
    lines[6] = lines[6].replace(b"deed 2", b"deed 3")


def drop_a_line(lines, head):
    del lines[6]


def swap_two_lines(lines, head):
    lines[6], lines[7] = lines[7], lines[6]


def cut_the_tail(lines, head):
    del lines[-3:]


def append_an_event(lines, head):
    last = json.loads(lines[-1])
    told = last["event"] | {"seq": last["seq"] + 1, "prev": last["digest"], "reason": "forged"}
    lines.append(line_of(link(told)))


def renumber(lines, head):
    lines[6] = lines[6].replace(b'{"seq":7', b'{"seq":9', 1)


def renumber_in_the_text(lines, head):
    told = json.loads(lines[6])
    lines[6] = line_of(Link(7, *link(told["event"] | {"seq": 9})[1:]))


def change_the_count(lines, head):
    head["events"] -= 1


def change_the_head(lines, head):
    head["head"] = GENESIS


def change_a_digest(lines, head):
    lines[6] = lines[6].replace(b'"digest":"sha256:', b'"digest":"sha256:0', 1)


def forge_an_event_with_its_digest(lines, head):
    told = json.loads(lines[6])
    lines[6] = line_of(link(told["event"] | {"reason": "forged"}))


def forge_all_that_follows(lines, head):
    """The right chain, from a forged event to another end."""
    prev = json.loads(lines[5])["digest"]
    for n in range(6, len(lines)):
        made = link(json.loads(lines[n])["event"] | {"reason": "forged", "prev": prev})
        prev, lines[n] = made[2], line_of(made)


def write_something_else(lines, head):
    lines[6] = b"this is no JSON\n"


def write_half_an_event(lines, head):
    body = b'{"seq":7,'
    told = hashlib.sha256(body).hexdigest()
    lines[6] = b'{"seq":7,"digest":"sha256:%s","event":%s}\n' % (told.encode(), body)


def write_another_kind(lines, head):
    told = hashlib.sha256(b"[]").hexdigest()
    lines[6] = b'{"seq":7,"digest":"sha256:%s","event":[]}\n' % told.encode()


def nest_without_end(lines, head):
    body = b"[" * 200_000
    told = hashlib.sha256(body).hexdigest()
    lines[6] = b'{"seq":7,"digest":"sha256:%s","event":%s}\n' % (told.encode(), body)


def add_an_empty_line(lines, head):
    lines.append(b"\n")


def leave_nothing(lines, head):
    lines.clear()
    head |= {"events": 0, "head": GENESIS}


def say_less_in_the_head(lines, head):
    head.clear()


FOUND = {
    edit_a_byte: "Event 7 was edited: its digest does not fit its text.",
    drop_a_line: "Event 7 is missing: event 8 stands in its place.",
    swap_two_lines: "Event 7 is missing: event 8 stands in its place.",
    cut_the_tail: "The last event is 14, ",
    append_an_event: "The last event is 18, ",
    renumber: "Event 7 is missing: event 9 stands in its place.",
    renumber_in_the_text: "Event 7 carries another number in its text.",
    change_the_count: "The last event is 17, ",
    change_the_head: "The last event is 17, ",
    change_a_digest: "Event 7 was edited: its digest does not fit its text.",
    forge_an_event_with_its_digest: "Event 8 does not follow the event before it.",
    forge_all_that_follows: "The last event is 17, ",
    write_something_else: "Event 7 cannot be read.",
    write_half_an_event: "Event 7 cannot be read.",
    write_another_kind: "Event 7 cannot be read.",
    nest_without_end: "Event 7 cannot be read.",
    add_an_empty_line: "Event 18 cannot be read.",
    leave_nothing: "The last event is 0, ",
    say_less_in_the_head: "This is no export that can be read: KeyError('events')",
}


@pytest.mark.parametrize("tamper", FOUND, ids=lambda tamper: tamper.__name__)
def test_tampering_with_the_file_is_found_and_named(folder, tamper):
    events, told = folder / "events.jsonl", folder / "head.json"
    lines, head = events.read_bytes().splitlines(keepends=True), json.loads(told.read_text())
    assert verify(folder)[0]
    tamper(lines, head)
    events.write_bytes(b"".join(lines))
    told.write_text(json.dumps(head))
    holds, said = verify(folder)
    assert not holds
    assert said.startswith(FOUND[tamper])
    with zipfile.ZipFile(packed := folder.parent / "changed.zip", "w") as archive:
        for name in ("events.jsonl", "head.json"):
            archive.write(folder / name, name)
    assert verify(packed) == (holds, said)


def test_a_flipped_byte_anywhere_in_the_zip_is_found_or_changes_no_event(folder, tmp_path):
    whole = (tmp_path / "whole.zip").read_bytes()
    (broken := tmp_path / "broken.zip").write_bytes(whole)
    at = whole.index(b"events.jsonl") + 400
    broken.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert not verify(broken)[0]
    for half in (b"", b"PK", whole[:2000], b"x" * 500):
        broken.write_bytes(half)
        holds, said = verify(broken)
        assert (holds, said.startswith("This is no export that can be read")) == (False, True)
    assert not verify(tmp_path / "nothing.zip")[0]


def test_a_part_that_is_there_twice_could_be_read_in_two_ways(folder, tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "whole.zip", "a") as archive,
        pytest.warns(UserWarning, match="Dup"),
    ):
        archive.write(folder / "events.jsonl", "events.jsonl")
    assert not verify(tmp_path / "whole.zip")[0]


# ------------------------------------------------------- the two verifiers agree

TEXTS = ["[]", "null", "{", '"x"', "1", '{"prev":1}', "{}", "\u00e9", "", '{"a":"\\ud800"}']


def damaged(chance, links):
    """Return the links with something done to one of them."""
    at = chance.randrange(len(links))
    one, other = links[at], links[chance.randrange(len(links))]
    prev = links[at - 1].digest if at else GENESIS
    moved = json.loads(chained(["moved"])[0].body) | {"seq": chance.randrange(50), "prev": prev}
    text = chance.choice([*TEXTS, f" {one.body}", f"{one.body} ", f"{one.body}{{}}"])
    instead = chance.choice(
        [
            [],
            [other],
            [other, one],
            [Link(one.seq, one.body, other.digest)],
            [Link(one.seq, other.body, one.digest)],
            [Link(one.seq, other.body, other.digest)],
            [Link(chance.randrange(-3, 30), one.body, one.digest)],
            [Link(one.seq, *link(moved)[1:])],
            [Link(one.seq, text, digest(text))],
            [Link(one.seq, text, chance.choice(['x","event":{', 'é\\"', "\\", one.digest]))],
        ]
    )
    return [*links[:at], *instead, *links[at + 1 :]]


def test_the_verifier_and_audit_verify_say_the_same_of_generated_logs(tmp_path):
    chance = random.Random(20261127)
    safe = [text for text in HOSTILE if "\ud800" not in text]
    found = set()
    for _ in range(150):
        links = chained([chance.choice(safe) + str(n) for n in range(chance.randrange(1, 12))])
        for _ in range(chance.randrange(3)):
            links = damaged(chance, links) if links else links
        verdict = walk(links)
        holds, said = verify(exported(tmp_path / "log", links))
        assert holds == (verdict.first_bad is None and verdict.events > 0)
        found.add(verdict.why)
        if verdict.first_bad is not None:
            told = tell(WHY[verdict.why], seq=verdict.first_bad, n=verdict.events)
            assert said == told
    assert found == {"", *WHY} - {"disguised"}  # an export has nothing beside the text


def test_the_store_and_its_export_say_the_same_when_the_store_was_changed(workspace, tmp_path):
    deeds(workspace, ["one", "two", "three"])
    changed_beside_us(workspace, "UPDATE audit_event SET body = replace(body, 'two', 'six')")
    session = open_workspace(workspace.home.where)
    told = session.audit(verify=True, export=str(tmp_path / "log.zip"))
    assert not told.ok
    assert verify(tmp_path / "log.zip") == (False, told.because)
    session.close()


def test_an_event_with_a_line_end_in_its_text_is_one_line_and_was_edited(workspace, tmp_path):
    deeds(workspace, ["one"])
    changed_beside_us(
        workspace, "UPDATE audit_event SET body = replace(body, 'one', '1' || chr(10) || '2')"
    )
    session = open_workspace(workspace.home.where)
    told = session.audit(verify=True, export=str(tmp_path / "log.zip"))
    assert "was edited" in told.because
    assert verify(tmp_path / "log.zip") == (False, told.because)
    session.close()


def changed_beside_us(ws, statement):
    """Change the table as somebody does who has the database in their hands."""
    with ws.engine.connect() as connection:
        if ws.home.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER audit_event_no_update")
            statement = statement.replace("chr(10)", "char(10)")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER USER")
        connection.exec_driver_sql(statement)
        connection.commit()
