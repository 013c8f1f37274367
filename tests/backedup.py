"""A workspace in which there is something of everything, made without a server, and its backup."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from datetime import timedelta

from fakes import Clock
from jupyter_mlops.formats import archive
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from watched import NOON, deployed, people, written

ROWS = 40


def full(where):
    """Return a workspace with a model, sealed and open segments, actuals, an artifact and a webhook."""
    ws = replace(open_local(where), clock=Clock())
    deployed(ws)
    written(ws, [(people(ROWS), NOON - timedelta(hours=2))])
    written(ws, [(people(3, 1), NOON - timedelta(hours=1))], seal=False)
    ws.artifacts.put(b"a model \x00\xff")
    ws.telemetry.announce(
        ws.telemetry.write_actuals(
            "shop", [{"id": "c", "prediction_id": None, "value": "yes", "at": NOON}], known_at=NOON
        )
    )
    ws.telemetry.write_actuals(
        "shop", [{"id": "d", "prediction_id": None, "value": "no", "at": NOON}], known_at=NOON
    )
    with ws.act("test:words", subject="日本語", reason="理由\n'; DROP TABLE model; --") as act:
        act.session.add(tables.Setting(name="Ünï-ツ", value='"\\\u2028\U0001f600'))
        act.session.add(tables.Webhook(name="w", url="https://example.org/", severities=["critical"],
                                       secret="whsec_only_here", at=""))  # fmt: skip
        act.session.add(tables.Profile(deployment="shop", part="answers", hour="h", version="buyer:1",
                                       role="", known_at="h", rows=1, shown=b"\x00\xfe", sums=b"",
                                       counts=bytes(range(256))))  # fmt: skip
    (ws.home.folder / "server.json").write_text('{"token": "only-here-too"}')
    return ws


def parts(path):
    """Return the parts of a backup as any tar program reads them."""
    with tarfile.open(path) as opened:
        return {one.name: opened.extractfile(one).read() for one in opened.getmembers()}


def packed(told):
    """Return an archive of these parts in our form, with the manifest that fits them."""
    manifest = json.loads(told[archive.MANIFEST])
    held = io.BytesIO()
    writer = archive.Writer(held)
    digests = {
        name: writer.add(name, [data])["digest"]
        for name, data in told.items()
        if name != archive.MANIFEST
    }
    for table in manifest["tables"]:
        name = f"store/{table['name']}.jsonl"
        if name in told:
            table |= {"digest": digests[name], "rows": told[name].count(b"\n")}
    for file in manifest["files"]:
        if file["name"] in told:
            file |= {"digest": digests[file["name"]]}
    writer.end(manifest)
    return held.getvalue()
