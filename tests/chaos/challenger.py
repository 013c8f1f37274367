"""``python challenger.py KIND``: a challenger's own process, whose model does what none should."""

import os
import signal
import sys
import time

import numpy as np

from jupyter_mlops import formats
from jupyter_mlops.serving import shadowed

KIND = sys.argv[1]


class Bad:
    """A model that sleeps, raises, burns, leaks or dies of a signal."""

    def __init__(self):
        self.kept = []

    def score(self, columns):
        """Do it."""
        if KIND == "sleeping":
            time.sleep(5)
        elif KIND == "raising":
            raise ValueError("as it likes")
        elif KIND == "dying":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif KIND == "leaking":
            self.kept.append(bytearray(100 << 20))
        elif KIND == "busy":
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                pass
        count = len(next(iter(columns.values())))
        return np.full((count, 2), 0.5)


formats.load = lambda *_args, **_options: Bad()
shadowed.main()
