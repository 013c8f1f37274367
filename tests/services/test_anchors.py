"""Anchors: reached at once or not added, left what they lack later, and never in the way."""

import os
import shutil
import subprocess
import sys

import pytest

from anchoring import deeds, goes_on, notes
from jupyter_mlops import open_workspace
from jupyter_mlops.domain import anchored
from jupyter_mlops.errors import Conflict, Invalid, MlopsError, NotFound, Unavailable
from jupyter_mlops.services.anchoring import reached
from jupyter_mlops.services.anchors import anchor, anchors
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.doctor import examined
from jupyter_mlops.services.watching import watch
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.serving.anchored import exposition


@pytest.fixture
def ws(turned):
    """A workspace whose time is turned by hand."""
    return turned


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
