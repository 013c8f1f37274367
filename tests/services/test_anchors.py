"""Anchors: reached at once or not added, left what they lack later, and never in the way."""

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from fakes import Clock
from jupyter_mlops import open_workspace
from jupyter_mlops.domain import anchored, checkpoints
from jupyter_mlops.errors import Conflict, Invalid, MlopsError, NotFound, Unavailable, Unsafe
from jupyter_mlops.services import checkpoints as signed
from jupyter_mlops.services import signing
from jupyter_mlops.services.anchoring import pushed, reached
from jupyter_mlops.services.anchors import anchor, anchors
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.doctor import examined
from jupyter_mlops.services.watching import watch
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.anchored import exposition
from receivers import Receiver


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ws(tmp_path, clock):
    """A workspace whose time is turned by hand."""
    ws = open_local(tmp_path / "workspace", clock=clock)
    yield ws
    ws.engine.dispose()


@pytest.fixture
def both(where, clock):
    """The same, on each database."""
    ws = open_local(where, clock=clock)
    yield ws
    ws.engine.dispose()


@pytest.fixture
def repository(tmp_path):
    """An empty bare repository."""
    path = tmp_path / "anchor.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    return path


def deeds(ws, n):
    for _ in range(n):
        with ws.act("test:deed", subject="x"):
            pass


def goes_on(ws):
    """Do so much that the next checkpoint is of ten more events, and have it left where it belongs."""
    deeds(ws, 10)
    audit(ws, checkpoint=True, limit=1)


def events(ws, query=""):
    return [one["action"] for one in audit(ws, query)["items"]]


def notes(text):
    return [one.size for one in checkpoints.seen(text).notes]


# ------------------------------------------------------- the form of a checkpoint


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


def identity(ws):
    (first,) = audit(ws, "workspace:creation")["items"]
    return first["after"]["id"]


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


# ------------------------------------------------------- what cannot be one


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("", "it is no address"),
        ("-oProxyCommand=id", "begins like an option"),
        ("--upload-pack=id", "begins like an option"),
        ("ext::sh -c id", "ext:: is none"),
        ("s3://bucket/key", "s3:// is none"),
        ("http://host/x.git", "https, ssh and files"),
        ("https://me:secret@host/x.git", "name or password"),
        ("ssh://-oProxyCommand=id/x", "its host cannot be read"),
        ("ssh://me:secret@host/x", "a password"),
        ("file://host/x", "a path follows"),
        ("{tmp}/no/log.txt", "No such file"),
        ("/dev/null", "no file"),
        ("{folder}/inside.txt", "inside the workspace"),
        ("{tmp}", "a folder without a git repository"),
        ("{tmp}/diary.txt", "something else than checkpoints"),
        ("{tmp}/pipe", "no file"),
        ("https://127.0.0.1/hook", "an address inside"),
    ],
)
def test_what_cannot_be_an_anchor_is_said_and_nothing_is_kept(ws, tmp_path, named, said):
    (tmp_path / "diary.txt").write_text("Dear diary")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MlopsError, match=said) as error:
        anchor(ws, named.format(folder=ws.home.folder, tmp=tmp_path))
    assert error.value.hint
    assert anchors(ws)["items"] == []
    assert (tmp_path / "diary.txt").read_text() == "Dear diary"


def test_a_refusal_is_an_event_and_says_no_secret(ws, tmp_path):
    with pytest.raises(Unavailable):
        anchor(ws, str(tmp_path / "no" / "log.txt"))
    with pytest.raises(NotFound):
        anchor(ws, "https://hooks.example/T0/secret-path", remove=True)
    found = audit(ws, "outcome:refused")["items"]
    assert [one["action"] for one in found] == ["anchor:removal:refused", "anchor:addition:refused"]


def test_a_path_is_told_from_an_address_and_a_kind_may_be_named():
    assert anchored.place("https://host/x").kind == "webhook"
    assert anchored.place("https://host/x.git").kind == "git"
    assert anchored.place("https://host/x", "git").kind == "git"
    assert anchored.place("git@host:me/x.git").kind == "git"
    assert anchored.place("ssh://git@host/x").kind == "git"
    assert anchored.place("somewhere/log.txt").kind == "path"
    with pytest.raises(Invalid, match="named by its path"):
        anchored.place("https://host/x", "file")


# ------------------------------------------------------- a file


