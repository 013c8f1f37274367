"""A workspace in one file: one moment of it, proved when it comes out, on either database."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from backedup import ROWS, full, packed, parts
from conftest import own_schema
from jupyter_mlops import open_workspace
from jupyter_mlops.domain.access import the_one_person
from jupyter_mlops.errors import Conflict, Corrupt, Invalid, MlopsError, Unavailable, UsageError
from jupyter_mlops.services import segments
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.backups import files, restoring
from jupyter_mlops.services.backups.writing import backup
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import dumping, tables


@pytest.fixture(scope="module")
def whole(shared_where):
    """A workspace with something of everything, on each database in turn."""
    ws = full(shared_where)
    yield ws
    ws.engine.dispose()


@pytest.fixture(scope="module")
def archived(whole, tmp_path_factory):
    """Its backup."""
    path = tmp_path_factory.mktemp("backups") / "all.tar"
    return path, backup(whole, to=str(path))


def restore(path, to, **more):
    said = {"digest": "", "progress": lambda *_: None, **more}
    return restoring.restore(str(path), to=str(to), actor=the_one_person({}), **said)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def rows(ws):
    """Return every row of a store, as lines."""
    with ws.look() as session:
        return {
            table.name: list(
                dumping.lines(session.connection(), table, [c.name for c in dumping.columns(table)])
            )
            for table in dumping.known()
        }


def test_it_comes_back_as_it_was(whole, archived, tmp_path):
    path, written = archived
    told = restore(path, tmp_path / "new", digest=written["digest"])
    assert (told["rows"], told["files"], told["segments"]) == (written["rows"], written["files"], 1)
    ws = open_local(tmp_path / "new")
    there, was = rows(ws), rows(whole)
    event = json.loads(json.loads(there["audit_event"][-1])[5])
    assert event["action"] == "workspace:restore:done"
    assert (event["seq"], event["prev"]) == (written["events"] + 1, written["head"])
    assert there["audit_event"][:-1] == was["audit_event"][: written["events"]]
    assert [name for name in was if name != "audit_event" and there[name] != was[name]] == []
    assert audit(ws, verify=True)["ok"]
    assert set(files.names(ws.home.folder)) == set(files.names(whole.home.folder))
    assert ws.artifacts.get(next(iter(digests(whole)))) == b"a model \x00\xff"
    ws.engine.dispose()


def digests(ws):
    return {f"sha256:{path.name}" for path in (ws.home.artifacts / "sha256").glob("*/*")}


def test_the_restored_workspace_works_on(archived, tmp_path):
    restore(archived[0], tmp_path / "new")
    ws = open_local(tmp_path / "new")
    segments.seal(ws)
    with ws.look() as session:
        sealed = session.exec(select(tables.Segment.rows)).all()
    assert sorted(sealed) == [3, ROWS]  # the one that was still open came along, and is sealed now
    backup(ws, to=str(tmp_path / "later.tar"))
    assert restore(tmp_path / "later.tar", tmp_path / "newer")["segments"] == 2
    with ws.act("test:deed", subject="x") as act:
        act.session.add(tables.Setting(name="after", value="x"))
        model = act.session.get_one(tables.Model, 1)
        model.owner = "somebody findable"
        act.session.add(model)
    if ws.home.is_sqlite:
        with ws.look() as session:
            found = text("SELECT count(*) FROM listing_grams WHERE listing_grams MATCH 'findable'")
            assert session.execute(found).scalar() == 1
    ws.engine.dispose()


def test_it_moves_between_databases(archived, tmp_path, monkeypatch):
    with own_schema() as url:
        monkeypatch.setenv("JUPYTER_MLOPS_FOLDER", str(tmp_path / "beside"))
        told = restore(archived[0], url)
        ws = open_local(url)
        with ws.act("test:deed", subject="x") as act:
            made = tables.Profile(deployment="shop", part="answers", hour="i", version="buyer:1", role="",
                                  known_at="i", rows=1, shown=b"", sums=b"", counts=b"")  # fmt: skip
            act.session.add(made)  # its number goes on after the restored ones
            act.session.flush()
            assert made.id == 2
        again = backup(ws, to=str(tmp_path / "again.tar"))
        assert again["rows"] == told["rows"] + 3
        with pytest.raises(Conflict) as refused:
            restore(archived[0], url)
        assert refused.value.code == "place_not_empty"
        ws.engine.dispose()
    assert restore(tmp_path / "again.tar", tmp_path / "back")["events"] == again["events"]


def test_no_secret_is_in_it(archived):
    path, told = archived
    data = path.read_bytes()
    assert b"whsec_only_here" not in data
    assert b"only-here-too" not in data
    assert {"server.json", "webhook"} <= set(told["left_out"])
    assert path.stat().st_mode & 0o077 == 0


def test_it_names_itself_in_the_audit_log(whole, archived):
    path, told = archived
    event = audit(whole, "workspace:backup:written")["items"][-1]
    assert event["after"]["digest"] == told["digest"]
    assert event["seq"] == told["events"] + 1
    assert json.loads(parts(path)["manifest.json"])["head"] == told["head"] == event["prev"]


def test_a_place_with_something_in_it_is_refused(archived, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thing").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(Conflict) as refused:
            restore(archived[0], tmp_path / name)
        assert refused.value.code == "place_not_empty"
    with pytest.raises(Unavailable):
        restore(archived[0], tmp_path / "file" / "below")
    assert names_in(tmp_path) == ["file", "folder", "link"]
    assert (tmp_path / "folder" / "thing").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert restore(archived[0], tmp_path / "empty")["where"] == str(tmp_path / "empty")


def test_a_file_that_is_there_is_left_alone_and_the_refusal_remembered(whole, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Conflict):
        backup(whole, to=str(tmp_path / "mine"))
    with pytest.raises(Invalid, match="cannot be written"):
        backup(whole, to=str(tmp_path / "mine" / "below"))
    assert (tmp_path / "mine").read_text() == "mine"
    told = audit(whole, "workspace:backup:refused", limit=2)["items"]
    assert [event["after"]["code"] for event in told] == ["backup_not_writable", "file_exists"]
    assert names_in(tmp_path) == ["mine"]


def test_who_interrupts_leaves_nothing(whole, archived, tmp_path):
    from dataclasses import replace

    def stop(_text, fraction):
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(replace(whole, progress=stop), to=str(tmp_path / "half.tar"))
    with pytest.raises(KeyboardInterrupt):
        restore(archived[0], tmp_path / "half", progress=stop)
    assert names_in(tmp_path) == []
    assert list(whole.home.folder.glob(".backup-*")) == []


def test_others_go_on_writing_while_it_is_written(whole, tmp_path):
    done, errors = threading.Event(), []

    def write():
        ws = open_local(whole.home.where)
        n = 0
        while not done.is_set():
            try:
                with ws.act("test:deed", subject=f"x{n}") as act:
                    act.session.add(tables.Setting(name=f"{id(ws)}-{n}", value="x"))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                errors.append(error)
            n += 1
        ws.engine.dispose()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        written = [backup(whole, to=str(tmp_path / f"{n}.tar")) for n in range(5)]
    finally:
        done.set()
        writer.join()
    assert errors == []
    for n, told in enumerate(written):
        settings = parts(tmp_path / f"{n}.tar")["store/setting.jsonl"].decode()
        events = parts(tmp_path / f"{n}.tar")["store/audit_event.jsonl"].decode()
        made = [line for line in events.splitlines() if "test:deed:done" in line]
        assert settings.count('"x"]') == len(made)
        assert told["ok"]
    assert restore(tmp_path / "4.tar", tmp_path / "new")["events"] == written[4]["events"]


def test_a_drill_proves_tells_and_leaves_nothing(whole, archived, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    path, written = archived
    told = restoring.drilled(whole, str(path), digest="")
    assert (told["drill"], told["known"], told["where"]) == (True, True, "")
    assert (told["rows"], told["segments"]) == (written["rows"], 1)
    assert names_in(tmp_path) == []
    event = audit(whole, "workspace:drill:done")["items"][0]
    assert event["after"]["digest"] == written["digest"]
    with pytest.raises(Corrupt) as refused:
        restoring.drilled(whole, str(path), digest="sha256:" + "0" * 64)
    assert refused.value.code == "backup_other"
    assert audit(whole, "workspace:drill:refused")["items"][0]["after"]["code"] == "backup_other"


def test_what_was_wrong_before_is_kept_and_said(sqlite_workspace, tmp_path):
    ws = sqlite_workspace
    digest = ws.artifacts.put(b"model")
    path = ws.home.artifacts / "sha256" / digest[7:9] / digest[7:]
    path.chmod(0o600)
    path.write_bytes(b"other")
    with ws.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET digest = 'sha256:x' WHERE seq = 1"))
    told = backup(ws, to=str(tmp_path / "a.tar"))
    assert not told["ok"]
    assert told["differing"] == [f"artifacts/sha256/{digest[7:9]}/{digest[7:]}"]
    again = restore(tmp_path / "a.tar", tmp_path / "new")
    assert (again["ok"], again["differing"]) == (False, told["differing"])


EDITS = {
    "store/model.jsonl": (b'"buyer"', b'"bayer"'),
    "store/audit_event.jsonl": (b"test:words", b"test:wards"),
    "store/decision.jsonl": (b"", b'[1,1,"p","approved","recorded",{},"","","","",""]\n'),
    "store/segment.jsonl": (b'"sha256:', b'"sha256:0'),
    "store/setting.jsonl": (b'["id"', b'["ad"'),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_table_is_refused_even_with_a_manifest_that_fits(name, archived, tmp_path):
    told = parts(archived[0])
    before, after = EDITS[name]
    told[name] = told[name].replace(before, after) if before else after
    (tmp_path / "edited.tar").write_bytes(packed(told))
    with pytest.raises(Corrupt) as other:
        restore(tmp_path / "edited.tar", tmp_path / "new", digest=archived[1]["digest"])
    assert other.value.code == "backup_other"
    raw = archived[0].read_bytes()
    if before and len(before) == len(after):
        at = raw.index(before, raw.index(name.encode()))
        (tmp_path / "raw.tar").write_bytes(raw[:at] + after + raw[at + len(after) :])
        with pytest.raises(Corrupt, match=name):
            restore(tmp_path / "raw.tar", tmp_path / "new")
    if name in ("store/audit_event.jsonl", "store/segment.jsonl"):  # other rows are claims
        with pytest.raises(Corrupt):
            restore(tmp_path / "edited.tar", tmp_path / "new")
        assert not [left for left in names_in(tmp_path) if not left.endswith(".tar")]


def test_a_prediction_that_was_changed_is_found_by_its_root(archived, tmp_path):
    import io

    from pyarrow import parquet

    told = parts(archived[0])
    name = next(name for name in told if name.startswith("predictions/"))
    table = parquet.read_table(io.BytesIO(told[name]))
    assert table.num_rows == ROWS
    held = io.BytesIO()
    parquet.write_table(table.slice(1), held)
    old, told[name] = told[name], held.getvalue()
    (tmp_path / "edited.tar").write_bytes(packed(told))
    with pytest.raises(Corrupt, match="predictions/"):
        restore(tmp_path / "edited.tar", tmp_path / "new")
    import hashlib

    swap = [hashlib.sha256(data).hexdigest().encode() for data in (old, told[name])]
    told["store/segment.jsonl"] = told["store/segment.jsonl"].replace(*swap)
    (tmp_path / "more.tar").write_bytes(packed(told))
    with pytest.raises(Corrupt, match="predictions/"):
        restore(tmp_path / "more.tar", tmp_path / "new")


def test_a_hostile_place_or_name_is_one_line(whole, tmp_path):
    for name in ("x\0y", "~nobody-here/x", "\x1b[31m" + "x" * 5000):
        with pytest.raises(MlopsError) as refused:
            backup(whole, to=name)
        assert "\x1b" not in str(refused.value)
        with pytest.raises(MlopsError) as refused:
            restore(name, tmp_path / "new")
        assert "\x1b" not in str(refused.value)
    assert names_in(tmp_path) == []


def test_a_restore_needs_a_place_and_a_drill_none(archived, tmp_path):
    with open_workspace(tmp_path / "ws") as session:
        for more in ({}, {"to": str(tmp_path / "x"), "drill": True}):
            with pytest.raises(UsageError, match="a drill has none"):
                session.restore(str(archived[0]), **more)


def test_the_words_work_where_the_workspace_cannot_be_opened(archived, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir(mode=0o700)
    (broken / "store.db").write_bytes(b"this was a store" * 1000)
    words = [sys.executable, "-m", "jupyter_mlops", "--workspace", str(broken)]

    def typed(*more):
        return subprocess.run([*words, *more], capture_output=True, text=True, check=False)

    told = typed("models")
    assert told.returncode == 1
    assert "The store is damaged" in told.stderr
    assert "restore ARCHIVE --to FOLDER" in told.stderr
    assert "Traceback" not in told.stderr
    told = typed("doctor")
    assert told.stdout.startswith("■ failing: store")
    told = typed("restore", str(archived[0]), "--drill")
    assert told.stdout.startswith("✓ the backup was restored, proved and removed again")
    told = typed("restore", str(archived[0]), "--to", str(tmp_path / "new"))
    assert f"✓ restored and proved: {tmp_path / 'new'}" in told.stdout
    assert Path(broken / "store.db").read_bytes() == b"this was a store" * 1000
