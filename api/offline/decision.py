"""What a person says of what waits for one, and the answer where nothing does any more."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from adapters.operators.resolutions import Choice, NothingToDecide, Reapply
from api.http.problem import Problem
from domain.fields import Reason


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`reapply` is a new command in the conflict's place: with another payload, or the same, on the version
    that has been seen now. All other choices take a reason where it is somebody else's work."""

    choice: Choice | Reapply
    reason: Reason | None = None
    payload: dict[str, Any] | None = None
    base_version: Annotated[int, Meta(ge=0)] | None = None


def nothing_to_decide(id: str, error: NothingToDecide) -> Problem:
    return Problem(409, "nothing_to_decide", str(error), command_id=id, state=error.state)
