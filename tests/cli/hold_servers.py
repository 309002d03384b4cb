"""Runs the embedded servers under the directory given, says their processes, and waits to be killed."""

import signal
import sys
from pathlib import Path

from cli.embedded import servers as embedded

with embedded.running(Path(sys.argv[1])) as servers:
    print(*(server.pid for server in servers.servers.values()), flush=True)
    signal.pause()
