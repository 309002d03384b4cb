"""Parked: out of its line, which goes on, until a person has decided or what it waits for has come.

How a parked command looks, and how it comes back, is said here. The rest of the rule, and of the lanes that
wait behind such commands, lives with those who apply it:

- who is parked:
  `workers/drain/lanes.py` (behind what blocks its lane; for a review; until what it names exists),
  `workers/drain/fold.py` (behind a create that is stuck), `waiters.strand` (behind what got stuck since)
- what blocks a lane, once it is parked, dead or in conflict: `verdicts.blocking`
- which blockers a batch sees, its own included: `workers/drain/snapshot.py`
- what is unset in which state: `verdicts.verdict_update`
- who brings it back: `waiters` (an ending, an arrival, a settled conflict), `resolutions` (an approval)
"""

from __future__ import annotations

from datetime import datetime

from adapters.commands.document import DUE, LAST, event
from adapters.commands.verdicts import DECIDED, Verdict
from adapters.mongo.client import Document


def parked(
    command: Document,
    *,
    at: datetime,
    after: list[str],
    why: Document | None = None,
    marks: Document,
) -> Verdict:
    """The verdict on a command that waits for a person, or for others: those named by `after`."""
    told = (why or {}) | ({"after": after} if after else {})
    return Verdict(
        command=command,
        state="parked",
        events=[event(command, command.get("events", 0), "command.parked", at=at, data=told)],
        error=why,
        after=after,
        marks=marks,
        attempts=command["attempts"],
    )


def back() -> Document:
    """The update by which a parked command runs again, at the end of its line.

    It goes on blocking its lane until it has ended: who is parked behind it comes next.
    """
    return {
        "$set": dict(DUE),
        "$unset": dict.fromkeys(("after", *DECIDED, "error"), ""),
        "$currentDate": LAST,
    }
