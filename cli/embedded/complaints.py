"""Turns the end of a server's log into one line that says what to do."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile

from cli.embedded.ports import PortTaken
from cli.stop import Stop

MIB = 1024 * 1024
FULL_BELOW_MIB = 32
# mongod's exit code for it, and what WiredTiger and mongod say before they abort.
DATA_FROM_ANOTHER_VERSION = 62
ANOTHER_VERSION = (
    "unsupported WiredTiger source file version",
    "unsupported WiredTiger file version",
    "UPGRADE PROBLEM",
)


def demand_directory(data_dir: Path) -> None:
    """Makes the directory. Raises: Stop: this user cannot write there."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise Stop(
            f"DATA_DIR is {data_dir}, where this user cannot write: {error.strerror}. "
            f"Give it the directory, or set another DATA_DIR."
        ) from None


def demand_room(data_dir: Path, *, room_mib: int) -> None:
    """Raises: Stop: the directory cannot be written, or its disk is too full to start on."""
    demand_directory(data_dir)
    free_mib = shutil.disk_usage(data_dir).free // MIB
    if free_mib < room_mib:
        raise Stop(
            f"Only {free_mib} MiB are free on the disk of {data_dir}, and the servers need {room_mib}. "
            f"Free some space, or put the data elsewhere with DATA_DIR."
        )


def mongo(log: str, code: int, data_dir: Path) -> str:
    """Why mongod ended with this exit code, from the end of its log. Raises: PortTaken."""
    if code == DATA_FROM_ANOTHER_VERSION or any(words in log for words in ANOTHER_VERSION):
        return (
            f"The data in {data_dir / 'mongo'} was written by another version of MongoDB. "
            f"Run that version and set MONGO_URI to it, or start empty with another DATA_DIR."
        )
    if "DBPathInUse" in log:
        return f"Another mongod uses {data_dir / 'mongo'}: stop it, or set another DATA_DIR."
    return _common(log, code, name="MongoDB", data_dir=data_dir, log_name="mongod.log", setting="MONGO_URI")


def valkey(log: str, code: int, data_dir: Path) -> str:
    """Why valkey-server ended with this exit code, from the end of its log. Raises: PortTaken."""
    return _common(log, code, name="Valkey", data_dir=data_dir, log_name="valkey.log", setting="REDIS_URL")


def _is_full(data_dir: Path) -> bool:
    return data_dir.is_dir() and shutil.disk_usage(data_dir).free < FULL_BELOW_MIB * MIB


def _common(log: str, code: int, *, name: str, data_dir: Path, log_name: str, setting: str) -> str:
    # On a full disk the server may not even write its log.
    if "No space left on device" in log or _is_full(data_dir):
        return f"{name} stopped: the disk of {data_dir} is full. Free some space, or set another DATA_DIR."
    if "Address already in use" in log:
        raise PortTaken(f"{name} stopped: another program took its port in the meantime. Start again.")
    if "Permission denied" in log:
        return f"{name} may not write to {data_dir}: give this user the directory, or set another DATA_DIR."
    if "error while loading shared libraries" in log:
        missing = log.split("error while loading shared libraries:")[1].strip().splitlines()[0]
        return (
            f"{name} misses a system library ({missing}): install it, or set {setting} to a running server."
        )
    return f"{name} stopped at once (exit code {code}): {data_dir / log_name} says why."
