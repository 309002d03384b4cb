"""What threads share is read before there are threads."""

from __future__ import annotations

import subprocess
import sys

from adapters.settings.table import ROOT

THREADS_AT_ONCE = """
import sys, threading
import msgspec
from adapters.commands.document import Origin
from domain.kinds import ENTITIES, LEDGER
from tasks.catalogue import catalogue

sys.setswitchinterval(1e-6)
types = [*ENTITIES.values(), *LEDGER, Origin, *(spec.payload for spec in catalogue().values())]

def convert(type, together):
    together.wait()
    for name in reversed(type.__struct_encode_fields__):  # the last is read last
        try:
            msgspec.convert({name: 1}, type)
        except msgspec.ValidationError:
            pass

for type in types:
    together = threading.Barrier(6)
    threads = [threading.Thread(target=convert, args=(type, together)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("lived")
"""


def test_threads_that_meet_a_type_for_the_first_time_at_once_live() -> None:
    """In a process of its own, which a type that is read by two threads at once may end."""
    ran = subprocess.run(
        [sys.executable, "-c", THREADS_AT_ONCE],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ran.returncode, ran.stdout.strip()) == (0, "lived"), ran.stderr[-2_000:]
