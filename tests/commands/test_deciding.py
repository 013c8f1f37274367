"""Deciding by a file, before anything is signed."""

import json
import subprocess
import sys

import pytest

from governed import ANN, BOB, asked, known
from jupyter_mlops.commands import deciding
from jupyter_mlops.commands.session import open_session
from jupyter_mlops.errors import Conflict, Invalid, NotFound, Refused, UsageError
from jupyter_mlops.services import files, pens
from jupyter_mlops.services.decisions import send
from signing import pen


@pytest.fixture
def alone(tmp_path):
    """A session without a workspace."""
    return open_session(tmp_path / "nowhere", alone=True)


@pytest.fixture
def sent(sqlite_workspace):
    """A request as it was sent."""
    known(sqlite_workspace)
    return send(sqlite_workspace, asked(sqlite_workspace))["document"]


def test_without_a_terminal_nothing_is_decided():
    argv = [sys.executable, "-m", "jupyter_mlops", "decide", "1", "--approve", "--yes"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "not made in a notebook" in done.stderr


def test_the_session_refuses_as_well(alone):
    with pytest.raises(Refused) as refused:
        alone.decide("1", approve=True)
    assert refused.value.code == "decide_in_terminal"


@pytest.mark.parametrize("said", [(False, False, False), (True, True, False), (True, False, True)])
def test_it_is_said_what_is_decided(said):
    with pytest.raises(UsageError, match="Say which"):
        deciding._verdict(**dict(zip(("approve", "reject", "break_glass"), said, strict=True)))


def test_whoever_breaks_the_glass_says_why():
    with pytest.raises(UsageError, match="says why"):
        deciding._comment("break-glass", " ", "")
    assert deciding._comment("break-glass", "", "fire") == "fire"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"type": "x"}', "\0", "[" * 100_000])
def test_a_file_that_holds_no_request_is_refused(alone, tmp_path, text):
    file = tmp_path / "request.json"
    file.write_text(text)
    with pytest.raises(Invalid, match="This is no request"):
        deciding._document(alone, str(file), 0)


def test_a_file_that_is_not_there_is_said_so(alone, tmp_path):
    with pytest.raises(NotFound, match="neither the number of a request nor a file"):
        deciding._document(alone, str(tmp_path / "nowhere.json"), 0)


def test_a_request_is_read_from_its_file(alone, sent, tmp_path):
    (tmp_path / "request.json").write_text(json.dumps(sent))
    found = deciding._document(alone, str(tmp_path / "request.json"), 0)
    assert deciding._decider(found, BOB.key.fingerprint) == "bob"
    with pytest.raises(Refused, match="Nobody who may decide here"):
        deciding._decider(found, pen().key.fingerprint)


def test_what_a_file_says_is_shown_without_its_control_characters(alone, sent, capsys):
    from jupyter_mlops.domain import decided

    sent["facts"]["reason"] = "\x1b[2Jall is well"
    deciding._show(decided.read_document(sent), "approved", "bob", "SHA256:x")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "as champion" in shown


def test_a_key_that_is_none_is_named(tmp_path):
    with pytest.raises(NotFound, match="There is no key"):
        pens.public(str(tmp_path / "id_ed25519"))
    (tmp_path / "id_rsa.pub").write_text("ssh-rsa AAAA x")
    with pytest.raises(Invalid, match="only Ed25519"):
        pens.public(str(tmp_path / "id_rsa"))


def test_the_public_half_is_found_with_and_without_its_file(tmp_path):
    key = ANN.kept(tmp_path, "ann")
    assert pens.public(str(key)) == ANN.key
    key.with_name("ann.pub").unlink()
    assert pens.public(str(key)) == ANN.key


def test_nothing_is_written_over(tmp_path):
    files.write(str(tmp_path / "decision.json"), "{}")
    with pytest.raises(Conflict, match="nothing is replaced"):
        files.free(str(tmp_path / "decision.json"))
    with pytest.raises(Invalid, match="cannot be written"):
        files.free(str(tmp_path / "no" / "decision.json"))
