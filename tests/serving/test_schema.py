"""A foreign tool reads our OpenAPI document and asks whatever it allows, and what it does not."""

import json
import subprocess

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


def test_schemathesis_finds_no_answer_that_is_not_described(environments, place, tmp_path):
    known = json.loads((place / "server.json").read_text())
    words = [
        environments("schemathesis").parent / "schemathesis",
        "run",
        f"{known['url']}/openapi.json",
        "--header", f"Authorization: Bearer {known['token']}",
        "--checks", ",".join(CHECKS),
        "--phases", "examples,coverage,fuzzing",
        "--max-examples", "25",
        "--seed", "1",
        "--no-shrink",
        "--no-color",
    ]  # fmt: skip
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert "Tested: 9" in ended.stdout


def test_every_status_that_comes_is_described(client, rows):
    told = client.get("/openapi.json").json()
    described = told["paths"]["/deployments/clinic/predictions"]["post"]["responses"]
    assert {"200", "400", "401", "408", "413", "415", "422", "429", "500", "503", "504"} <= set(
        described
    )
    for status, answer in described.items():
        kind = "application/json" if status == "200" else "application/problem+json"
        assert list(answer["content"]) == [kind]
