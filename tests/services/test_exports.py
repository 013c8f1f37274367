"""The audit log in one file, verified by a script that knows nothing of us."""

import errno
import hashlib
import json
import random
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import rfc8785

from jupyter_mlops import open_workspace
from jupyter_mlops.domain.audit import GENESIS, Link, digest, event, walk
from jupyter_mlops.errors import Conflict, Corrupt, Invalid, NotFound, Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services.export import placing, writing
from jupyter_mlops.services.verified import WHY as _WHY
from jupyter_mlops.services.workspace import open_local

VERIFY = Path(writing.__file__).with_name("verify.py")
HOSTILE = [
    "<script>alert(1)</script>",
    '"},"prev":"sha256:0"}\n{"seq":9,"digest":"sha256:0","event":{}}',
    "\x00\x01\x1b[31m\x7f\r\n\u2028\u2029\x85",
    "\ud800 alone \udfff",
    "監査ログ 🏛 é é",
    "'; DROP TABLE audit_event; --",
    "{0} {seq} %s %(x)s",
    "\u202ereversed",
]


def verify(place, *words):
    """Run the verifier as a stranger does: no packages, no environment, from another folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", VERIFY, place, *words],
        capture_output=True, text=True, check=False, env={}, cwd="/",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).count("\n") == 1
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def deeds(ws, texts):
    """Do something with each text, and be refused something with each."""
    for text in texts:
        with ws.act("test:deed", subject=f"x:{text}", reason=text) as act:
            act.before, act.after = {text: [text]}, {"n": 1.5, "text": text, "nothing": None}
        with pytest.raises(Refused), ws.act("test:deed", subject="x"):
            raise Refused("No: {text}.", code="no", text=text)


@pytest.fixture
def session(where):
    session = open_workspace(where)
    yield session
    session.close()


@pytest.fixture
def folder(session, tmp_path):
    """An export of some events, unpacked; returned as files that can be changed."""
    deeds(session.door.ws, [f"deed {n}" for n in range(8)])
    session.audit(export=str(tmp_path / "whole.zip"))
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        archive.extractall(tmp_path / "whole")
    return tmp_path / "whole"


def test_an_export_holds_for_a_stranger_and_is_a_deed_itself(session, tmp_path):
    deeds(session.door.ws, ["one", "two"])
    known = session.audit(limit=100).to_dict()["items"]
    told = session.audit(export=str(tmp_path / "log.zip"))
    path = Path(told.export["written"])
    assert (path, told.export["events"]) == (tmp_path / "log.zip", len(known))
    assert told.export["head"] == known[0]["digest"]
    assert told.export["digest"] == digest_of(path)
    assert str(told.export["head"]) in str(told)
    assert verify(path) == (True, f"All {len(known)} events follow from one another.")
    (last,) = session.audit("audit:export").to_dict()["items"]
    assert (last["action"], last["subject"]) == ("audit:export:written", "workspace")
    assert last["after"] == {
        "digest": told.export["digest"],
        "events": len(known),
        "head": known[0]["digest"],
        "to": "log.zip",
    }


def test_an_export_says_of_what_it_is(session, folder):
    head = json.loads((folder / "head.json").read_text())
    first = session.audit("workspace:creation").to_dict()["items"][0]
    assert head["workspace"] == first["after"]["id"]
    assert (head["events"], head["anchors"]) == (17, [])
    assert head["product"].startswith("jupyter-mlops 0")
    assert (folder / "verify.py").read_bytes() == VERIFY.read_bytes()
    assert "検証の方法" in (folder / "README.txt").read_text("utf-8")


def test_the_text_of_an_event_is_the_very_bytes_that_its_digest_is_of(session, folder):
    for line in (folder / "events.jsonl").read_bytes().splitlines():
        told = json.loads(line)
        body = rfc8785.dumps(told["event"])
        assert line.endswith(b',"event":' + body + b"}")
        assert told["digest"] == "sha256:" + hashlib.sha256(body).hexdigest()


def test_the_same_log_at_the_same_time_gives_the_same_bytes(where, clock, tmp_path):
    ws = open_local(where, clock=clock)
    one, other = writing._kept(ws), writing._kept(ws)
    assert one == other
    ws.engine.dispose()


def test_a_digest_that_somebody_kept_shows_a_log_that_was_cut_or_written_anew(session, tmp_path):
    deeds(session.door.ws, ["one"])
    kept = session.audit(limit=1).to_dict()["items"][0]["digest"]
    deeds(session.door.ws, ["two"])
    session.audit(export=str(tmp_path / "log.zip"))
    assert verify(tmp_path / "log.zip", "--head", kept)[0]
    forged = chained([f"forged {n}" for n in range(5)])
    place = exported(tmp_path / "forged", forged)
    assert verify(place)[0]
    holds, said = verify(place, "--head", kept)
    assert not holds
    assert said == f"No event has the digest that was kept, '{kept}'."


def digest_of(path):
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


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


def link(told):
    body = rfc8785.dumps(told).decode()
    return told["seq"], body, digest(body)


def line_of(told):
    seq, body, name = (told.seq, told.body, told.digest) if isinstance(told, Link) else told
    name = json.dumps(name)[1:-1].replace('\\"', "\\u0022")
    return f'{{"seq":{seq},"digest":"{name}","event":{body}}}\n'.encode()


def chained(texts):
    links, prev = [], GENESIS
    for seq, text in enumerate(texts, 1):
        told = event(
            seq=seq, at="2026-11-24T00:00:00.000000Z", actor={"id": text}, action="a:b:done",
            subject=text, before=None, after={text: seq}, reason=text, prev=prev,
        )  # fmt: skip
        links.append(Link(*link(told)))
        prev = links[-1].digest
    return links


def exported(place, links):
    place.mkdir(exist_ok=True)
    (place / "events.jsonl").write_bytes(b"".join(map(line_of, links)))
    head = {"events": len(links), "head": links[-1].digest if links else GENESIS}
    (place / "head.json").write_text(json.dumps(head))
    return place


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
            told = tell(_WHY[verdict.why], seq=verdict.first_bad, n=verdict.events)
            assert said == told
    assert found == {"", *_WHY} - {"disguised"}  # an export has nothing beside the text


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


# ------------------------------------------------------- bad days


def test_hostile_text_in_events_is_carried_as_it_is(session, tmp_path):
    kept = [text for text in HOSTILE if "\ud800" not in text and "\x00" not in text]
    deeds(session.door.ws, kept)
    session.audit(export=str(tmp_path / "log.zip"))
    assert verify(tmp_path / "log.zip")[0]
    with zipfile.ZipFile(tmp_path / "log.zip") as archive:
        lines = archive.read("events.jsonl").split(b"\n")
    told = [json.loads(line)["event"]["reason"] for line in lines if line]
    assert [text for text in told if text in kept] == kept


def test_a_file_that_is_there_is_not_replaced_and_nothing_is_done(session, tmp_path):
    (tmp_path / "log.zip").write_text("something dear")
    (tmp_path / "link.zip").symlink_to(tmp_path / "nowhere")
    before = session.audit().to_dict()
    for name in ("log.zip", "link.zip"):
        with pytest.raises(Conflict, match="is there already"):
            session.audit(export=str(tmp_path / name))
    assert (tmp_path / "log.zip").read_text() == "something dear"
    assert session.audit().to_dict() == before


@pytest.mark.parametrize("to", ["/proc/nothing/log.zip", "{file}/log.zip", "~nobody9/x", "x" * 300])
def test_a_place_that_cannot_be_written_to_loses_nothing_and_says_so(session, tmp_path, to):
    (tmp_path / "file").write_text("")
    before = session.audit().to_dict()
    with pytest.raises(Invalid) as error:
        session.audit(export=to.format(file=tmp_path / "file"))
    assert error.value.code == "export_not_writable"
    assert "--export" in error.value.hint
    assert session.audit().to_dict() == before


def full(_digest):
    """Give some bytes, and then no room for more."""
    yield b"some"
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_leaves_no_half_of_a_file(tmp_path):
    told = {"items": [], "export": {"digest": "sha256:" + "0" * 64, "events": 1}}
    with pytest.raises(Invalid, match="No space left"):
        placing.finish(told, export=str(tmp_path / "log.zip"), fetch=full)
    with pytest.raises(Corrupt, match="What arrived is not"):
        placing.finish(told, export=str(tmp_path / "log.zip"), fetch=lambda _: iter([b"other"]))
    assert not list(tmp_path.iterdir())


def test_a_part_of_the_log_is_not_exported(session, tmp_path):
    with pytest.raises(Invalid, match="Only the whole audit log"):
        session.audit("clinic", export=str(tmp_path / "log.zip"))
    assert not (tmp_path / "log.zip").exists()


def test_a_folder_gets_a_file_of_its_own_name(session, tmp_path):
    told = session.audit(export=str(tmp_path / "new") + "/")
    assert told.export["written"] == str(tmp_path / "new" / "audit-log.zip")
    assert verify(told.export["written"])[0]


def test_only_what_was_exported_is_handed_out(session):
    model = session.door.ws.artifacts.put(b"a model of somebody's")
    for name in (model, "sha256:%", "sha256:" + "0" * 64):
        with pytest.raises(NotFound, match="No export"):
            session.door.fetch(name)


def test_deeds_go_on_while_the_log_is_exported(session, tmp_path):
    ws, stop = session.door.ws, threading.Event()
    deeds(ws, ["before"])

    def work():
        while not stop.is_set():
            with ws.act("test:deed", subject="x"):
                pass

    thread = threading.Thread(target=work)
    thread.start()
    for n in range(5):
        session.audit(export=str(tmp_path / f"{n}.zip"))
    stop.set()
    thread.join()
    for n in range(5):
        assert verify(tmp_path / f"{n}.zip")[0]
    assert session.audit(verify=True).ok
