"""Logs are events with fields: JSON lines in production, coloured lines for a person elsewhere."""

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

from adapters.settings.table import Settings

HIDDEN = "***"
SECRET_FIELD = re.compile(r"password|secret|token|authorization|cookie|otp", re.IGNORECASE)
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")

# These libraries log nothing that our events and metrics do not show.
QUIET = ("pymongo", "uvicorn.access", "asyncio")

PRETTY = (
    "<dim>{time:HH:mm:ss.SSS}</dim> <level>{level: <7}</level> {message}"
    "<dim>{extra[_fields]}</dim>\n{exception}"
)


def configure(settings: Settings, process: str, *, to: TextIO | None = None) -> None:
    """Send all logs, those of standard `logging` too, to `to` (default: stderr)."""
    stream = to or sys.stderr
    logger.remove()
    # `diagnose` would print the values of local variables, secrets among them.
    shape: Any = "{message}" if settings.is_production else _pretty

    def write(message: "Message") -> None:
        # Only now does the text contain the traceback, so credentials are masked here.
        stream.write(_json(message.record) if settings.is_production else CREDENTIALS.sub(HIDDEN, message))
        stream.flush()

    colorize = not settings.is_production and stream.isatty()
    options: Any = {"backtrace": False, "diagnose": False, "colorize": colorize}
    logger.add(write, level=settings.log_level, format=shape, **options)
    logger.configure(extra={"process": process}, patcher=_hide)
    logging.basicConfig(handlers=[_Intercept()], level=logging.INFO, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Intercept(logging.Handler):
    """Forwards logs of libraries to loguru, under the library's name."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        event = logger.bind(logger=record.name).opt(exception=record.exc_info)
        event.log(level, "{}", record.getMessage())


def _hide(record: "Record") -> None:
    """Mask passwords, tokens and credentials in URLs before they reach a sink."""
    record["message"] = CREDENTIALS.sub(HIDDEN, record["message"])
    for name, value in record["extra"].items():
        if SECRET_FIELD.search(name):
            record["extra"][name] = HIDDEN
        elif isinstance(value, str):
            record["extra"][name] = CREDENTIALS.sub(HIDDEN, value)


def _json(record: "Record") -> str:
    event: dict[str, Any] = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "message": record["message"],
        **record["extra"],
    }
    if failure := record["exception"]:
        event["error"] = CREDENTIALS.sub(HIDDEN, repr(failure.value))
        event["traceback"] = CREDENTIALS.sub(HIDDEN, _traceback(failure))
    return msgspec.json.encode(event, enc_hook=str).decode() + "\n"


def _traceback(failure: Any) -> str:
    return "".join(logging.Formatter().formatException(tuple(failure)))


def _pretty(record: "Record") -> str:
    shown = (
        f" {name}={value}" for name, value in record["extra"].items() if name not in ("process", "_fields")
    )
    record["extra"]["_fields"] = "".join(shown)
    return PRETTY
