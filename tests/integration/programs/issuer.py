"""An OpenID Connect issuer over TLS: `issuer.py FOLDER CERTIFICATE KEY`.

It answers with the folder's files, notes in `asked` what it was asked for, and writes its `port`. A
file `redirect` holds the address that it sends everybody to instead.
"""

import http.server
import ssl
import sys
from pathlib import Path

FOLDER = Path(sys.argv[1])
FILES = {
    "/.well-known/openid-configuration": FOLDER / "configuration",
    "/keys": FOLDER / "keys",
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with (FOLDER / "asked").open("a") as file:
            file.write(f"{self.path}\n")
        if (FOLDER / "redirect").exists():
            self.send_response(302)
            self.send_header("Location", (FOLDER / "redirect").read_text())
            self.end_headers()
            return
        body = FILES[self.path].read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Says nothing."""


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    (FOLDER / "port.new").write_text(str(server.server_port))
    (FOLDER / "port.new").rename(FOLDER / "port")
    server.serve_forever()
