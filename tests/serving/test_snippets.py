"""The programs that come with a deployment do what they say, in their own language."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from conftest import absent
from jupyter_mlops.services.loading import Loaded
from jupyter_mlops.serving import snippets
from jupyter_mlops.serving.models import Model
from jupyter_mlops.serving.places import Place

RUN = {
    "Python": ("python", [sys.executable, "-c"]),
    "Shell": ("curl", ["sh", "-c"]),
    "JavaScript": ("node", ["node", "--input-type=module", "-e"]),
    "R": ("Rscript", ["sh", "-c", 'printf %s "$1" | Rscript --vanilla -', "sh"]),
}


@pytest.fixture
def programs(client):
    paths = client.get("/openapi.json").json()["paths"]
    told = paths["/deployments/clinic/predictions"]["post"]["x-codeSamples"]
    return {sample["lang"]: sample["source"] for sample in told}


@cache
def has_packages():
    words = ["Rscript", "-e", "stopifnot(require(jsonlite), require(curl))"]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def run(language, program, token):
    needed, words = RUN[language]
    path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    if needed != "python" and shutil.which(needed, path=path) is None:
        absent(f"{needed} is not here")
    if needed == "Rscript" and not has_packages():
        absent("R has neither jsonlite nor curl")
    environment = {**os.environ, "PATH": path, snippets.TOKEN: token, "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [*words, program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("language", RUN)
def test_a_program_asks_and_prints_the_answer(language, programs, place):
    token = json.loads((place / "server.json").read_text())["token"]
    ended = run(language, programs[language], token)
    assert ended.returncode == 0, ended.stderr
    assert "prediction_id" in ended.stdout
    assert token not in programs[language]


@pytest.mark.parametrize("language", RUN)
@pytest.mark.parametrize(
    "name",
    [
        "'; touch HACKED; '",
        '"$(touch HACKED)"',
        "`touch HACKED`",
        "\\",
        "${x}",
        '\\"); system("touch HACKED") #',
        "\\u{41}\\x41%s%d",
        "日本語 👩‍👧 é",
        "'\n\t\r",
    ],
)
def test_no_name_becomes_code(language, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    features = [{"name": name, "type": "category", "levels": [name]}]
    loaded = Loaded("m:1", "sha256:0", "regression", [], features, scorer=None, form="")
    found = snippets.samples(Place(Model("clinic", loaded)), "http://127.0.0.1:9")
    program = next(sample["source"] for sample in found if sample["lang"] == language)
    ended = run(language, program, "none")
    for word in ("SyntaxError", "unexpected", "invalid", "HACKED"):
        assert word not in ended.stderr
    assert list(tmp_path.iterdir()) == []
