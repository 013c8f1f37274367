"""Processes of models branch off a stem, and are as fresh as if they had begun from nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_mlops.errors import Invalid
from jupyter_mlops.formats import process
from jupyter_mlops.formats.stem import Stem

ALLOCATOR = "jemalloc_bg_thd"
HERE = Path(__file__).parent


@pytest.fixture(params=["branches off", "from nothing"])
def ways(request, monkeypatch):
    """Both ways in which a process begins; the stems are this test's own."""
    monkeypatch.setenv("PYTHONPATH", f"{HERE}:{os.environ.get('PYTHONPATH', '')}")
    if request.param == "from nothing":
        monkeypatch.setattr(process.sys, "platform", "elsewhere")
    monkeypatch.setattr(process, "_STEMS", (Stem(), Stem(reseeded=True)))
    return request.param


@pytest.fixture
def do(ways, tmp_path):
    """Do something in a process, and return what it told."""

    def run(deed, *, seconds=30, **more):
        folder = tmp_path / f"{deed}-{time.monotonic_ns()}"
        folder.mkdir()
        (folder / "deed").write_text(deed)
        process.run("branches", folder, seconds, **more)
        return json.loads((folder / "told").read_text())

    return run


def ended(pid):
    """Say whether a process ends within a second, or has."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_it_has_a_session_environment_and_place_of_its_own(do, monkeypatch, tmp_path):
    do("tell")
    monkeypatch.setenv("A_VARIABLE", "said later, \udcff")
    monkeypatch.chdir(tmp_path)
    told = do("tell")
    assert told["session"] == told["pid"] != os.getpid()
    assert told["place"] == str(tmp_path)
    assert told["variable"] == "said later, \udcff"
    assert told["threads"] == 1
    assert told["output"] == os.devnull
    assert told["open"] <= 8


def test_no_two_draw_the_same_numbers(do):
    drawn = [number for _ in range(3) for number in do("tell")["numbers"]]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("given", ["random", "0", "1"])
def test_another_seed_orders_sets_otherwise(do, monkeypatch, given):
    monkeypatch.setenv("PYTHONHASHSEED", given)
    assert do("tell")["hash"] != do("tell", seed=1)["hash"]


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ("refuse", "that is no model"),
        ("leave", "left by itself"),
        ("fall", "ValueError: it fell"),
        ("die", "its process died of signal 9"),
    ],
)
def test_how_it_ended_is_told(do, deed, why):
    with pytest.raises(Invalid, match=why) as caught:
        do(deed)
    assert caught.value.code == "load_failed"


def test_what_it_started_ends_with_it(do):
    told = do("leave_a_child")
    assert ended(told["child"])


def test_one_that_hangs_is_ended_with_what_it_started(do, tmp_path):
    with pytest.raises(Invalid, match=r"within 1\.5 s"):
        do("hang", seconds=1.5)
    (found,) = tmp_path.glob("hang-*/told")
    told = json.loads(found.read_text())
    assert ended(told["pid"])
    assert ended(told["child"])


def test_one_that_gets_on_is_given_time(do):
    looked = []
    with pytest.raises(Invalid):
        do("hang", seconds=0.3, look=lambda: looked.append(1) or len(looked) < 20)
    assert len(looked) >= 20


def test_many_at_once_are_kept_apart(do):
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: do("tell"), range(24)))
    assert len({each["pid"] for each in told}) == 24


def test_what_has_no_such_module_says_so(ways, tmp_path):
    with pytest.raises(Invalid, match="No module named"):
        process.run("no_such_module", tmp_path, 30)


forks = pytest.mark.skipif(sys.platform != "linux", reason="processes branch off on Linux alone")


@pytest.fixture
def stem(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{HERE}:{os.environ.get('PYTHONPATH', '')}")
    return Stem()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deed").write_text("tell")
    return tmp_path


def told_by(stem, folder, *libraries):
    branch = stem.branch("branches", folder, dict(os.environ), libraries)
    try:
        assert branch.wait(60) == 0
    finally:
        branch.end()
    return json.loads((folder / "told").read_text())


@forks
def test_it_has_the_libraries_and_one_thread(stem, folder):
    told = told_by(stem, folder, *process.libraries("skops"))
    assert told["libraries"]
    threads = Path(f"/proc/{told['parent']}/task").glob("*/comm")
    others = [each for each in threads if each.parent.name != str(told["parent"])]
    assert {each.read_text().strip() for each in others} <= {ALLOCATOR}


@forks
def test_it_is_the_same_for_the_next(stem, folder):
    assert told_by(stem, folder)["parent"] == told_by(stem, folder)["parent"]


@forks
def test_killed_it_is_started_again(stem, folder):
    first = told_by(stem, folder)["parent"]
    os.kill(first, signal.SIGKILL)
    assert told_by(stem, folder)["parent"] != first


@forks
def test_killed_with_a_branch_at_work_that_ends_too_and_it_is_said(stem, folder):
    (folder / "deed").write_text("hang")
    branch = stem.branch("branches", folder, dict(os.environ), ())
    while not (folder / "told").exists() or not (folder / "told").read_text():
        time.sleep(0.01)
    os.kill(stem._process.pid, signal.SIGKILL)
    assert branch.wait(5) == -signal.SIGKILL
    branch.end()


@forks
def test_with_nothing_to_do_it_ends(stem, folder, monkeypatch):
    code = "from jupyter_mlops.formats import stem; stem.IDLE_SECONDS = 0.3; import socket, sys;"
    code += "stem._Far(socket.socket(fileno=int(sys.argv[1]))).run()"
    begin = subprocess.Popen

    def shortly(argv, **more):
        return begin([sys.executable, "-c", code, argv[-1]], **more)

    monkeypatch.setattr(subprocess, "Popen", shortly)
    first = told_by(stem, folder)["parent"]
    assert stem._process.wait(10) == 0
    assert told_by(stem, folder)["parent"] != first


@forks
def test_what_is_too_much_to_tell_is_an_error_and_harms_nothing(stem, folder):
    with pytest.raises(OSError, match="too long"):
        stem.branch("branches", folder, {"LONG": "x" * (4 << 20)}, ())
    assert told_by(stem, folder)


@forks
def test_it_ends_with_the_process_that_started_it_and_so_does_its_branch(folder):
    (folder / "deed").write_text("hang")
    code = (
        "import os, sys, time; from jupyter_mlops.formats.stem import Stem; stem = Stem();"
        "branch = stem.branch('branches', sys.argv[1], dict(os.environ), ());"
        "print(stem._process.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}"}
    begun = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], env=environment, stdout=subprocess.PIPE
    )
    with contextlib.closing(begun.stdout) as said:
        stem = int(said.readline())
    while not (folder / "told").exists() or not (folder / "told").read_text():
        time.sleep(0.01)
    begun.kill()
    begun.wait()
    assert ended(stem)
    told = json.loads((folder / "told").read_text())
    assert ended(told["pid"])
    assert ended(told["child"])


def test_what_is_prepared_is_in_memory_before_anything_branches_off(do, ways):
    process.prepare("branches", "skops")
    assert do("tell")["libraries"] is (ways == "branches off")
