"""Anchors on other machines: a repository that others push to, and a webhook."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from anchoring import goes_on, notes
from jupyter_mlops.errors import Unavailable
from jupyter_mlops.services.anchoring import pushed, reached
from jupyter_mlops.services.anchors import anchor, anchors
from jupyter_mlops.services.audit import audit
from receivers import Receiver


@pytest.fixture
def ws(turned):
    """A workspace whose time is turned by hand."""
    return turned


@pytest.fixture
def repository(tmp_path):
    """An empty bare repository."""
    path = tmp_path / "anchor.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    return path


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
