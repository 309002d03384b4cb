"""What the code has, for the checks to hold manifests, rules and pages against: paths, metrics, commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx
import typer

from adapters.process.metrics import Metrics
from adapters.settings.table import ROOT
from cli.__main__ import build
from cli.processes import procfile
from workers.process.probes import Probes

STORES = {"MONGO_URI": "mongodb://nowhere", "REDIS_URL": "redis://nowhere", "JWT_SECRET": "s" * 40}


LIST_PATHS = """
import json, sys
from pathlib import Path
from adapters.settings.table import Settings
from api.app import create_app
app = create_app(Settings.load(json.loads(sys.argv[1]), Path("/nonexistent")))
print(json.dumps([route.path for route in app.routes]))
"""


@cache
def web_paths() -> frozenset[str]:
    """Every path that the web process has a route for.

    In a process of its own: msgspec 0.22 breaks the heap at the end of one that holds the structs of the
    application and of the command line.
    """
    listed = subprocess.run(
        [sys.executable, "-c", LIST_PATHS, json.dumps(STORES)], cwd=ROOT, capture_output=True, check=True
    )
    return frozenset(json.loads(listed.stdout))


@cache
def is_served(process: str, path: str) -> bool:
    """Whether `web`, `worker` or `scheduler` answers a GET of this path."""
    if process == "web":
        return path in web_paths()
    with Probes(0, live=lambda: True, ready=lambda: True) as probes:
        return httpx.get(f"http://127.0.0.1:{probes.port}{path}").status_code != HTTPStatus.NOT_FOUND


@cache
def metric_labels() -> Mapping[str, frozenset[str]]:
    """Every series that the application writes, with the labels it has."""
    registry = Metrics().registry
    labels = {
        sample.name: frozenset(sample.labels) for family in registry.collect() for sample in family.samples
    }
    for collector, names in registry._collector_to_names.items():
        declared = frozenset(getattr(collector, "_labelnames", ()))
        for name in names:
            labels[name] = declared | ({"le"} if name.endswith("_bucket") else set())
    return labels


def is_command(argv: Sequence[str]) -> bool:
    """Whether these arguments start something: a process of the Procfile, or the command line's own command
    with options that it knows."""
    if list(argv) in [entry.argv for entry in procfile.read(ROOT / "Procfile")]:
        return True
    return bool(argv) and argv[0] == "./millwright" and not unknown(argv[1:])


def unknown(arguments: Sequence[str]) -> str | None:
    """The first word or option after `./millwright` that the command line does not know, if there is one."""
    command: Any = typer.main.get_command(build())
    words = list(arguments)
    while hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            break
        name = words.pop(0)
        if name not in command.commands:
            return name
        command = command.commands[name]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("--") and option not in known | {"--help"}:
            return option
    return None
