"""Many processes on one store: nothing is lost, the chain has no gap."""

import subprocess
import sys

from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.workspace import open_local

DEEDS = """
import sys
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store.tables import Setting
ws = open_local(sys.argv[1])
for n in range(100):
    with ws.act("test:deed", subject=f"{sys.argv[2]}-{n}") as act:
        act.session.add(Setting(name=f"{sys.argv[2]}-{n}", value="x"))
"""


def test_four_processes_and_four_hundred_deeds_on_one_store(where):
    running = [subprocess.Popen([sys.executable, "-c", DEEDS, where, str(n)]) for n in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    ws = open_local(where)
    found = audit(ws, "test:deed", verify=True, limit=1000)
    assert len(found["items"]) == 400
    assert found["ok"]
    assert found["events"] == 401


def test_a_deed_that_fails_leaves_neither_change_nor_event(workspace):
    import pytest

    from jupyter_mlops.store.tables import Setting

    with pytest.raises(ZeroDivisionError), workspace.act("test:deed", subject="x") as act:
        act.session.add(Setting(name="half", value="done"))
        act.session.flush()
        raise ZeroDivisionError
    assert audit(workspace, "test:deed")["items"] == []
    with workspace.look() as session:
        assert session.get(Setting, "half") is None
