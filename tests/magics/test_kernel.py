"""`%mlops` in a real kernel, through real messages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from jupyter_mlops import open_workspace

TESTS = Path(__file__).parents[1]
HEAVY = ("sqlmodel", "pandas", "numpy", "altair", "scipy", "sklearn", "onnxruntime", "pyarrow")


class Notebook:
    """A kernel, and what its cells show."""

    def __init__(self, client) -> None:
        self.client = client

    def run(self, code, **metadata):
        """Run a cell; return what it shows as text, or raise what it refused with."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        shown = []
        while True:
            told = self.client.get_iopub_msg(timeout=60)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, content = told["msg_type"], told["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind in ("execute_result", "stream", "error"):
                shown.append(content)
        return shown

    def text(self, code, **metadata):
        """Run a cell that works; return its text."""
        shown = self.run(code, **metadata)
        assert not [told for told in shown if "ename" in told], shown
        return "".join(told.get("text") or told["data"]["text/plain"] for told in shown)

    def refusal(self, code):
        """Run a cell that is refused; return the class of the error and what is shown."""
        (told,) = self.run(code)
        return told["ename"], "\n".join(told["traceback"])

    def complete(self, code):
        """Return what may come at the end of the code."""
        asked = self.client.complete(code, len(code))
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == asked:
                return reply["content"]["matches"]


def begun(folder, **more):
    """Start a kernel."""
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "JUPYTER_MLOPS_WORKSPACE": str(folder / "workspace"),
        "JUPYTER_MLOPS_LANGUAGE": "en",
        **more,
    }
    manager, client = start_new_kernel(kernel_name="python3", env=environ)
    return manager, Notebook(client)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A notebook with a fitted model, its frames, and one registered version."""
    folder = tmp_path_factory.mktemp("kernel")
    manager, notebook = begun(folder, JPY_SESSION_NAME=str(folder / "training.ipynb"))
    notebook.text("%load_ext jupyter_mlops")
    notebook.text("from stories import tumours; model, train_df, test_df = tumours()")
    notebook.text(
        "v = %mlops register model --name tumour --train train_df --target target --holdout test_df",
        cellId="cell-of-training",
    )
    notebook.text("asked = %mlops request v --for clinic --reason 'first release'")
    yield notebook
    notebook.client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_loading_is_quick_and_imports_nothing_heavy(tmp_path):
    manager, notebook = begun(tmp_path)
    seconds = (
        "import time; began = time.perf_counter()\n%load_ext jupyter_mlops\n"
        "print(time.perf_counter() - began)"
    )
    loaded = f"import sys; print([m for m in {HEAVY} if m in sys.modules])"
    try:
        assert float(notebook.text(seconds)) < 0.3
        assert notebook.text(loaded).strip() == "[]"
        notebook.text("%unload_ext jupyter_mlops")
        assert "`%mlops` not found" in notebook.text("%mlops")
        assert "register" not in notebook.complete("%mlops reg")
    finally:
        notebook.client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_audit_log_is_exported_from_a_cell(notebook, tmp_path):
    shown = notebook.text(f"log = %mlops audit --export {tmp_path}/\nlog")
    assert f"✓ the audit log is written to {tmp_path / 'audit-log.zip'}" in shown
    assert int(notebook.text("log.export['events']")) > 2
    assert notebook.refusal(f"%mlops audit --export {tmp_path}/")[0] == "Conflict"


def test_a_bare_word_shows_what_needs_you(notebook):
    assert notebook.text("%mlops").startswith("Models: 1")
    assert "%mlops approve 1" in notebook.text("%mlops")


def test_an_answer_is_an_object_to_go_on_with(notebook):
    assert notebook.text("v.ref, asked.ref, asked.id") == "('tumour:1', 'tumour:1', 1)"
    assert notebook.text("list(v.to_frame()['ref'])") == "['tumour:1']"
    assert "tumour:1" in notebook.text("%mlops show v")


def test_an_answer_shows_itself_in_words_and_in_html(notebook):
    (told,) = notebook.run("%mlops show tumour:1")
    assert told["data"]["text/plain"].startswith("tumour:1 · ")
    assert '<div class="jp-mlops">' in told["data"]["text/html"]


def test_the_version_knows_its_notebook_and_its_cell(notebook):
    known = notebook.text("v.lineage['notebook'], v.lineage['cell'], v.lineage['execution_count']")
    assert "training.ipynb" in known
    assert "cell-of-training" in known
    assert "%mlops register model" in notebook.text("print(v.lineage['source'])")


def test_expressions_and_names_are_put_in_as_one_word(notebook):
    notebook.text("why = \"it's 'quoted' and has spaces\"")
    notebook.text("q = %mlops request tumour:{1} --for clinic2 --reason $why")
    assert notebook.text("print(q.reason)").strip() == "it's 'quoted' and has spaces"
    kept = notebook.text(
        "w = %mlops register {model} --name other --train {train_df[train_df.target >= 0]} "
        "--target target --metrics '{\"seen\": 0.5}'\nw.metrics['seen']['value']"
    )
    assert kept == "0.5"


def test_a_magic_inside_a_function_sees_its_variables(notebook):
    code = "def f(version):\n    return get_ipython().run_line_magic('mlops', 'show version')\nf(v).ref"
    assert notebook.text(code) == "'tumour:1'"


def test_the_body_of_a_cell_is_rows(notebook):
    name, told = notebook.refusal("%%mlops predict clinic\nmean radius\n1.0")
    assert name == "NotFound"
    assert told.startswith("No deployment is called clinic.")


@pytest.mark.parametrize(
    ("line", "name", "told"),
    [
        ("%mlops shw tumour:1", "UsageError", "Did you mean show?"),
        ("%mlops show tumor:1", "NotFound", "Hint: "),
        ("%mlops register modle --name x", "UsageError", "Did you mean model?"),
        ("%mlops register model --name x --train trian_df", "UsageError", "Did you mean train_df?"),
        ("%mlops register model --name x --risk hihg", "UsageError", "Did you mean high?"),
        ("%mlops approve one", "UsageError", "wants a whole number"),
        ("%%mlops models\nabc", "UsageError", "no use for the text below"),
    ],
)
def test_what_a_person_got_wrong_is_one_line(notebook, line, name, told):
    assert notebook.refusal(line)[0] == name
    shown = notebook.refusal(line)[1]
    assert told in shown
    assert "\n" not in shown


def test_an_error_is_told_in_the_readers_language(notebook):
    notebook.text("import os; os.environ['JUPYTER_MLOPS_LANGUAGE'] = 'ja'")
    told = notebook.refusal("%mlops shw tumour:1")[1]
    notebook.text("os.environ['JUPYTER_MLOPS_LANGUAGE'] = 'en'")
    assert any("\u3040" <= sign <= "\u30ff" for sign in told)


def test_help_is_the_signature_and_the_docstring(notebook):
    told = notebook.text("%mlops request --help")
    assert told.startswith("request REF --for DEPLOYMENT")
    assert "Ask that a version may serve a deployment" in told
    assert "register" in notebook.text("%mlops --help")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("%mlops reg", ["register"]),
        ("x = %mlops aud", ["audit"]),
        ("%%mlops aud", ["audit"]),
        ("%mlops request tumour:1 --f", ["--for"]),
        ("%mlops register model --risk m", ["moderate"]),
        ("%mlops register mod", ["model"]),
        ("%mlops register model --name x --train tr", ["train_df"]),
        ("%mlops register model --name tu", ["tumour"]),
        ("%mlops show tu", ["tumour:1"]),
        ("%mlops show tumour:", ["tumour:1"]),
        ("%mlops approve ", ["--comment", "1"]),
    ],
)
def test_the_next_word_is_proposed(notebook, typed, expected):
    found = notebook.complete(typed)
    assert found[: len(expected)] == expected


def test_the_json_of_an_answer_can_be_asked_for(notebook):
    assert notebook.text("d = %mlops show tumour:1 --json\ntype(d).__name__") == "'dict'"


def test_another_workspace_can_be_opened(notebook, tmp_path):
    first = notebook.text("here = %mlops use\nprint(here.folder)").strip()
    assert str(tmp_path) in notebook.text(f"%mlops use {tmp_path}/second")
    assert notebook.text("m = %mlops models\nlen(m)") == "0"
    notebook.text(f"%mlops use {first}")
    assert notebook.text("m = %mlops models\nlen(m) > 0") == "True"


def test_rules_in_a_cell_and_a_canary_in_lines(tmp_path):
    manager, notebook = begun(tmp_path)
    try:
        notebook.text("%load_ext jupyter_mlops")
        notebook.text("from stories import *; from jupyter_mlops import open_workspace")
        notebook.text("with open_workspace() as ws: v = deployed(ws)")
        rules = "humility:\n  - {name: unsure, when: uncertain, between: [0, 1], then: note}"
        told = notebook.text(f"%%mlops rules clinic\n{rules}")
        assert told.startswith("✓ rules 1 of clinic are in force, 1 of humility")
        told = notebook.text("%%mlops policy firm --reason strict\nasks: {approvers: 2}")
        assert told.startswith("✓ policy firm is in force, version 1")
        assert told.endswith("asks: {approvers: 2}")
        name, told = notebook.refusal("%%mlops policy firm\nasks: {approvers: 1}")
        assert (name, "request 2 asks for it" in told) == ("Refused", True)
        told = notebook.text("%%mlops policy other --dry-run 30d\nasks: {approvers: 3}")
        assert told.startswith("Of 1 past changes 1 would have needed more")
        name, told = notebook.refusal("%%mlops rules clinic\nhumilty: []")
        assert name == "Invalid"
        assert "did you mean humility?" in told
        name, told = notebook.refusal("%mlops deploy tumour:1 --to clinic --share 2")
        assert "A share is above 0 and at most 1, not 2" in told
        name, told = notebook.refusal("%mlops promote clinic")
        assert "tries nothing out" in told
        notebook.text("%mlops stop")
    finally:
        notebook.client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_model_elsewhere_is_registered_in_a_cell(notebook):
    data = "--train train_df --target target --holdout test_df"
    notebook.text(
        "from foreign import Foreign, allow; from pathlib import Path; import os\n"
        "server = Foreign(); allow(Path(os.environ['JUPYTER_MLOPS_WORKSPACE']), server)"
    )
    try:
        told = notebook.text(f"%mlops register {{server.url}} --name away {data}")
        assert told.startswith("✓ away:1 registered")
        assert "answered 5 rows in" in told
    finally:
        notebook.text("server.__exit__()")
    told = notebook.text(f"%mlops register --name away --elsewhere 'core banking' {data}")
    assert "known only by name: core banking" in told
    kind, said = notebook.refusal("%mlops register http://10.0.0.1/ --name away " + data)
    assert (kind, "is inside" in said, said.count("\n")) == ("Invalid", True, 0)


FORGED = """
import getpass, os
for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "JUPYTERHUB_USER", "GIT_AUTHOR_NAME"):
    os.environ[name] = "the-boss"
getpass.getuser = lambda: "the-boss"
%load_ext jupyter_mlops
"""


def test_k08_a_name_that_a_kernel_gives_itself_is_a_claim_and_nobody(tmp_path):
    manager, notebook = begun(tmp_path, USER="the-boss", JUPYTERHUB_USER="the-boss")
    notebook.run(FORGED)
    notebook.run("%mlops policy own 'asks: {approvers: 1}' --reason mine")
    notebook.client.stop_channels()
    manager.shutdown_kernel(now=True)
    with open_workspace(tmp_path / "workspace") as session:
        actors = [event["actor"] for event in session.audit()]
    assert {actor["id"] for actor in actors} == {"owner"}
    assert {actor["assurance"] for actor in actors} == {"recorded"}
    assert {actor["claims"]["user"] for actor in actors} == {"the-boss"}
