"""The body of a decision on a conflict or a review, and the problem where nothing is left to decide."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from adapters.operators.resolutions import Choice, NothingToDecide, Reapply
from api.http.problem import Problem
from domain.fields import Reason


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reapply` replaces the conflict by a new command, with the same or another payload, based on
    `base_version`. Other choices need a reason when they concern somebody else's work."""

    choice: Choice | Reapply
    reason: Reason | None = None
    payload: dict[str, Any] | None = None
    base_version: Annotated[int, Meta(ge=0)] | None = None


def nothing_to_decide(id: str, error: NothingToDecide) -> Problem:
    return Problem(409, "nothing_to_decide", str(error), command_id=id, state=error.state)
