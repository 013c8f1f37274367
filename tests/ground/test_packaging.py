"""What people install: the wheel without Node, and the steps a Binder takes."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def copied(copy):
    """Return a copy of what git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def binder(tmp_path_factory):
    """What a Binder makes, without its container: the repository, a bare environment, postBuild.

    The wheel is built there with the build's own Node, as no other is to be found.
    """
    place = tmp_path_factory.mktemp("binder")
    repository, home = copied(place / "repository"), place / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", place / "env"], check=True)
    made = Binder(repository, home, place / "env" / "bin")
    made.step("postBuild")
    return made


@dataclass(frozen=True)
class Binder:
    """A repository, the home of whoever opened it, and the programs of its environment."""

    repository: Path
    home: Path
    programs: Path

    def step(self, name, *words):
        """Run a script of the folder ``binder`` and return what it said."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER"))}
        clean |= {
            "HOME": str(self.home),
            "PATH": f"{self.programs}{os.pathsep}{without_node(self.home / 'no-node')}",
        }
        done = subprocess.run(
            [self.repository / "binder" / name, *words],
            cwd=self.repository, env=clean, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr


def without_node(folder):
    """Return PATH with a folder before all others, whose Node is none."""
    folder.mkdir(exist_ok=True)
    for name in ("node", "npm", "npx", "yarn"):
        (folder / name).write_text("#!/bin/sh\necho there is no Node here >&2\nexit 127\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def installed(binder):
    """The programs of a fresh environment with our wheel and nothing else of ours."""
    return binder.programs


def run(installed, *words, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    hidden = f"{installed}{os.pathsep}{without_node(installed.parent / 'no-node')}"
    return subprocess.run(
        [str(installed / words[0]), *words[1:]], capture_output=True, text=True, check=False,
        env={**clean, "PATH": hidden}, **options,
    )  # fmt: skip


def test_the_wheel_needs_no_node_and_its_extensions_are_on(installed):
    lab = run(installed, "jupyter", "labextension", "list")
    told = lab.stdout + lab.stderr
    assert "jupyter-mlops" in told
    line = next(line for line in told.splitlines() if "jupyter-mlops" in line)
    assert "enabled" in line
    assert "OK" in line
    server = run(installed, "jupyter", "server", "extension", "list")
    assert "jupyter_mlops_lab" in server.stdout + server.stderr


def test_the_tour_runs_against_the_wheel(installed, tmp_path):
    (tmp_path / "binder").mkdir()
    for name in ("run_tour.py", "tour.ipynb", "loan_book.py"):
        shutil.copy2(ROOT / "binder" / name, tmp_path / "binder" / name)
    done = run(installed, "python", "binder/run_tour.py", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = re.search(r"All (\d+) events follow from one another", done.stdout)
    assert told  # the deeds of the tour, and what the watcher has kept meanwhile
    assert int(told[1]) >= 16
    assert (tmp_path / "demo" / "executive.html").stat().st_size > 10_000


def test_the_command_line_finds_the_tour_and_the_dashboard(installed, tmp_path):
    done = run(installed, "jupyter", "mlops", "tour", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mlops-tour" / "tour.ipynb").exists()


def test_a_binder_opens_a_lab_with_the_tour_and_keeps_no_build(binder):
    assert not (binder.repository / "extension" / "node_modules").exists()
    binder.step("start", "jupyter", "mlops", "models")
    assert (binder.home / ".mlops-workspace").is_dir()
    assert "jupyter-mlops" in binder.step("start", "jupyter", "labextension", "list")
