"""The protocol's own clients, each in an environment of its own, get what our route answers.

Both write the length of a binary body into the headers they are given: each call gets its own.
"""

import json
import subprocess

import httpx
import pytest

TRITON = """
import json, sys
import numpy as np
import tritonclient.http as triton

told = json.load(sys.stdin)
with_token = {"Authorization": "Bearer " + told["token"]}
client = triton.InferenceServerClient(told["url"].removeprefix("http://"))
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("clinic", headers=dict(with_token))
inputs = client.get_model_metadata("clinic", headers=dict(with_token))["inputs"]
answers = []
for binary in (True, False):
    asked = []
    for known in inputs:
        column = np.array([row[known["name"]] for row in told["rows"]], dtype=np.float64)
        tensor = triton.InferInput(known["name"], list(column.shape), "FP64")
        tensor.set_data_from_numpy(column, binary_data=binary)
        asked.append(tensor)
    wanted = [triton.InferRequestedOutput("probabilities", binary_data=binary)]
    found = client.infer("clinic", asked, outputs=wanted, request_id="c1", headers=dict(with_token))
    assert found.get_response()["id"] == "c1"
    answers.append(found.as_numpy("probabilities").tolist())
try:
    client.infer("clinic", asked[1:], headers=dict(with_token))
except triton.InferenceServerException as error:
    refused = error.status() + " " + error.message()
json.dump({"answers": answers, "refused": refused}, sys.stdout)
"""

KSERVE = """
import asyncio, json, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

async def main():
    told = json.load(sys.stdin)
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    with_token = {"Authorization": "Bearer " + told["token"]}
    assert await client.is_server_live(told["url"]) and await client.is_server_ready(told["url"])
    assert await client.is_model_ready(told["url"], "clinic", headers=dict(with_token))
    answers = []
    for binary in (True, False):
        asked = []
        for name in told["rows"][0]:
            column = np.array([row[name] for row in told["rows"]], dtype=np.float64)
            tensor = InferInput(name, list(column.shape), "FP64")
            tensor.set_data_from_numpy(column, binary_data=binary)
            asked.append(tensor)
        request = InferRequest("clinic", asked)
        found = await client.infer(told["url"], request, model_name="clinic", headers=dict(with_token))
        chances = next(out for out in found.outputs if out.name == "probabilities")
        answers.append(chances.as_numpy().reshape(chances.shape).tolist())
    json.dump({"answers": answers}, sys.stdout)

asyncio.run(main())
"""


def told_by(python, script, place, rows):
    """Run a client's script in its environment; return what it was told."""
    known = json.loads((place / "server.json").read_text())
    asked = json.dumps({"url": known["url"], "token": known["token"], "rows": rows})
    ended = subprocess.run(
        [python, "-c", script],
        input=asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.splitlines()[-1])


def chances(client, rows):
    answer = client.post("/deployments/clinic/predictions", json={"rows": rows})
    assert answer.status_code == httpx.codes.OK
    return [list(row["probabilities"].values()) for row in answer.json()["predictions"]]


@pytest.mark.parametrize(
    ("package", "script"), [("tritonclient[http]", TRITON), ("kserve", KSERVE)]
)
def test_a_client_of_the_protocol_is_told_the_same(
    environments, package, script, place, client, rows
):
    found = told_by(environments(package), script, place, rows[:3])
    assert found["answers"] == [chances(client, rows[:3])] * 2
    if "refused" in found:
        assert found["refused"].startswith("422")
        assert "mean radius" in found["refused"]
