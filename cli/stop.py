"""What ends a command with a message for a person instead of a traceback."""

import typer
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from rich.console import Console
from rich.text import Text

from adapters.mongo.client import Contention, Unavailable, UnknownOutcome
from adapters.mongo.demo_guard import DemoInProduction
from adapters.settings.table import SettingsError


class Stop(Exception):
    """One sentence: what is wrong, and what to do about it. The command exits with 1."""


def first_words(error: Exception) -> str:
    """A driver's message without its description of the whole topology."""
    return str(error).split(", full error:")[0].split(", Timeout:")[0]


def exit_code(app: typer.Typer) -> int:
    """Runs the command line; 1 after a clear message where the user can do something about it."""
    try:
        app(prog_name="millwright")
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
