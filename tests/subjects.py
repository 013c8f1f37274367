"""A deployment that knows people: their cases in its log, its actuals and the sample of its version."""

from __future__ import annotations

import json
import secrets
import subprocess
import time

import sqlmodel
from sqlalchemy import text

from jupyter_mlops import open_workspace
from jupyter_mlops.services import lookup, segments
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from traffic import afresh as logs_afresh
from traffic import churn, goes_live, people

WHO = f"taro-{secrets.token_hex(8)}"
"""Another one each time: a version keeps what git says of files, and that is beyond an erasure."""
CUSTOMER = secrets.randbelow(10**9) + 1e9 + 0.5


def shop(where, clock):
    """Return a workspace whose version was registered with a sample that names its customers."""
    model, train, holdout = churn()
    names = [WHO if at == 3 else f"c{at}" for at in range(len(holdout))]
    with open_workspace(where) as session:
        version = session.register(
            model, name="churn", train=train.assign(customer=range(len(train))), target="churned", risk="low",
            holdout=holdout.assign(customer=names), id="customer",
        )  # fmt: skip
        session.approve(session.request(version, for_deployment="shop").id)
    ws = open_local(where, clock=clock)
    goes_live(ws, version.ref)
    with ws.look() as session:
        lineage = session.exec(sqlmodel.select(tables.Version)).one().lineage
    ws.kept["lineage"], ws.kept["sample"] = lineage, ws.artifacts.get(lineage["sample"])
    ws.kept["artifacts"] = {digest for digest, _ in ws.artifacts.all()}
    return ws


_COUNTED = ("profile", "pending", "segment")


def afresh(ws):
    """Have a shop as it was made: no log, no holds, masks or erasures, and its sample whole; two days on."""
    logs_afresh(ws)
    for digest, _ in list(ws.artifacts.all()):
        if digest not in ws.kept["artifacts"]:
            ws.artifacts.remove(digest)
    ws.artifacts.put(ws.kept["sample"])
    with ws.engine.begin() as connection:
        for table in ("erasure", "hold", "mask", "retention", "archived", *_COUNTED):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    with ws.act("test:afresh", subject="test") as act:
        for row in act.session.exec(sqlmodel.select(tables.Version)):
            row.lineage = ws.kept["lineage"]
        for row in act.session.exec(sqlmodel.select(tables.Rollout)):
            row.state, row.until = "live", ""


def answered(ws, cases, *, seal=True, key=None, rows=None, log=None, warnings=None, name="shop"):
    """Log answers about these cases at the clock's time, a minute apart from the last; return their ids."""
    ws.clock.turn(minutes=1)
    with ws.look() as session:
        digest = lookup.version(session, "churn:1")[1].digest
    rows = rows or json.loads(people(len(cases), 7).to_json(orient="records"))
    stamp = f"{int(ws.clock.now.timestamp() * 1000):012x}"
    names = [stamp + secrets.token_hex(10) for _ in cases]
    scores = [0.25 + at / 100 for at in range(len(cases))]
    said = [{"id": i, "prediction_id": p} for i, p in zip(cases, names, strict=True)]
    head = {
        "at": int(ws.clock.now.timestamp() * 1e6), "kind": "", "status": 200, "rows": len(cases),
        "ms": 1.0, "version": "churn:1", "role": "champion", "digest": digest,
        "prediction_ids": names, "ids": list(cases), "scores": scores, "labels": ["0"] * len(cases),
        "probabilities": [[1 - s, s] for s in scores], "warnings": warnings,
        "salt": secrets.token_hex(16), "key": key, "body_digest": key and "sha256:0",
        "answer": key and json.dumps({"predictions": said}),
    }  # fmt: skip
    own = log or ws.telemetry.open_log(name)
    own.append(json.dumps(head).encode(), json.dumps({"rows": rows}).encode())
    own.commit()
    if log is None:
        own.close()
        if seal:
            segments.seal(ws)
    return names


def spoken(ws, key, answer):
    """Have an answer kept for repeats, as the server does."""
    repeats = ws.telemetry.open_repeats()
    repeats.keep("shop", key, "sha256:0", answer.encode(), int(time.time()))
    repeats.close()


def traces(ws, *texts):
    """Return where any of these texts stands, in any file of the workspace or row of the store."""
    wanted = [one.encode() for one in texts]
    found = []
    for path in sorted(ws.home.folder.rglob("*")):
        if path.is_file():
            held = read(path)
            found += [(str(path), one) for one in wanted if one in held]
    if not ws.home.is_sqlite:
        with ws.look() as session:
            for table in sqlmodel.SQLModel.metadata.sorted_tables:
                told = repr(session.connection().execute(table.select()).all()).encode()
                found += [(table.name, one) for one in wanted if one in told]
    return found


def read(path):
    """Return the bytes of a file; of one that is compressed, what is in it too.

    Another process reads it: one that closes a database's file loses its locks on it.
    """
    held = subprocess.run(["cat", path], capture_output=True, check=True).stdout
    if held[:4] == b"PAR1":
        from pyarrow import parquet

        file = parquet.ParquetFile(path)
        held += repr(file.read().to_pylist()).encode() + repr(file.schema_arrow.metadata).encode()
    return held
