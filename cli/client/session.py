"""Who is signed in at which address, kept for the next command in a file that only this user can read."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from adapters.settings.table import inherited
from cli.stop import Stop


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An address, and the tokens that its login gave."""

    url: str
    email: str
    access_token: str
    refresh_token: str | None = None
    """The value of the refresh cookie; None where the server gave none."""


def path() -> Path:
    """The session file: MILLWRIGHT_SESSION, or `millwright/session.json` in the user's configuration."""
    env = inherited()
    if chosen := env.get("MILLWRIGHT_SESSION"):
        return Path(chosen)
    home = env.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "millwright" / "session.json"


def load() -> Session:
    """Raises: Stop: nobody is signed in, or the file is not one that `login` wrote."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Session)
    except FileNotFoundError:
        raise Stop("Nobody is signed in: run `./millwright login EMAIL`.") from None
    except (OSError, msgspec.DecodeError) as error:
        raise Stop(f"{path()} cannot be read ({error}): run `./millwright login EMAIL`.") from None


def save(session: Session) -> None:
    """Replaces the file in one step. Raises: Stop: it cannot be written."""
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_name(f"{file.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(session))
        new.replace(file)
    except OSError as error:
        raise Stop(f"{file} cannot be written: {error.strerror}.") from None


def forget() -> bool:
    """Whether somebody was signed in."""
    try:
        path().unlink()
    except FileNotFoundError:
        return False
    return True
