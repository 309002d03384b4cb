"""`./millwright COMMAND`: every module of `cli.commands` is a command, named as the module is.

A module with an `app` (a `typer.Typer`) is a group of commands; any other has one function `main`.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated

import typer

from adapters.process.release import VERSION
from cli import commands
from cli.stop import exit_code

HELP = "Millwright: work orders, preventive maintenance and offline field work."


def build() -> typer.Typer:
    """The whole command line; a new command needs no change here."""
    root = typer.Typer(help=HELP, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
    root.callback()(_options)
    for command in iter_modules(commands.__path__):
        module = import_module(f"{commands.__name__}.{command.name}")
        name = command.name.rstrip("_").replace("_", "-")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            root.add_typer(group, name=name, help=module.__doc__)
        else:
            context_settings = getattr(module, "CONTEXT_SETTINGS", None)
            root.command(name, help=module.__doc__, context_settings=context_settings)(module.main)
    return root


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"millwright {VERSION}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the release")
]


def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the release")
    ] = False,
) -> None:
    """The options of the command line itself."""


def run() -> int:
    return exit_code(build())


if __name__ == "__main__":
    sys.exit(run())
