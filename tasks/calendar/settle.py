"""calendar.settle"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from domain.ids import Id
from domain.time.working_calendar import Calendar
from tasks.command import Payload, handles
from tasks.work import Work


class Settle(Payload, frozen=True, kw_only=True):
    calendar_id: Id
    version: Annotated[int, Meta(ge=1)]


@handles("calendar.settle", permission=None, internal=True)
def settle(cmd: Settle, work: Work) -> None:
    """Mark the calendar as settled: everything that depends on it uses this version."""
    calendar = work.load(Calendar)
    if calendar.fresh and calendar.version == cmd.version:
        work.save(replace(calendar, fresh=False))
        work.emit("calendar.settled", version=cmd.version)
