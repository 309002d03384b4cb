"""How a command can fail, in the words of the business; `workers/drain/fate.py` says how each ends."""

from collections.abc import Sequence
from typing import Any


class Refusal(Exception):
    """The business answers; a program reads `code`, a person reads the message.

    `params` fill the message in another language; `path` names the payload's field where one is to blame.
    """

    def __init__(self, code: str, message: str, *, path: str | None = None, **params: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.params = params


class Rejected(Refusal):
    """The business says no, now and for ever: never retried."""


class Missing(Rejected):
    """The named entity does not exist (yet). The executor waits if its create is still on the way."""

    def __init__(self, kind: str, id: str, *, path: str | None = None) -> None:
        super().__init__(f"unknown_{kind}", f"there is no {kind.replace('_', ' ')} {id}", path=path)
        self.kind = kind
        self.id = id


class Conflict(Refusal):
    """The base the user saw has moved and no rule merges. `diff` rows: path, base, mine, server, by, at."""

    def __init__(self, code: str, message: str, *, diff: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(code, message)
        self.diff = list(diff)


class Transient(Exception):
    """Something outside is down: try again later, with backoff, and give up at last as `dead`."""
