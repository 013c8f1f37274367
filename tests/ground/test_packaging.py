"""What people install: the wheel without Node, and the steps a Binder takes."""

import os
import re
import shutil
import subprocess
import sys
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
def wheel(tmp_path_factory):
    """A wheel built from a copy of what git tracks, with the build's own Node."""
    copy = copied(tmp_path_factory.mktemp("build") / "copy")
    out = copy.parent / "dist"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, copy],
        check=True,
        env={**os.environ, "PATH": without_node()},
    )
    return next(out.glob("*.whl"))


def without_node():
    """Return PATH without any folder that holds Node."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(f for f in folders if not (Path(f) / "node").exists())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel and nothing else of ours."""
    place = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", wheel], check=True)
    return place / "bin"


def run(installed, *words, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    hidden = f"{installed}{os.pathsep}{without_node()}"
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


def test_the_steps_of_a_binder_end_in_a_lab_with_the_tour(tmp_path):
    """What a Binder does, without its container: a bare environment, postBuild, start."""
    home, copy = tmp_path / "home", copied(tmp_path / "repository")
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    place = tmp_path / "env" / "bin"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER"))}
    clean |= {"HOME": str(home), "PATH": f"{place}{os.pathsep}{os.environ['PATH']}"}

    def step(name, *words):
        done = subprocess.run(
            [copy / "binder" / name, *words],
            cwd=copy, env=clean, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr

    step("postBuild")
    assert not (copy / "extension" / "node_modules").exists()
    step("start", "jupyter", "mlops", "models")
    assert (home / ".mlops-workspace").is_dir()
    assert "jupyter-mlops" in step("start", "jupyter", "labextension", "list")
