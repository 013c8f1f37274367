"""A store in hostile hands: whatever is done to it is found, and named in a sentence."""

import shutil
import subprocess

import pytest

import tampered
from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import checkpoints
from jupyter_mlops.services.anchors import anchor
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local

SIZES = (12, 24, 33)


def deeds(ws, upto):
    """Do things until the log has so many events."""
    with ws.look() as session:
        last = session.connection().exec_driver_sql("SELECT max(seq) FROM audit_event").scalar()
    for number in range((last or 0) + 1, upto + 1):
        with ws.act("test:deed", subject="x", reason=f"deed {number}") as act:
            act.after = {"n": number}


@pytest.fixture(scope="module")
def made(shared_where, tmp_path_factory):
    """A log of 33 events, signed at 12, 24 and 33, each time into a file outside."""
    ws = open_local(shared_where)
    file = tmp_path_factory.mktemp("elsewhere") / "log.txt"
    anchor(ws, str(file))
    for size in SIZES:
        deeds(ws, size)
        audit(ws, checkpoint=True, limit=1)
    return tampered.Kept(ws, file)


@pytest.fixture
def ws(made):
    """The log, whole; what was done to it is undone afterwards."""
    yield made.ws
    made.restore()


@pytest.fixture
def file(made):
    """The file that somebody else keeps."""
    return made.file


@pytest.mark.parametrize("way", ["dropped", "around"])
@pytest.mark.parametrize("tamper", tampered.FOUND, ids=lambda one: one.__name__)
def test_tampering_with_the_store_is_found_and_named(ws, tamper, way):
    assert audit(ws, verify=True, limit=1)["ok"]
    with tampered.beside_us(ws, way) as run:
        tamper(run, ws)
    told = audit(ws, verify=True, limit=1)
    said, first = tampered.FOUND[tamper]
    assert (told["ok"], told["first_bad"]) == (False, first)
    assert said in told["because"]


@pytest.mark.parametrize(
    "tamper", [tampered.write_all_anew, tampered.leave_nothing], ids=lambda one: one.__name__
)
def test_a_stolen_key_does_not_help(ws, tamper):
    """Whoever rewrites the log can sign it anew, but nobody takes back what an anchor holds."""
    with tampered.beside_us(ws, "dropped") as run:
        tamper(run, ws)
    deeds(ws, 33)
    assert tampered.signed_anew(ws).size >= 33
    told = audit(ws, verify=True, limit=1)
    assert not told["ok"]
    assert "None of its checkpoints fits" in told["because"]


def test_a_log_that_was_changed_is_not_signed_any_more(ws):
    with tampered.beside_us(ws, "dropped") as run:
        tampered.cut_the_tail(run, ws)
    with pytest.raises(Corrupt, match="not the one that was signed before"):
        checkpoints.made(ws)
    with tampered.beside_us(ws, "dropped") as run:
        tampered.cut_the_tail_and_its_checkpoints(run, ws)
        run("UPDATE audit_event SET body = replace(body, 'deed', 'dead') WHERE seq = 18")
    with pytest.raises(Corrupt, match="look at event 18"):
        checkpoints.made(ws)


# ------------------------------------------------------- tampering with the anchor


def edit_a_size(lines, _other):
    return lines.replace("\n24\n", "\n25\n")


def edit_a_root(lines, _other):
    at = lines.index("\n24\n") + 4
    return lines[:at] + ("B" if lines[at] == "A" else "A") + lines[at + 1 :]


def edit_a_signature(lines, _other):
    at = lines.index(" ", lines.rindex("— ") + 2) + 20
    return lines[:at] + ("B" if lines[at] == "A" else "A") + lines[at + 1 :]


def cut_it(lines, _other):
    return lines[: lines.rindex("jupyter-mlops/", 0, lines.index("\n33\n"))]


def leave_it_empty(_lines, _other):
    return ""


def write_something_else(lines, _other):
    return "Dear diary,\n\n" + lines


