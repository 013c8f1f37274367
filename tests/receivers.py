"""A real receiver of webhooks on this machine, which answers as it is told."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Listens on a port of its own, keeps what it got, and answers with its ``statuses`` in turn."""

    def __init__(self, *statuses, location="", slow=0.0, endless=False, tls=None):
        self.got = []
        self.statuses = list(statuses) or [200]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers.items()), body))
                time.sleep(slow)
                status = outer.statuses.pop(0) if len(outer.statuses) > 1 else outer.statuses[0]
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                while endless:
                    self.wfile.write(b"x" * 65536)

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a sender that goes away is what we test
        self.scheme = "https" if tls else "http"
        if tls:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]

    @property
    def url(self):
        """Return where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Authority:
    """A certificate authority of a test's own, made by OpenSSL; it vouches for one name or address."""

    def __init__(self, folder, name="IP:127.0.0.1"):
        folder.mkdir()
        self.file = folder / "authority.pem"
        key, asked, signed = (folder / f for f in ("key.pem", "asked.pem", "signed.pem"))
        new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a receiver"]
        self._openssl(*new, "-x509", "-days", "2", "-keyout", folder / "ca.pem", "-out", self.file,
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
        self._openssl(*new, "-keyout", key, "-out", asked)
        (folder / "names").write_text(f"subjectAltName={name}")
        self._openssl("x509", "-req", "-in", asked, "-CA", self.file, "-CAkey", folder / "ca.pem",
                      "-days", "2", "-extfile", folder / "names", "-out", signed)  # fmt: skip
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(signed, key)

    def _openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Dripping:
    """Accepts a connection and sends a byte of nothing now and then."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._drip, daemon=True).start()

    def _drip(self):
        connection, _ = self.listening.accept()
        try:
            while True:
                connection.sendall(b"H")
                time.sleep(0.05)
        except OSError:
            connection.close()

    def close(self):
        """Listen no more."""
        self.listening.close()