def test_a_file_gets_each_checkpoint_once_and_is_only_appended_to(ws, tmp_path):
    file = tmp_path / "log.txt"
    told = anchor(ws, str(file), reason="the auditor's disk")
    assert [(one["where"], one["kind"]) for one in told["items"]] == [(str(file), "file")]
    first = file.read_text()
    goes_on(ws)
    reached.tend(ws)
    assert file.read_text().startswith(first)
    assert notes(file.read_text()) == [2, 13]
    (row,) = anchors(ws)["items"]
    assert (row["state"], row["events"], row["behind"]) == ("current", 13, 0)
    assert row["age"] == 0
    with pytest.raises(Conflict, match="an anchor already"):
        anchor(ws, str(file))


def test_a_file_that_can_only_be_written_to_is_reached_and_cannot_be_asked(ws, tmp_path):
    """A drop box of somebody else's: another user of this machine may append and not read."""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may read everything, and no setpriv")
    file = tmp_path / "log.txt"
    anchor(ws, str(file))
    file.chmod(0o222)
    held = file.read_bytes()
    script = (
        "import sys; from jupyter_mlops.services.anchoring import appended as a\n"
        "assert a.read(sys.argv[1]) is None\n"
        "a.append(sys.argv[1], ['note\\n'])"
    )
    import sys

    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    ours = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
    done = subprocess.run(
        [*(ours if os.geteuid() == 0 else []), sys.executable, "-c", script, file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    file.chmod(0o644)
    assert file.read_bytes() == held + b"\n\nnote\n\n"


def test_an_anchor_that_is_away_holds_nothing_up_and_gets_all_once_it_is_back(
    both, clock, tmp_path
):
    """For a day the disk of the auditor is not there."""
    place = tmp_path / "disk"
    place.mkdir()
    file = place / "log.txt"
    anchor(both, str(file))
    place.rename(tmp_path / "away")
    for _ in range(4):
        clock.turn(hours=6)
        deeds(both, 30)
        reached.tend(both)
    (row,) = anchors(both)["items"]
    assert (row["state"], row["events"], row["behind"]) == ("unreachable", 2, 121)
    assert row["age"] == 24 * 3600
    assert "No such file" in row["because"]
    (said,) = [one for one in examined(both)["items"] if one["subject"] == "anchor"]
    assert said["status"] == "warning"
    assert "signed 1,440 minutes ago; 121 are not there yet." in said["because"]
    told = audit(both, verify=True)
    assert (told["ok"], told["anchors"][0]["ok"]) == (True, None)
    assert b"mlops_anchor_lag_events" in exposition(both.home)
    assert b"} 121.0" in exposition(both.home)
    (tmp_path / "away").rename(place)
    reached.tend(both)
    assert anchors(both)["items"][0]["state"] == "unreachable"  # it is tried again after a minute
    clock.turn(minutes=1)
    reached.tend(both)
    assert anchors(both)["items"][0]["state"] == "current"
    assert notes(file.read_text()) == [2, 33, 93]
    assert audit(both, verify=True)["anchors"][0]["ok"]


def test_an_anchor_of_another_workspace_or_of_a_longer_log_is_not_written_to(ws, tmp_path):
    file = tmp_path / "log.txt"
    other = open_local(tmp_path / "other")
    anchor(other, str(file))
    held = file.read_text()
    with pytest.raises(Conflict, match="not of this log as it is"):
        anchor(ws, str(file))
    assert file.read_text() == held
    mine = tmp_path / "mine.txt"
    anchor(ws, str(mine))
    goes_on(ws)
    longer = mine.read_text().replace(f"\n{notes(mine.read_text())[-1]}\n", "\n99\n")
    mine.write_text(longer)
    goes_on(ws)
    (row,) = anchors(ws)["items"]
    assert (row["state"], mine.read_text()) == ("disagrees", longer)
    assert [one["status"] for one in examined(ws)["items"] if one["subject"] == "anchor"] == [
        "failing"
    ]
    other.engine.dispose()


def test_an_anchor_that_was_removed_gets_nothing_more(ws, tmp_path):
    file = tmp_path / "log.txt"
    anchor(ws, str(file))
    assert anchor(ws, str(file), remove=True)["items"] == []
    held = file.read_text()
    goes_on(ws)
    assert file.read_text() == held
    gone = audit(ws, "anchor:removal:done")["items"][0]
    assert gone["before"] == {"kind": "file", "where": str(file), "events": 2}


# ------------------------------------------------------- a git repository


def test_a_repository_gets_a_commit_for_each_checkpoint_in_a_branch_of_its_own(ws, repository):
    anchor(ws, str(repository))
    goes_on(ws)
    log = ["git", "-C", repository, "log", "--format=%an|%s", "mlops-anchor"]
    said = subprocess.run(log, capture_output=True, text=True, check=True).stdout.split("\n")
    assert said == [
        "jupyter-mlops|Checkpoint of 13 events",
        "jupyter-mlops|Checkpoint of 2 events",
        "",
    ]
    assert notes(pushed.of_clone(repository)) == [2, 13]
    (told,) = audit(ws, verify=True)["anchors"]
    assert (told["kind"], told["ok"], told["events"]) == ("git", True, 13)


def test_what_others_keep_in_a_repository_stays_and_a_rewritten_branch_is_found(ws, repository):
    anchor(ws, str(repository))
    goes_on(ws)
    git = ["git", "-C", repository]
    refs = subprocess.run([*git, "rev-parse", "mlops-anchor~1"], capture_output=True, check=True)
    subprocess.run([*git, "branch", "-f", "mlops-anchor", refs.stdout.strip()], check=True)
    told = audit(ws, verify=True)
    assert "It holds 1 of the 2 checkpoints that were left there" in told["because"]
    assert not told["ok"]
    subprocess.run([*git, "update-ref", "-d", "refs/heads/mlops-anchor"], check=True)
    assert "It holds 0 of the 2" in audit(ws, verify=True)["because"]


def test_a_repository_that_nobody_may_push_to_is_said_and_not_forced(ws, clock, repository):
    hook = repository / "hooks" / "pre-receive"
    anchor(ws, str(repository))
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    goes_on(ws)
    (row,) = anchors(ws)["items"]
    assert (row["state"], row["events"]) == ("unreachable", 2)
    hook.unlink()
    clock.turn(minutes=1)
    reached.tend(ws)
    assert anchors(ws)["items"][0]["events"] == 13


def ended(pid):
    """Say whether a process ends within some seconds, or has; nobody may have asked after it yet."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_remote_that_hangs_is_left_after_a_bounded_time(ws, tmp_path, monkeypatch):
    """An ssh that never answers; what git started ends with it."""
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nsleep 100\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(pushed, "SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="timeout"):
        anchor(ws, "ssh://host.invalid/x.git")
    assert time.monotonic() - began < 20
    assert ended((tmp_path / "pid").read_text().strip())


def test_git_asks_nobody_and_speaks_no_other_protocol(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {tmp_path}/ran")
    with pytest.raises(pushed.Unreached, match="ext"):
        pushed.read(tmp_path / "copies", f"ext::touch {tmp_path}/ran")
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------- a webhook


def test_a_webhook_gets_each_checkpoint_signed_and_cannot_be_asked(ws, clock):
    with Receiver(200, 500, 200) as receiver:
        ws.home.allowed_file.write_text(f"127.0.0.1:{receiver.port}\n")
        ws.home.allowed_file.chmod(0o600)
        told = anchor(ws, receiver.url)
        goes_on(ws)
        assert anchors(ws)["items"][0]["state"] == "unreachable"
        clock.turn(minutes=1)
        reached.tend(ws)
        row = anchors(ws)["items"][0]
        assert (row["state"], row["kind"], row["events"]) == ("current", "webhook", 13)
        assert len(receiver.got) == 3
        assert all("webhook-signature" in headers for _, headers, _ in receiver.got)
    assert told["secret"].startswith("whsec_")
    assert "/hook" not in str(anchors(ws)) + str(audit(ws, "anchor")["items"])
    (verdict,) = audit(ws, verify=True)["anchors"]
    assert (verdict["ok"], "cannot be asked" in verdict["because"]) == (None, True)


# ------------------------------------------------------- words and the watcher


def test_a_watcher_makes_checkpoints_and_leaves_them(ws, tmp_path):
    file = tmp_path / "log.txt"
    anchor(ws, str(file))
    deeds(ws, 100)
    watch(ws, once=True)
    assert notes(file.read_text())[0] == 2
    assert len(notes(file.read_text())) == 2


def test_anchors_are_told_in_words(tmp_path):
    with open_workspace(tmp_path / "workspace") as session:
        assert "No anchor: a cut tail" in str(session.anchors())
        assert "no anchor: a cut tail" in str(session.audit(verify=True, limit=1))
        file = tmp_path / "<b>log.txt"
        said = session.anchor(str(file))
        assert said.line == "1 anchor · 3 events"
        assert "&lt;b&gt;log" in said._repr_mimebundle_()["text/html"]
        assert session.audit(verify=True, limit=1).line.endswith("1 of 1 anchors agree")
        file.write_text("")
        found = session.audit(verify=True, limit=1)
        assert found.line.startswith("✗ ")
        assert "0 of 1 anchors agree" in found.line
        with pytest.raises(Invalid, match="clone it first"):
            session.audit(verify=True, anchor="https://host/x.git")
        with pytest.raises(Invalid, match="cannot be read"):
            session.audit(verify=True, anchor=str(tmp_path / "nothing"))
