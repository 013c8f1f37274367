"""`jupyter mlops` in a real terminal's process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from foreign import Foreign, allow
from jupyter_mlops import __version__, open_workspace
from jupyter_mlops.config import find_home
from stories import tumours


def typed(*words, stdin=None, **more):
    """Type a line; return what the process said and how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "jupyter_mlops", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **more,
    )


def test_the_words_are_printed():
    done = typed()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing is registered yet")


def test_json_is_what_python_gets(tmp_path):
    done = typed("audit", "--verify", "--json")
    with open_workspace() as session:
        assert json.loads(done.stdout) == session.audit(verify=True).to_dict()


def test_the_audit_log_is_written_to_a_file_once(tmp_path):
    done = typed("audit", "--verify", "--export", "log.zip", cwd=tmp_path)
    assert done.stdout.startswith("✓ All 1 events follow from one another · ✓ the audit log")
    assert f"written to {tmp_path / 'log.zip'} · 1 event · the last of them is" in done.stdout
    again = typed("audit", "--export", "log.zip", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "is there already" in again.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["shw"], 2, "Did you mean show?"),
        (["show"], 2, "show needs REF."),
        (["show", "x:1", "--jsn"], 2, "show has no option --jsn."),
        (["show", "x:1"], 1, "Hint: "),
        (["show", "?"], 1, "does not name a version"),
        (["register", "nowhere.skops", "--name", "x"], 2, "There is no file nowhere.skops."),
        (["register", "--name", "x"], 2, "register needs MODEL."),
        (["register", "http://127.0.0.1:9/", "--name", "x"], 1, "there are none."),
        (["register", "--name", "x", "--elsewhere", "SAP"], 1, "Hint: say them"),
        (["register", "--name", "x", "--elsewhere", "SAP", "--task", "bin"], 2, "binary"),
        (["--workspace"], 2, "needs a value"),
        (["--workspace", "ftp://x", "models"], 1, "is not a place for a workspace"),
        (["--workspace", "http://127.0.0.1:9/", "models"], 1, "does not answer"),
    ],
)
def test_what_went_wrong_is_one_line_and_a_code(words, code, told):
    done = typed(*words)
    assert done.returncode == code
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_model_elsewhere_is_registered_by_its_address_or_by_name(tmp_path):
    _, train, holdout = tumours()
    train.to_parquet(tmp_path / "train.parquet")
    holdout.to_csv(tmp_path / "holdout.csv", index=False)
    data = ["--train", str(tmp_path / "train.parquet"), "--target", "target"]
    with Foreign() as server:
        refused = typed("register", server.url, "--name", "tumour", *data)
        assert (refused.returncode, "webhook-allowed.txt" in refused.stderr) == (1, True)
        allow(find_home().folder, server)
        more = ["--holdout", str(tmp_path / "holdout.csv"), *data]
        done = typed("register", server.url, "--name", "tumour", *more)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"runs elsewhere, at {server.url}" in done.stdout
    done = typed("register", "--name", "tumour", "--elsewhere", "core banking", *data)
    assert done.stdout.startswith("✓ tumour:2 registered")
    assert "known only by name: core banking" in done.stdout


def test_help_and_version_are_printed():
    assert "register" in typed("--help").stdout
    assert typed("register", "--help").stdout.startswith("register [MODEL] --name MODEL-NAME")
    assert typed("--version").stdout.strip() == __version__


def test_a_reader_that_leaves_early_is_no_error():
    words = [sys.executable, "-m", "jupyter_mlops", "--help"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        done.stdout.close()
        assert done.stderr.read() == b""
        assert done.wait(60) == 1


def test_rows_come_from_standard_input():
    done = typed("predict", "nowhere", "-", stdin="a,b\n1,2\n")
    assert done.returncode == 1
    assert done.stderr.startswith("No deployment is called nowhere.")


def test_the_terminal_speaks_the_readers_language(monkeypatch):
    monkeypatch.setenv("JUPYTER_MLOPS_LANGUAGE", "ja")
    told = typed("shw").stderr
    assert any("\u3040" <= sign <= "\u30ff" for sign in told)
