"""The house keeps its shape."""

import ast
import json
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kernel_magics" / "jupyter_mlops"
SOURCES = [
    path
    for folder in (PACKAGE, ROOT / "extension" / "jupyter_mlops_lab")
    for path in sorted(folder.rglob("*.py"))
    if "migrations" not in path.parts and "labextension" not in path.parts
]
SENTENCES = {
    "errors.py": "What can go wrong, and what to do about it.",
    "domain": "When something may happen, decided from values alone.",
    "stats": "Arrays in, numbers out.",
    "config.py": "Where things are; read once.",
    "formats": "A model in, bytes out; bytes in, a scorer out.",
    "store": "What is remembered, and in what shape.",
    "services": "One function per deed; no deed without its line in the audit log.",
    "charts": "Tables in, pictures out.",
    "papers": "What others will read.",
    "commands": "The words people type, and the deed each one names.",
    "magics": "Read the line, do it, show the answer.",
    "widgets": "A form for a deed.",
    "serving": "Answers predictions, remembers them, knows when to doubt.",
}
HEAVY = ("sqlmodel", "pandas", "altair", "scipy", "sklearn", "onnxruntime", "pyarrow", "uvicorn")


@pytest.mark.parametrize(("room", "sentence"), SENTENCES.items())
def test_every_room_begins_with_its_sentence(room, sentence):
    path = PACKAGE / room
    file = path if path.suffix else path / "__init__.py"
    assert ast.get_docstring(ast.parse(file.read_text())).splitlines()[0] == sentence


def test_files_are_short():
    long = {p.name: n for p in SOURCES if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def functions():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                yield path.name, node.name, (node.end_lineno - body[0].lineno + 1) if body else 0


def test_functions_are_small():
    found = list(functions())
    assert [f for f in found if f[2] > 60] == []
    assert statistics.median(f[2] for f in found) <= 8
    assert statistics.quantiles([f[2] for f in found], n=10)[-1] <= 25


def test_nothing_is_called_after_not_knowing_where_it_belongs():
    assert not [p for p in SOURCES if p.stem in ("utils", "helpers", "common", "manager", "misc")]


def test_the_arrows_between_rooms_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_loading_the_extension_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'jupyter_mlops')\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_versions_agree():
    from jupyter_mlops import __version__

    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    front = json.loads((ROOT / "extension" / "package.json").read_text())["version"]
    assert told == front == __version__


def test_nothing_that_runs_code_when_read_is_ever_loaded():
    banned = re.compile(r"\b(pickle|joblib|cloudpickle|dill)\.loads?\(|allow_pickle=True")
    assert not [p.name for p in SOURCES if banned.search(p.read_text())]


@pytest.mark.parametrize("script", ["verify.py", "roots.py"])
def test_the_verifiers_of_the_audit_log_are_short_and_need_python_alone(script):
    text = (PACKAGE / "services" / "export" / script).read_text()
    tree = ast.parse(text, feature_version=(3, 8))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in imports
        for name in node.names
    }
    assert len(text.splitlines()) <= 60
    assert max(map(len, text.splitlines())) <= 100
    assert names <= sys.stdlib_module_names
    assert not re.search(r"\b(jupyter_mlops|import jupyter|exec|eval|__import__)\b", text)


def test_the_front_end_never_writes_markup():
    folder = ROOT / "extension" / "src"
    banned = ("innerHTML", "dangerouslySetInnerHTML", ": any")
    assert not [p.name for p in folder.rglob("*.ts*") for word in banned if word in p.read_text()]


@pytest.mark.parametrize("path", [*ROOT.glob("binder/*.ipynb"), *ROOT.glob("dashboards/*.ipynb")])
def test_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert not [c for c in cells if c.get("outputs") or c.get("execution_count")]
