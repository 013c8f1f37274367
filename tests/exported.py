"""An export as a stranger sees it: verified by its own script, and forged line by line."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import rfc8785

from jupyter_mlops.domain.audit import GENESIS, Link, digest, event
from jupyter_mlops.errors import Refused
from jupyter_mlops.services.export import writing

VERIFY = Path(writing.__file__).with_name("verify.py")
HOSTILE = [
    "<script>alert(1)</script>",
    '"},"prev":"sha256:0"}\n{"seq":9,"digest":"sha256:0","event":{}}',
    "\x00\x01\x1b[31m\x7f\r\n\u2028\u2029\x85",
    "\ud800 alone \udfff",
    "監査ログ 🏛 é é",
    "'; DROP TABLE audit_event; --",
    "{0} {seq} %s %(x)s",
    "\u202ereversed",
]


def verify(place, *words, script=VERIFY):
    """Run the verifier as a stranger does: no packages, no environment, from another folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, place, *words],
        capture_output=True, text=True, check=False, env={}, cwd="/",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout + done.stderr).count("\n") == 1
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def deeds(ws, texts):
    """Do something with each text, and be refused something with each."""
    for text in texts:
        with ws.act("test:deed", subject=f"x:{text}", reason=text) as act:
            act.before, act.after = {text: [text]}, {"n": 1.5, "text": text, "nothing": None}
        with pytest.raises(Refused), ws.act("test:deed", subject="x"):
            raise Refused("No: {text}.", code="no", text=text)


def link(told):
    """Return an event with its digest, as a store would keep it."""
    body = rfc8785.dumps(told).decode()
    return told["seq"], body, digest(body)


def line_of(told):
    """Return the line of an export that holds an event."""
    seq, body, name = (told.seq, told.body, told.digest) if isinstance(told, Link) else told
    name = json.dumps(name)[1:-1].replace('\\"', "\\u0022")
    return f'{{"seq":{seq},"digest":"{name}","event":{body}}}\n'.encode()


def chained(texts):
    """Return a right chain of events, one for each text."""
    links, prev = [], GENESIS
    for seq, text in enumerate(texts, 1):
        told = event(
            seq=seq, at="2026-11-24T00:00:00.000000Z", actor={"id": text}, action="a:b:done",
            subject=text, before=None, after={text: seq}, reason=text, prev=prev,
        )  # fmt: skip
        links.append(Link(*link(told)))
        prev = links[-1].digest
    return links


def exported(place, links):
    """Write events as an export holds them."""
    place.mkdir(exist_ok=True)
    (place / "events.jsonl").write_bytes(b"".join(map(line_of, links)))
    head = {"events": len(links), "head": links[-1].digest if links else GENESIS}
    (place / "head.json").write_text(json.dumps(head))
    return place


def unpacked(session, tmp_path):
    """Export some events and return the files of that, which can be changed."""
    deeds(session.door.ws, [f"deed {n}" for n in range(8)])
    session.audit(export=str(tmp_path / "whole.zip"))
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        archive.extractall(tmp_path / "whole")
    return tmp_path / "whole"
