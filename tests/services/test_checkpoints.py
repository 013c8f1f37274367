"""Checkpoints: signed notes that anybody can verify, by a key that the log names."""

import stat
import subprocess

import pytest

from anchoring import deeds, events, identity
from jupyter_mlops.domain import checkpoints
from jupyter_mlops.errors import Unsafe
from jupyter_mlops.services import checkpoints as signed
from jupyter_mlops.services import signing
from jupyter_mlops.services.anchors import anchor, anchors
from jupyter_mlops.services.audit import audit


@pytest.fixture
def ws(turned):
    """A workspace whose time is turned by hand."""
    return turned


def test_a_checkpoint_is_a_signed_note_that_openssl_verifies(ws, tmp_path):
    deeds(ws, 5)
    row = signed.made(ws)
    lines = row.note.split("\n")
    assert lines[:2] == [f"jupyter-mlops/{identity(ws)}", "7"]
    assert (lines[3], lines[5:]) == ("", [""])
    assert lines[4].startswith(f"— {lines[0]} ")
    with ws.look() as session:
        key = signing.present(ws, session)
    (tmp_path / "key.pem").write_bytes(signing.as_pem(key))
    (tmp_path / "text").write_text("\n".join(lines[:3]) + "\n")
    (tmp_path / "signature").write_bytes(checkpoints.read(row.note).signatures[0][2])
    asked = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile signature"
    said = subprocess.run(asked.split(), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Verified Successfully" in said.stdout
    assert checkpoints.read_key(key.shown) == key


def test_a_note_of_the_specification_is_read_and_its_key_has_the_id_that_it_says():
    """The example of c2sp.org/signed-note, and a key as verifiers of such notes know it."""
    told = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = checkpoints.read_key(told)
    assert (key.name, key.id.hex(), key.shown) == ("PeterNeumann", "c74f20a3", told)
    assert checkpoints.read_key(told.replace("c74f", "c74e")) is None
    assert checkpoints.read_key("no key") is None
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
        "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    found = checkpoints.read(note)
    assert (found.size, found.signatures[0][1].hex()) == (20852163, "033de0ae")


@pytest.mark.parametrize(
    "text", ["", "\n\n", "x", "a\nb\nc\n\n— a b\n", "a\n01\n" + "A" * 43 + "=\n\n— a AAAA\n"]
)
def test_what_is_no_note_is_none(text):
    assert checkpoints.read(text) is None


def test_the_key_is_a_file_of_its_owner_alone_and_the_log_names_it_once(both):
    assert not both.home.key_file.exists()
    deeds(both, 1)
    signed.made(both)
    deeds(both, 1)
    signed.made(both)
    assert stat.S_IMODE(both.home.key_file.stat().st_mode) == 0o600
    (made,) = audit(both, "audit:key")["items"]
    assert made["action"] == "audit:key:made"
    assert made["after"]["key"] == anchors(both)["key"]
    private = both.home.key_file.read_text().split("\n")[1]
    with both.look() as session:
        kept = session.connection().exec_driver_sql("SELECT body FROM audit_event").fetchall()
    assert private not in str(kept)


def test_a_key_that_others_can_read_signs_nothing(ws):
    signed.made(ws)
    ws.home.key_file.chmod(0o644)
    deeds(ws, 1)
    with pytest.raises(Unsafe, match="chmod 600"):
        signed.made(ws)


def test_a_lost_key_is_followed_by_a_new_one_that_the_log_names_with_the_old(ws, tmp_path):
    anchor(ws, str(tmp_path / "log.txt"))
    ws.home.key_file.unlink()
    deeds(ws, 3)
    audit(ws, checkpoint=True)
    first, second = reversed(audit(ws, "audit:key:made")["items"])
    assert second["before"] == first["after"]
    assert audit(ws, verify=True)["ok"]


def test_a_checkpoint_is_due_after_a_hundred_events_or_ten_minutes_and_makes_no_other(both, clock):
    signed.made(both)
    assert not signed.is_due(both)
    deeds(both, 99)
    assert not signed.is_due(both)
    deeds(both, 1)
    assert signed.is_due(both)
    signed.made(both)
    clock.turn(days=30)
    assert not signed.is_due(both)  # nothing has happened
    deeds(both, 1)
    assert not signed.is_due(both)
    clock.turn(minutes=10)
    assert signed.is_due(both)
    before = events(both)
    signed.made(both)
    assert events(both) == before
