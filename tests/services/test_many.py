"""Many processes on one store: nothing is lost, the chain has no gap.

``JUPYTER_MLOPS_TEST_DEEDS=10000`` has each of them do more.
"""

import os
import subprocess
import sys
import time

from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.tables import Setting

EACH = int(os.environ.get("JUPYTER_MLOPS_TEST_DEEDS") or 100)
DEEDS = """
import sys
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.tables import Setting
ws = open_local(sys.argv[1])
for n in range(int(sys.argv[3])):
    with ws.act("test:deed", subject=f"{sys.argv[2]}-{n}") as act:
        act.session.add(Setting(name=f"{sys.argv[2]}-{n}", value="x"))
"""


def doing(where, name, code=DEEDS, deeds=100):
    """Start a process that does so many deeds."""
    return subprocess.Popen([sys.executable, "-c", code, where, name, str(deeds)])


def test_four_processes_and_what_each_does_on_one_store(where):
    running = [doing(where, str(n), deeds=EACH) for n in range(4)]
    assert [process.wait(timeout=60 + EACH) for process in running] == [0, 0, 0, 0]
    ws = open_local(where)
    found = audit(ws, verify=True, limit=1)
    assert (found["ok"], found["events"]) == (True, 4 * EACH + 1)
    with ws.look() as session:
        assert session.query(Setting).filter(Setting.value == "x").count() == 4 * EACH


def test_a_deed_that_fails_leaves_neither_change_nor_event(workspace):
    import pytest

    with pytest.raises(ZeroDivisionError), workspace.act("test:deed", subject="x") as act:
        act.session.add(Setting(name="half", value="done"))
        act.session.flush()
        raise ZeroDivisionError
    assert audit(workspace, "test:deed")["items"] == []
    with workspace.look() as session:
        assert session.get(Setting, "half") is None


SIGNS = """
import sys
from jupyter_mlops.services import checkpoints
from jupyter_mlops.services.workspace import open_local
ws = open_local(sys.argv[1])
sizes = [checkpoints.made(ws).size for _ in range(20)]
assert sizes == sorted(sizes), sizes
"""


def test_what_is_signed_while_others_write_fits_the_log(where):
    open_local(where).engine.dispose()
    asked = [(DEEDS, "0"), (SIGNS, "1"), (DEEDS, "2"), (SIGNS, "3")]
    running = [doing(where, name, code) for code, name in asked]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    ws = open_local(where)
    with ws.look() as session:
        kept = session.connection().exec_driver_sql("SELECT count(*) FROM checkpoint").scalar()
    assert kept > 2
    found = audit(ws, verify=True, limit=1000)
    assert (found["ok"], found["because"][:4]) == (True, "All ")
    assert len(audit(ws, "audit:key:made")["items"]) == 1
    ws.engine.dispose()


def test_a_process_that_is_killed_leaves_a_deed_with_its_event_or_neither(where):
    ws = open_local(where)
    process = doing(where, "k", deeds=10_000)
    until = time.monotonic() + 60
    while len(audit(ws, "action:test:deed", limit=30)["items"]) < 20:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.wait()
    with ws.look() as session:
        run = session.connection().exec_driver_sql
        changed = run("SELECT count(*) FROM setting WHERE value = 'x'").scalar()
        told = run("SELECT count(*) FROM audit_event WHERE action = 'test:deed:done'").scalar()
    assert changed == told >= 20
    assert audit(ws, verify=True, limit=1)["ok"]
    ws.engine.dispose()
