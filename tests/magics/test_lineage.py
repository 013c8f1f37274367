"""What a version knows of the notebook that made it: real notebooks, real kernels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from conftest import real_data
from notebooks import ADULT, IDS, TESTS, executed, opened, tumour

pytestmark = pytest.mark.slow
RERUN = "Restart the kernel and run all cells, then register again."


def lineage_of(path, ref="tumour:1"):
    """Return the lineage of a version that a notebook registered."""
    with opened(path) as ws:
        return ws.lineage(ref).to_dict()


def told_of(told):
    """Return the cells of a lineage by id, in order."""
    return [cell["cell"] for cell in told["cells"]]


def again(path, *, changed=None, without=()):
    """Save the notebook anew, as somebody edits it while its kernel runs."""
    book = nbformat.read(path, as_version=4)
    book.cells = [cell for cell in book.cells if cell["id"] not in without]
    for cell in book.cells:
        cell["source"] = (changed or {}).get(cell["id"], cell["source"])
    nbformat.write(book, path)


def test_the_whole_adult_story_is_traced_to_its_cells(tmp_path):
    folder = real_data("adult-train.csv").parent
    path = tmp_path / "training.ipynb"
    shown = executed(path, dict(zip(IDS, ADULT, strict=True)), ADULT=str(folder))
    assert "register" in IDS
    told = lineage_of(path, "income:1")
    assert told["state"] == "clean"
    assert told["warnings"] == []
    assert told_of(told) == IDS
    assert [cell["source"] for cell in told["cells"]] == ADULT
    assert [cell["execution_count"] for cell in told["cells"]] == list(range(1, 10))
    files = {node["name"]: node for node in told["items"] if node["kind"] == "data"}
    assert set(files) == {str(folder / f"adult-{part}.csv") for part in ("train", "test")}
    assert all(node["digest"].startswith("sha256:") for node in files.values())
    assert "▲" not in shown["register"]
    read_by = {edge["source"]: edge["target"] for edge in told["edges"]}
    train = files[str(folder / "adult-train.csv")]["id"]
    names = {node["id"]: node["name"] for node in told["items"]}
    assert names[read_by[train]] == "cell [4]"


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (["load", "data", "drop", "drop", "fit", "register", "show"], "ran more than once"),
        (["load", "data", "fit", "register", "show"], "never ran"),
    ],
)
def test_what_a_run_from_the_top_would_not_give_is_warned_of(tmp_path, order, said):
    path = tmp_path / "training.ipynb"
    drop = "train_df = train_df.iloc[1:]"
    shown = executed(path, tumour(drop=drop), order)
    told = lineage_of(path)
    assert told["state"] == "hidden"
    assert RERUN in told["warnings"]
    assert RERUN in shown["show"]
    assert any(said in one for one in told["warnings"])


def test_out_of_order_names_the_cell_that_ran_too_late(tmp_path):
    path = tmp_path / "training.ipynb"
    executed(path, tumour(), ["load", "data", "fit", "drop", "register"])
    told = lineage_of(path)
    assert told_of(told) == ["load", "data", "fit", "drop", "register"]
    assert any(one.startswith("Cell [4] ran after a cell") for one in told["warnings"])


def test_a_cell_that_was_edited_after_it_ran_is_warned_of(tmp_path):
    path = tmp_path / "training.ipynb"
    edited = {"drop": "train_df = train_df.iloc[5:]"}
    executed(path, tumour(), meanwhile={"register": lambda path: again(path, changed=edited)})
    told = lineage_of(path)
    assert told["state"] == "hidden"
    assert any(one.startswith("Cell [3] was edited after it ran") for one in told["warnings"])


def test_a_cell_that_was_deleted_is_warned_of(tmp_path):
    path = tmp_path / "training.ipynb"
    executed(path, tumour(), meanwhile={"register": lambda path: again(path, without=["drop"])})
    told = lineage_of(path)
    assert any(one.startswith("Cell [3] made ") for one in told["warnings"])
    assert "drop" in told_of(told)


def test_registering_again_from_the_top_proves_the_same_version(tmp_path):
    path = tmp_path / "training.ipynb"
    cells = tumour(drop="train_df = train_df[train_df['mean radius'] > 8]")
    executed(path, cells, ["load", "data", "drop", "drop", "fit", "register"])
    assert lineage_of(path)["state"] == "hidden"
    executed(path, cells)
    assert lineage_of(path)["state"] == "clean"
    with opened(path) as ws:
        assert len(ws.show("tumour:1").warnings) == 0
        assert "version:lineage:done" in [event["action"] for event in ws.audit()]


def test_a_notebook_without_path_and_ids_says_what_it_knows(tmp_path):
    path = tmp_path / "training.ipynb"
    executed(path, tumour(), with_path=False, with_ids=False)
    told = lineage_of(path)
    assert [cell["execution_count"] for cell in told["cells"]] == [1, 2, 3, 4, 5]
    assert told["state"] == "unknown"
    assert any("MLOPS_NOTEBOOK" in one for one in told["unknown"])


def test_cells_before_the_extension_was_loaded_are_known_from_history(tmp_path):
    path = tmp_path / "training.ipynb"
    cells = tumour()
    executed(path, cells, ["data", "drop", "fit", "load", "register"])
    told = lineage_of(path)
    assert [cell["execution_count"] for cell in told["cells"]] == [1, 2, 3, 4, 5]
    assert told["state"] == "clean"


def test_secrets_and_cells_that_had_no_part_are_not_kept(tmp_path):
    path = tmp_path / "training.ipynb"
    cells = tumour(
        drop="API_TOKEN = 'hunter2'; url = 'postgresql://ann:hunter3@db/x'\n"
        "train_df = train_df.assign()"
    )
    executed(path, {"load": cells["load"], "aside": "other = 'hunter4'", **cells})
    told = lineage_of(path)
    kept = (path.parent / "workspace" / "store.db").read_bytes()
    assert told_of(told) == ["load", "data", "drop", "fit", "register"]
    assert b"hunter" not in kept
    assert any("secret" in one for one in told["warnings"])


def test_plain_ipython_knows_its_cells(tmp_path):
    lines = list(tumour().values())[:-1]
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {lines!r}:\n"
        "    shell.run_cell(cell, store_history=True).raise_error()\n"
    )
    run(code, tmp_path)
    told = lineage_of(tmp_path / "x.ipynb")
    assert [cell["execution_count"] for cell in told["cells"]] == [1, 2, 3, 4, 5]
    assert [cell["source"] for cell in told["cells"]] == lines


def test_a_script_is_kept_whole(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "from stories import registered\nfrom jupyter_mlops import open_workspace\n"
        "with open_workspace() as ws: registered(ws)\n"
    )
    run(script, tmp_path)
    told = lineage_of(tmp_path / "x.ipynb")
    assert [cell["source"] for cell in told["cells"]] == [script.read_text()]
    assert any("script" in one for one in told["unknown"])


def test_a_repository_tells_commit_changes_and_remote_without_its_login(tmp_path):
    path = tmp_path / "repo" / "training.ipynb"
    path.parent.mkdir()
    git = ["git", "-C", str(path.parent), "-c", "user.name=Ann", "-c", "user.email=a@example.org"]
    (path.parent / "prep.py").write_text("KEY = 1\n")
    for words in (
        ["init", "-q"],
        ["add", "prep.py"],
        ["commit", "-qm", "first"],
        ["remote", "add", "origin", "https://ann:hunter2@example.org/a.git"],
    ):
        subprocess.run([*git, *words], check=True)
    (path.parent / "prep.py").write_text("KEY = 1\nPASSWORD = 'hunter3'\n")
    executed(path, tumour())
    git = lineage_of(path)["git"]
    assert len(git["commit"]) == 40
    assert git["dirty"] is True
    assert git["changed"] == ["prep.py"]
    assert "+PASSWORD = '[redacted]'" in git["diff"]
    assert git["remote"] == "https://example.org/a.git"


def run(code, folder):
    """Run a script, or code, in a process of its own."""
    import os

    words = [str(code)] if isinstance(code, Path) else ["-c", code]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "JUPYTER_MLOPS_WORKSPACE": str(folder / "workspace"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    subprocess.run([sys.executable, *words], env=environ, check=True, cwd=folder)
