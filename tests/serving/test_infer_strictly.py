"""The Open Inference Protocol is read as strictly as rows are."""

import json
import struct

import pytest

from jupyter_mlops.serving import bodies, inference
from jupyter_mlops.serving.problems import Problem
from serving.payloads import BINARY, CANARY, INFER, JSON

FEATURES = [{"name": "a", "type": "number"}]
TENSOR = '{"name":"a","shape":[1],"datatype":"FP64","data":[1.0]}'
DEEP = "[" * 40 + "1" + "]" * 40
WELL = [
    f'{{"inputs":[{TENSOR}]}}',
    f'{{"inputs":[{TENSOR}],"id":"x","parameters":{{"a":1}},"outputs":[{{"name":"prediction"}}]}}',
    f'{{"inputs":[{TENSOR}],"parameters":{{"a":{{"b":[1,{{"c":2}}]}}}},"unknown":":[:"}}',
    '{"inputs":[{"name":"a","shape":[2,1],"datatype":"FP64","data":[[1.0],[2.0]]}]}',
    '{"inputs":[{"name":"a","shape":[1],"datatype":"BYTES","data":["a:[b"],"parameters":{}}]}',
]
BADLY = [
    (f'{{"inputs":[{TENSOR}],"parameters":{{"{CANARY}":{DEEP}}}}}', "too_deep"),
    (f'{{"inputs":[{TENSOR}],"outputs":[{{"name":"x","parameters":{{"p":{DEEP}}}}}]}}', "too_deep"),
    (f'{{"inputs":[{TENSOR[:-1]},"parameters":{{"p":{DEEP}}}}}]}}', "too_deep"),
    (f'{{"inputs":[{TENSOR}],"{CANARY}":{DEEP}}}', "too_deep"),
    (f'{{"inputs":[{TENSOR}],"inputs":[{TENSOR}]}}', "invalid_json"),
    (f'{{"inputs":[{TENSOR[:-1]},"data":[2.0]}}]}}', "invalid_json"),
    (f'{{"inputs":[{TENSOR}],"id":"{CANARY}","id":""}}', "invalid_json"),
    (f'{{"inputs":[{TENSOR}],"parameters":{{"{CANARY}":1,"{CANARY}":2}}}}', "invalid_json"),
    (f'{{"inputs":[{TENSOR}],"unknown":{{"a":1,"a":2}}}}', "invalid_json"),
]


@pytest.mark.parametrize(("body", "code"), BADLY)
def test_what_two_readers_could_understand_differently_is_refused(client, body, code):
    answer = client.post(INFER, content=body.encode(), headers={"Content-Type": JSON})
    assert (answer.status_code, answer.json()["code"]) == (422 if code == "too_deep" else 400, code)
    assert CANARY not in answer.text


def test_the_head_of_binary_tensors_is_read_as_strictly(client):
    head = f'{{"inputs":[{TENSOR}],"parameters":{{"a":1,"a":2}}}}'.encode()
    size = {"Content-Type": BINARY, inference.LENGTH.decode(): str(len(head))}
    answer = client.post(INFER, content=head + struct.pack("<d", 1.0), headers=size)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("body", WELL)
def test_what_is_said_once_and_not_too_deep_is_read(body):
    asked = json.loads(body)["inputs"][0]
    assert len(inference.read(body.encode(), FEATURES, header=None).rows) == asked["shape"][0]


def test_what_clients_send_is_not_read_twice(monkeypatch):
    def never(_body):
        raise Problem(500, "read_twice", "")

    monkeypatch.setattr(bodies, "check_slowly", never)
    for body in (WELL[0], WELL[1], WELL[3]):
        inference.read(body.encode(), FEATURES, header=None)
    with pytest.raises(Problem):
        inference.read(WELL[2].encode(), FEATURES, header=None)
