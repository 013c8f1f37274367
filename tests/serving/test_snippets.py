"""The programs that come with a deployment do what they say, in their own language."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import absent
from jupyter_mlops.serving import snippets
from jupyter_mlops.serving.places import Place

RUN = {
    "Python": ("python", [sys.executable, "-c"]),
    "Shell": ("curl", ["sh", "-c"]),
    "JavaScript": ("node", ["node", "--input-type=module", "-e"]),
}


@pytest.fixture
def programs(client):
    paths = client.get("/openapi.json").json()["paths"]
    told = paths["/deployments/clinic/predictions"]["post"]["x-codeSamples"]
    return {sample["lang"]: sample["source"] for sample in told}


def run(language, program, token):
    needed, words = RUN[language]
    path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    if needed != "python" and shutil.which(needed, path=path) is None:
        absent(f"{needed} is not here")
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
    "name", ["'; touch HACKED; '", '"$(touch HACKED)"', "`touch HACKED`", "\\", "${x}"]
)
def test_no_name_becomes_code(language, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    class Loaded:
        features = ({"name": name, "type": "category", "levels": [name]},)
        ref, digest, classes, compiled = "m:1", "sha256:0", (), True

    class Model:
        loaded, deployment, executor = Loaded, "clinic", None

    found = snippets.samples(Place(Model), "http://127.0.0.1:9")
    program = next(sample["source"] for sample in found if sample["lang"] == language)
    ended = run(language, program, "none")
    assert "SyntaxError" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
