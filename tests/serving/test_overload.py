"""More than the server can do: who is too much is told at once, who was taken is answered and kept."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.services import server
from jupyter_mlops.services.workspace import launch, open_local
from jupyter_mlops.serving.desk import MOST_OF_ONE
from serving.payloads import JSON, PREDICT, Payload, answer, as_request
from stories import deployed


async def hammer(known, payload, lines, seconds):
    """Ask over many lines at once; return each answer's status, seconds and body."""
    host, port = known["url"].removeprefix("http://").split(":")
    request, told = as_request(payload, f"{host}:{port}", known["token"]), []
    until = time.monotonic() + seconds

    async def line():
        reader, writer = await asyncio.open_connection(host, int(port))
        asking = True
        while asking:
            began = time.monotonic()
            writer.write(request)
            status, head, body = await answer(reader)
            told.append((status, time.monotonic() - began, head, body))
            if status == 429:
                await asyncio.sleep(0.05)
            asking = time.monotonic() < until
        writer.close()

    await asyncio.gather(*(line() for _ in range(lines)))
    return told


def part(found, of):
    ranked = sorted(found)
    return ranked[int(of * (len(ranked) - 1))]


def as_it_is(argv, log):
    """Start a server that serves original models."""
    return launch([*argv, "--no-compiled"], log)


@pytest.fixture
def two(tmp_path):
    """A server of original models with two deployments."""
    folder = tmp_path / "workspace"
    with open_workspace(folder) as session:
        server.ensure(open_local(folder, launcher=as_it_is))
        version = deployed(session)
        session.approve(session.request(version, for_deployment="other").id)
        session.deploy(version, to="other")
        yield folder
        session.stop()


TOO_MANY = 40


@pytest.mark.slow
def test_h02_who_is_too_much_is_told_at_once_and_nobody_who_was_taken_is_hurt(two, rows):
    """A slow model's places are all taken: who comes besides must not wait for it to be told so."""
    known = json.loads((two / "server.json").read_text())
    payload = Payload(PREDICT, JSON, json.dumps({"rows": rows[:1]}).encode())
    asyncio.run(hammer(known, payload, 4, 1))

    async def both():
        taken = asyncio.create_task(hammer(known, payload, MOST_OF_ONE, 6))
        await asyncio.sleep(1)
        return await hammer(known, payload, TOO_MANY, 4), await taken

    besides, taken = asyncio.run(both())
    recovery = Request(known["url"] + PREDICT, {"rows": rows[:1]}, known["token"])
    assert recovery.until_answered() < 5
    told = besides + taken
    assert {status for status, *_ in told} == {200, 429}
    refused = [(seconds, head) for status, seconds, head, _ in besides if status == 429]
    assert len(refused) > TOO_MANY
    assert all(b"retry-after: 1" in head for _, head in refused)
    waited = part([seconds for status, seconds, *_ in taken if status == 200], 0.5)
    assert part([seconds for seconds, _ in refused], 0.5) < min(0.1, waited / 2)
    assert part([seconds for seconds, _ in refused], 0.9) < 0.5
    assert_kept(two, told)


def assert_kept(folder, told):
    """Every answer that was given is in the log, once."""
    acknowledged = {
        row["prediction_id"]
        for status, _, _, body in told
        if status == 200
        for row in json.loads(body)["predictions"]
    }
    log = open_local(folder).telemetry.read_predictions("clinic")["prediction_id"].to_pylist()
    assert acknowledged <= set(log)
    assert len(log) == len(set(log))


def workers(known):
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(known["pid"])],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return {int(line.split()[0]) for line in listed.splitlines() if "formats.worker" in line}


def busy(known, payload):
    """The processes that a deployment's requests use: those whose processor time grows."""
    before = {pid: used(pid) for pid in workers(known)}
    asyncio.run(hammer(known, payload, 4, 1))
    return {pid for pid in workers(known) if used(pid) > before.get(pid, 0) + 3}


def used(pid):
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(told[11]) + int(told[12])


@pytest.mark.slow
def test_h03_a_model_that_hangs_keeps_nobody_waiting_but_its_own_callers(two, rows):
    known = json.loads((two / "server.json").read_text())
    payload = Payload(PREDICT, JSON, json.dumps({"rows": rows[:1]}).encode())
    other = payload._replace(path="/deployments/other/predictions")
    asyncio.run(hammer(known, payload, 4, 1))
    hung = set()
    while not hung:
        hung = busy(known, payload)
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)

    async def both():
        return await asyncio.gather(
            hammer(known, payload, MOST_OF_ONE + 100, 0.01), hammer(known, other, 2, 5)
        )

    told, elsewhere = asyncio.run(both())
    statuses = [status for status, *_ in told]
    assert set(statuses) <= {200, 504, 429}
    assert statuses.count(504) > 50
    assert statuses.count(429) >= 90
    assert all(seconds < 12 for _, seconds, _, _ in told)
    assert part([seconds for status, seconds, *_ in told if status == 429], 0.5) < 1
    assert {status for status, *_ in elsewhere} == {200}
    assert part([seconds for _, seconds, *_ in elsewhere], 0.9) < 1
    asked = Request(known["url"] + PREDICT, {"rows": rows[:1]}, known["token"])
    assert asked.until_answered() < 40  # a process of the model's has to be started first


class Request(NamedTuple):
    """One request, to be repeated until it is answered."""

    url: str
    body: dict
    token: str

    def until_answered(self):
        """Ask again until there is an answer; return after how many seconds."""
        began, headers = time.monotonic(), {"Authorization": f"Bearer {self.token}"}
        while time.monotonic() - began < 60:
            if httpx.post(self.url, json=self.body, headers=headers, timeout=20).is_success:
                break
        return time.monotonic() - began
