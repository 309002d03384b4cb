"""A command that takes any JSON, for what no declared field would let in."""

from __future__ import annotations

from typing import Any

from domain.ids import Id
from tasks.command import Payload, Spec, handles
from tasks.work import Work


class Note(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    value: Any


@handles("thing.note", permission=None)
def note(cmd: Note, work: Work) -> None:  # never applied
    """Takes anything."""


SPEC: Spec = note.__dict__["spec"]