def put_in_that_of_another(lines, other):
    return lines + other


FOUND = {
    edit_a_size: "Its checkpoint of 25 events was edited",
    edit_a_root: "Its checkpoint of 24 events was edited",
    edit_a_signature: "Its checkpoint of 33 events was edited",
    cut_it: "It holds 3 of the 4 checkpoints that were left there",
    leave_it_empty: "It holds 0 of the 4 checkpoints",
    write_something_else: "Piece 1 of it is no checkpoint",
    put_in_that_of_another: "is of another workspace, jupyter-mlops/",
}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A checkpoint of another workspace."""
    ws = open_local(tmp_path_factory.mktemp("other"))
    yield f"{checkpoints.made(ws).note}\n"
    ws.engine.dispose()


@pytest.mark.parametrize("tamper", FOUND, ids=lambda one: one.__name__)
def test_tampering_with_the_anchor_is_found_and_named(ws, file, tamper, other):
    file.write_text(tamper(file.read_text(), other))
    told = audit(ws, verify=True, limit=1)
    assert not told["ok"]
    assert FOUND[tamper] in told["because"]
    assert told["anchors"][0]["ok"] is False


def test_a_fork_that_was_signed_shows_in_the_anchor_alone(ws, file, tmp_path):
    """Two copies of one workspace that both go on and both sign."""
    if not ws.home.is_sqlite:
        pytest.skip("a copy of a schema is no copy of a folder")
    ws.engine.dispose()
    shutil.copytree(ws.home.folder, tmp_path / "copy")
    copy = open_local(tmp_path / "copy")
    deeds(copy, 40)
    note = checkpoints.made(copy).note
    deeds(ws, 40)
    audit(ws, checkpoint=True, limit=1)
    assert audit(ws, verify=True, limit=1)["ok"]
    file.write_text(f"{file.read_text()}{note}\n")
    told = audit(ws, verify=True, limit=1)
    assert "two checkpoints of 40 events that contradict one another" in told["because"]
    copy.engine.dispose()


def test_what_was_torn_off_while_it_was_written_is_no_forgery(ws, file):
    """A disk was full in the middle of a checkpoint; it is written whole once there is room."""
    whole = file.read_text()
    at = whole.rindex("\njupyter-mlops/", 0, whole.index("\n33\n")) + 1
    for cut in (at + 3, at + 60, at + 110, len(whole) - 40, len(whole) - 2):
        file.write_text(f"{whole[:cut]}\n\n{whole[at:]}")
        assert audit(ws, verify=True, limit=1)["ok"], cut


# ------------------------------------------------------- an auditor elsewhere


def test_an_auditor_needs_a_copy_of_the_store_and_one_of_the_anchor(ws, file, tmp_path):
    if not ws.home.is_sqlite:
        pytest.skip("copies a folder")
    repository = tmp_path / "anchor.git"
    subprocess.run(["git", "init", "-q", "--bare", repository], check=True)
    anchor(ws, str(repository))
    deeds(ws, 50)
    audit(ws, checkpoint=True, limit=1)
    ws.engine.dispose()
    (tmp_path / "theirs").mkdir()
    shutil.copy(ws.home.database, tmp_path / "theirs" / "store.db")
    clone = tmp_path / "clone"
    asked = ["git", "clone", "-q", "--branch", "mlops-anchor", repository, clone]
    subprocess.run(asked, check=True)
    with open_workspace(tmp_path / "theirs") as session:
        for place in (file, clone, repository):
            told = session.audit(verify=True, anchor=str(place))
            assert (told.ok, [one["ok"] for one in told.anchors]) == (True, [True]), told.because
        with tampered.beside_us(session.door.ws, "dropped") as run:
            tampered.anew(run, 30)
        for place in (file, clone, repository):
            told = session.audit(anchor=str(place))
            assert (told.ok, told.first_bad) == (False, 25 if place == file else 1)
