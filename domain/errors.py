"""How a command can fail, as handlers raise it; `workers/drain/fate.py` maps each to the command's end."""

from collections.abc import Sequence
from typing import Any


class Refusal(Exception):
    """A refusal by a business rule: programs read `code`, people read the message.

    `params` fill the message in another language; `path` names the payload field at fault, if there is one.
    """

    def __init__(self, code: str, message: str, *, path: str | None = None, **params: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.params = params


class Rejected(Refusal):
    """A final refusal: never retried."""


class Missing(Rejected):
    """A referenced entity does not exist. The executor parks the command if the create is still pending."""

    def __init__(self, kind: str, id: str, *, path: str | None = None) -> None:
        super().__init__(f"unknown_{kind}", f"there is no {kind.replace('_', ' ')} {id}", path=path)
        self.kind = kind
        self.id = id


class Conflict(Refusal):
    """The version the author saw is outdated and no rule merges the changes.

    Each row of `diff`: path, base, mine, server, by, at.
    """

    def __init__(self, code: str, message: str, *, diff: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(code, message)
        self.diff = list(diff)


class Transient(Exception):
    """An outside service is down: the command is retried with backoff, and becomes `dead` in the end."""
