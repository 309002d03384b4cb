"""Run everything here: embedded servers, web, worker, scheduler and a demo."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from typing import Annotated
from urllib.request import urlopen

import typer
from rich.console import Console
from rich.table import Table

from adapters.process.clock import SystemClock
from adapters.settings.effective import unknown_names
from adapters.settings.table import EMBEDDED, ROOT, Settings, from_environment, inherited, table
from cli.commands.migrate import migrate
from cli.database import opened
from cli.demo import history, workday
from cli.demo import plans as demo_plans
from cli.demo import tenants as demo
from cli.embedded import ports
from cli.embedded import servers as embedded
from cli.embedded.complaints import demand_directory
from cli.processes import procfile
from cli.processes.output import Output
from cli.processes.server import Server
from cli.processes.supervisor import SELF, Child, Supervisor
from cli.stop import Stop

ASK_EVERY_S = 0.25
PATIENCE_S = 60.0


def main(
    processes: Annotated[Path, typer.Option("--procfile", help="the processes to run")] = ROOT / "Procfile",
) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    settings = from_environment(servers_needed=False)
    for sentence in unknown_names(list(table()), ROOT):
        Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
    if settings.is_production:
        raise Stop("`up` runs a demo. In production start each process of the Procfile by itself.")
    # Before anything starts: a process that cannot listen would be restarted for ever.
    ports.demand(settings.port, host=settings.host, setting="PORT")
    demand_directory(settings.data_dir)
    demo.keep_secret(settings.data_dir)
    out = Console(highlight=False, soft_wrap=True)
    with embedded.running(
        settings.data_dir, mongo_uri=_external(settings.mongo_uri), redis_url=_external(settings.redis_url)
    ) as stores:
        settings = from_environment()
        with opened(settings) as db:
            migrate(db, SystemClock(), out)
            demo.seed(db, settings, SystemClock())
            history.seed(db, SystemClock())
            demo_plans.seed(db, SystemClock())
            workday.seed(db, SystemClock())
        entries = _instances(procfile.read(processes), settings)
        asyncio.run(_supervise(settings, entries, stores.servers.values(), out))
    out.print(f"Stopped. The data stays in {settings.data_dir}.")


def _leave(number: int, _frame: FrameType | None) -> None:
    """Before the supervisor listens, a signal unwinds the stack, which stops the servers."""
    sys.exit(128 + number)


def _external(address: str) -> str | None:
    return None if address == EMBEDDED else address


def _metrics_ports(settings: Settings) -> dict[str, int]:
    """A metrics port for each process but the web: the free ones from METRICS_PORT on, as several `up` may
    run on one machine."""
    names = [*_workers(settings), "scheduler"]
    if not settings.metrics_port:
        return dict.fromkeys(names, 0)
    candidates = range(settings.metrics_port, ports.HIGHEST + 1)
    free = (port for port in candidates if port != settings.port and ports.is_free(port, settings.host))
    return {name: next(free, 0) for name in names}


def _workers(settings: Settings) -> list[str]:
    """One worker process is one entry of the Procfile, started WORKER_PROCESSES times."""
    count = settings.worker_processes
    return ["worker"] if count == 1 else [f"worker.{place + 1}" for place in range(count)]


def _instances(entries: list[procfile.Entry], settings: Settings) -> list[procfile.Entry]:
    multiplied: list[procfile.Entry] = []
    for entry in entries:
        names = _workers(settings) if entry.name == "worker" else [entry.name]
        multiplied += [procfile.Entry(name=name, argv=entry.argv) for name in names]
    return multiplied


async def _supervise(
    settings: Settings, entries: list[procfile.Entry], servers: Iterable[Server], out: Console
) -> None:
    output = Output([SELF, *(entry.name for entry in entries)])
    metrics_ports = _metrics_ports(settings)
    children = [
        Child(name=entry.name, argv=entry.argv, env=_environment(metrics_ports.get(entry.name)), cwd=ROOT)
        for entry in entries
    ]
    supervisor = Supervisor(children=children, servers=servers, output=output)
    greeting = asyncio.create_task(_greet(settings, supervisor, out))
    try:
        await supervisor.run()
    finally:
        greeting.cancel()


def _environment(metrics_port: int | None) -> dict[str, str]:
    """This process's environment, with `python` meaning this interpreter."""
    env = inherited()
    env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env.get("PATH", os.defpath)))
    env["PYTHONPATH"] = str(ROOT)
    env["PYTHONUNBUFFERED"] = "1"
    if metrics_port is not None:
        env.pop("METRICS_PORT_FILE", None)
        env["METRICS_PORT"] = str(metrics_port)
    return env


async def _greet(settings: Settings, supervisor: Supervisor, out: Console) -> None:
    """Prints the addresses and logins once the web process is ready."""
    address = settings.own_url
    deadline = supervisor.clock.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(_is_ready, f"{address}/api/health/ready"):
        if supervisor.clock.monotonic() > deadline:
            supervisor.output.line(
                SELF, f"{address} is not ready after {PATIENCE_S:.0f} s: see the lines above"
            )
            return
        await asyncio.sleep(ASK_EVERY_S)
    out.print(_welcome(address))


def _is_ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def _welcome(address: str) -> Table:
    table = Table("log in as", "role", title=f"Millwright is ready: {address}", caption=_caption(address))
    for login in demo.logins():
        if login.tenant_id != "other":
            table.add_row(login.email, login.role)
    return table


def _caption(address: str) -> str:
    lines = (
        f"password {demo.PASSWORD}",
        f"a second tenant: …@other.{demo.DOMAIN}",
        f"technician's app: {address}/app",
        f"desk and operators' console: {address}/console",
        f"API: {address}/api/docs",
    )
    return "\n".join(lines)
