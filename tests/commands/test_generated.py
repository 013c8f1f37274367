from __future__ import annotations

import json
import subprocess
import sys

from jupyter_mlops.commands.generated import files
from jupyter_mlops.commands.grammar import discover
from jupyter_mlops.commands.typescript import shapes
from jupyter_mlops.commands.words import verbs


def test_no_generated_file_is_stale():
    stale = [path for path, text in files(discover()).items() if path.read_text("utf-8") != text]
    assert not stale, "run python -m jupyter_mlops.commands.grammar"


def test_every_route_is_described_and_every_shape_exists():
    told = json.loads(next(t for p, t in files(verbs()).items() if p.name == "openapi.json"))
    said = {f"/{verb.name}" for verb in verbs().values() if verb.said == "anywhere"}
    assert set(told["paths"]) == {*said, "/blobs/{sha256}", "/pictures/{verb}"}
    referred = set(_references(told))
    assert referred <= set(told["components"]["schemas"])


def test_every_verb_answers_with_a_known_shape():
    assert {verb.answer for verb in verbs().values()} <= set(shapes(verbs()))


def test_the_words_about_this_place_have_no_route():
    here = {verb.name for verb in verbs().values() if verb.said == "here"}
    assert {"use", "dashboard", "serve", "stop", "watch", "doctor"} <= here


def test_reading_the_grammar_imports_no_service():
    code = (
        "import sys; from jupyter_mlops.commands.words import verbs; verbs();"
        "from jupyter_mlops.commands import parse, session;"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " {'sqlmodel','pandas','numpy','httpx'} or m.startswith('jupyter_mlops.services')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _references(told):
    if isinstance(told, dict):
        if "$ref" in told:
            yield told["$ref"].rpartition("/")[2]
        told = list(told.values())
    if isinstance(told, list):
        for part in told:
            yield from _references(part)
