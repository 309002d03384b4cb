"""`./millwright COMMAND`: every module of `cli.commands` is a command, named as the module is.

A module with an `app` (a `typer.Typer`) is a group of commands; any other has one function `main`.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules

import typer
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from rich.console import Console
from rich.text import Text

from adapters.mongo.client import Contention, Unavailable, UnknownOutcome
from adapters.mongo.demo_guard import DemoInProduction
from adapters.settings.table import SettingsError
from cli import commands
from cli.stop import Stop, first_words

HELP = "Millwright: work orders, preventive maintenance and offline field work."


def build() -> typer.Typer:
    """The whole command line; a new command needs no line here."""
    root = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    # With a callback it stays a group, even of one command.
    root.callback()(lambda: None)
    for found in iter_modules(commands.__path__):
        module = import_module(f"{commands.__name__}.{found.name}")
        name = found.name.rstrip("_").replace("_", "-")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            root.add_typer(group, name=name, help=module.__doc__)
        else:
            root.command(name, help=module.__doc__)(module.main)
    return root


def run() -> int:
    """The exit code: 1 after a clear line where the user can do something about it."""
    try:
        build()(prog_name="millwright")
    except SettingsError as error:
        return _complain(*(f"setting {fault}" for fault in error.faults))
    except (Stop, DemoInProduction) as error:
        return _complain(str(error))
    except (PyMongoError, Unavailable, UnknownOutcome, Contention) as error:
        return _complain(f"MongoDB does not answer as it should: {first_words(error)}")
    except RedisError as error:
        return _complain(f"Valkey does not answer as it should: {first_words(error)}")
    return 0


def _complain(*lines: str) -> int:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for line in lines:
        console.print(Text.assemble(("millwright: ", "bold red"), line))
    return 1


if __name__ == "__main__":
    sys.exit(run())
