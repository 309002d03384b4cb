"""The secrets that payloads bring: whoever shows a command shows it through here.

The store keeps them as long as the command may still be applied, no longer (`adapters/commands/verdicts.py`).
"""

from __future__ import annotations

from adapters.mongo.client import Document
from tasks.catalogue import catalogue

MASK = "********"
"""Too short to be taken for a secret, should somebody send it back."""

_PAYLOADS = ("payload", "new_payload")


def given_secrets(command: Document, payload: str = "payload") -> list[str]:
    """The secret members that this payload has. Of a type unknown here nothing is known."""
    spec = catalogue().get(command["type"])
    if spec is None or not spec.secrets:
        return []
    return [name for name in sorted(spec.secrets) if command[payload].get(name) is not None]


def masked(command: Document) -> Document:
    """The command, its payloads without what is secret in them."""
    hidden = {
        name: command[name] | dict.fromkeys(given_secrets(command, name), MASK)
        for name in _PAYLOADS
        if name in command
    }
    return command | hidden
