"""What processes of models do in tests of how they begin and end; each is named in its folder."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np


def main(folder):
    """Do what is written in the folder."""
    return DEEDS[Path(folder, "deed").read_text()](Path(folder))


def tell(folder):
    told = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "place": str(Path.cwd()),
        "variable": os.environ.get("A_VARIABLE"),
        "numbers": [random.random(), float(np.random.rand())],  # noqa: NPY002
        "hash": hash("a word"),
        "threads": threading.active_count(),
        "libraries": "sklearn" in sys.modules,
        "open": len(list(Path("/proc/self/fd").iterdir())),
        "output": str(Path("/proc/self/fd/1").readlink()),
    }
    Path(folder, "told").write_text(json.dumps(told))


def leave_a_child(folder):
    child = subprocess.Popen(["sleep", "60"])
    Path(folder, "told").write_text(json.dumps({"child": child.pid, "pid": os.getpid()}))


def hang(folder):
    leave_a_child(folder)
    time.sleep(60)


def refuse(_folder):
    sys.stderr.write("first\nthat is no model\n")
    return 1


def leave(_folder):
    sys.exit("left by itself")


def fall(_folder):
    raise ValueError("it fell")


def die(_folder):
    os.kill(os.getpid(), 9)


DEEDS = {each.__name__: each for each in (tell, leave_a_child, hang, refuse, leave, fall, die)}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
