"""A model that runs elsewhere: a real HTTP server on this machine, which answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd

from stories import tumours


def chances(rows):
    """Return what the tumour model says of rows of JSON."""
    model, train, _ = tumours()
    names = list(train.drop(columns="target"))
    frame = pd.DataFrame(rows, columns=names).astype(float).fillna(0)
    return model.predict_proba(frame).tolist()


def well(rows):
    """Answer as our own prediction server does."""
    return {
        "predictions": [
            {"prediction": int(one[1] > 0.5), "probabilities": {"0": one[0], "1": one[1]}}
            for one in chances(rows)
        ]
    }


class Foreign:
    """Answers on a port of its own; ``answer`` makes an object, text or bytes of the rows it is asked."""

    def __init__(self, answer=well, *, status=200, location="", slow=0.0, endless=False, token=""):
        self.answer, self.status, self.slow = answer, status, slow
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((self.path, dict(self.headers.items()), body))
                time.sleep(outer.slow)
                is_let_in = not token or self.headers.get("Authorization") == f"Bearer {token}"
                found = outer.told(body) if is_let_in else b""
                self.send_response(outer.status if is_let_in else 401)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(found)
                while endless:
                    self.wfile.write(b" " * 65536)

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # one who goes away is what we test
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/predict"

    def told(self, body):
        """Return the bytes of the answer; other questions than rows are none that it knows."""
        if isinstance(self.answer, bytes):
            return self.answer
        return json.dumps(self.answer(body["rows"])).encode() if "rows" in body else b"{}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Tensors(Foreign):
    """The same model behind the Open Inference Protocol v2."""

    def told(self, body):
        """Return the tensors of the answer."""
        if "inputs" not in body:
            return b"{}"
        columns = {one["name"]: one["data"] for one in body["inputs"]}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        said = chances(rows)
        flat = [one for row in said for one in row]
        proba = {"name": "predict_proba", "datatype": "FP64", "shape": [len(said), 2], "data": flat}
        return json.dumps({"model_name": "tumour", "outputs": [proba]}).encode()


def allow(folder, *servers):
    """Let the owner of a workspace allow models to be asked on this machine."""
    path = folder / "webhook-allowed.txt"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(f"127.0.0.1:{one.port}" for one in servers))
    path.chmod(0o600)
