"""Stands in for a process of the Procfile: `web` answers the readiness question, the others only wait."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import FrameType


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status":"ready"}')

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def main(name: str, port: str) -> None:
    def leave(_number: int, _frame: FrameType | None) -> None:
        print(f"{name} leaves", flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
    print(f"{name} is process {os.getpid()}", flush=True)
    if name == "web":
        HTTPServer(("127.0.0.1", int(port)), Ready).serve_forever()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
