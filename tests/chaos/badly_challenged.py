"""``python badly_challenged.py KIND …``: the prediction server, whose challengers misbehave."""

import sys
from pathlib import Path

from jupyter_mlops.serving import __main__ as server
from jupyter_mlops.serving.shadow import Shadow

KIND = sys.argv.pop(1)
CHALLENGER = str(Path(__file__).with_name("challenger.py"))

Shadow.__init__.__kwdefaults__["argv"] = (sys.executable, CHALLENGER, KIND)
sys.exit(server.main(sys.argv[1:]))
