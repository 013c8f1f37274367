"""The audit log in one file, verified by a script that knows nothing of us."""

import errno
import hashlib
import json
import threading
import zipfile
from pathlib import Path

import pytest
import rfc8785

from exported import HOSTILE, VERIFY, chained, deeds, exported, unpacked, verify
from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Conflict, Corrupt, Invalid, NotFound
from jupyter_mlops.services.export import placing, writing
from jupyter_mlops.services.workspace import open_local


@pytest.fixture
def session(where):
    session = open_workspace(where)
    yield session
    session.close()


@pytest.fixture
def folder(session, tmp_path):
    """An export of some events, unpacked; returned as files that can be changed."""
    return unpacked(session, tmp_path)


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


# ------------------------------------------------------- signed checkpoints

ROOTS = VERIFY.with_name("roots.py")


@pytest.fixture
def signed(session, tmp_path):
    """An export of a log that was signed twice, and the file of an anchor that has both."""
    anchor = tmp_path / "anchor.txt"
    session.anchor(str(anchor))
    deeds(session.door.ws, ["one", "two"])
    session.audit(checkpoint=True)
    session.audit(export=str(tmp_path / "log.zip"))
    return tmp_path / "log.zip", anchor


def test_an_export_carries_its_checkpoints_and_a_stranger_compares_them(session, signed):
    export, anchor = signed
    with zipfile.ZipFile(export) as archive:
        assert archive.read("checkpoints.txt").decode() == anchor.read_text()
        head = json.loads(archive.read("head.json"))
        assert b"BEGIN PUBLIC KEY" in archive.read("public-key.pem")
    assert [(one["kind"], one["events"]) for one in head["anchors"]] == [("file", 7)]
    for words in ((), ("--kept", str(anchor))):
        holds, said = verify(export, *words, script=ROOTS)
        assert (holds, said) == (
            True,
            "All 2 checkpoints fit, the newest of 7 events; see README.txt.",
        )
    assert verify(export)[0]


def test_a_log_that_was_written_anew_is_whole_and_not_the_one_that_was_signed(signed, tmp_path):
    _, anchor = signed
    forged = exported(tmp_path / "forged", chained([f"forged {n}" for n in range(9)]))
    assert verify(forged)[0]
    holds, said = verify(forged, "--kept", str(anchor), script=ROOTS)
    assert (holds, said) == (False, "The first 2 events are not those that were signed.")
    short = exported(tmp_path / "short", chained(["forged"]))
    holds, said = verify(short, "--kept", str(anchor), script=ROOTS)
    assert (holds, said) == (False, "The log ends with event 1; a checkpoint says 7.")


def test_an_export_without_checkpoints_proves_none(folder):
    holds, said = verify(folder, script=ROOTS)
    assert (holds, said) == (False, "The log ends with event 17; a checkpoint says nothing.")
    assert not verify(folder / "nothing", script=ROOTS)[0]
