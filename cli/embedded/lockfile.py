"""One process at a time for a data directory; the kernel frees the lock however its holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.process.clock import Clock
from cli.stop import Stop

RELEASE_WITHIN_S = 20.0
LOOK_EVERY_S = 0.1


@contextmanager
def hold(path: Path, data_dir: Path) -> Iterator[None]:
    """Raises: Stop: another process holds it."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Stop(
                f"Millwright already runs with the data in {data_dir} (process {file.read().strip()}). "
                f"Stop it, or start this one with another DATA_DIR."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def await_release(path: Path, data_dir: Path, *, clock: Clock, within_s: float = RELEASE_WITHIN_S) -> None:
    """Returns when nobody holds the file's lock; what a killed holder left in it is no hindrance.

    Raises: Stop: a living process still holds it after `within_s`, or it may not be read.
    """
    deadline = clock.monotonic() + within_s
    while is_held(path, data_dir):
        if clock.monotonic() > deadline:
            raise Stop(
                f"Another mongod (process {path.read_text().strip()}) uses the data in {data_dir}. "
                f"Stop it, or start this one with another DATA_DIR."
            )
        clock.sleep(LOOK_EVERY_S)


def is_held(path: Path, data_dir: Path) -> bool:
    """Whether a living process holds the file's lock. Raises: Stop: this user may not look."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except PermissionError:
        raise Stop(
            f"This user may not write to {path}: give it the directory {data_dir}, or set another DATA_DIR."
        ) from None
    return False
