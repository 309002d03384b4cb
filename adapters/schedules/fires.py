"""What schedules did: the state of each, and a record of every fire that asked for something.

`schedules` {_id: name, last_slot, last_fired_at, last_commands, passed_over, paused?, requests, fence}
`fires` {_id: "<name>@<slot>", schedule, slot, by, state: running | done, began_at, ended_at?, commands,
fence}

A fire is recorded before its first command is: one whose process died is found running, and run again. The
keys of its commands make that once. A fire that finds nothing to ask for leaves only `last_slot`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo.client import CODEC, MAJORITY, Document
from locks.fence import fenced, stamped
from locks.lease import Lease

KEPT = timedelta(days=7)
"""A fire that is done is remembered for so long."""


class Fire(msgspec.Struct, frozen=True, kw_only=True):
    """One fire: the rule's, or one that a person asked for (`request`)."""

    schedule: str
    slot: datetime
    request: str | None = None

    @property
    def id(self) -> str:
        instant = self.slot.strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.schedule}@{instant}" + (f"+{self.request}" if self.request else "")


class Fires:
    """The records. Writes of a fire are fenced: a holder that slept through its lease changes nothing."""

    def __init__(self, db: Database[Any]) -> None:
        made = db.with_options(codec_options=CODEC, write_concern=MAJORITY)
        self._states, self._fires = made["schedules"], made["fires"]

    def state(self, name: str) -> Document:
        return self._states.find_one({"_id": name}) or {"_id": name}

    def unfinished(self, name: str) -> Fire | None:
        """One that a dead process has left."""
        found = self._fires.find_one({"schedule": name, "state": "running"}, sort=[("slot", 1)])
        if found is None:
            return None
        return Fire(schedule=name, slot=found["slot"], request=found.get("request"))

    def begin(self, fire: Fire, lease: Lease, *, now: datetime) -> None:
        """Record that it runs, or runs again."""
        row = {
            "_id": fire.id,
            "schedule": fire.schedule,
            "slot": fire.slot,
            "by": "person" if fire.request else "rule",
            "request": fire.request,
            "state": "running",
            "began_at": now,
            "commands": 0,
            "fence": lease.token,
        }
        try:
            self._fires.insert_one(row)
        except DuplicateKeyError:
            again = {"$set": {"state": "running"}, "$inc": {"tries": 1}}
            self._fires.update_one(fenced({"_id": fire.id}, lease), stamped(again, lease))

    def end(self, fire: Fire, lease: Lease, *, commands: int, now: datetime) -> None:
        ended = {"$set": {"state": "done", "ended_at": now}, "$inc": {"commands": commands}}
        self._fires.update_one(fenced({"_id": fire.id}, lease), stamped(ended, lease))

    def passed(self, name: str, *, last: datetime, over: int) -> None:
        """The schedule has come as far as this slot; never back, whoever writes late."""
        moved = {"$max": {"last_slot": last}, "$inc": {"passed_over": over}}
        self._states.update_one({"_id": name}, moved, upsert=True)

    def set_back(self, name: str, *, seen: datetime, to: datetime) -> None:
        """The clock was set back: the schedule has come as far as this slot, unless somebody says otherwise
        meanwhile."""
        self._states.update_one({"_id": name, "last_slot": seen}, {"$set": {"last_slot": to}})

    def fired(self, fire: Fire, *, commands: int, now: datetime) -> None:
        """So many commands were asked for; a person's request is then answered."""
        said: Document = {"$set": {"last_fired_at": now, "last_commands": commands}}
        if fire.request:
            said["$pull"] = {"requests": {"id": fire.request}}
        self._states.update_one({"_id": fire.schedule}, said, upsert=True)

    def latest(self, name: str, count: int) -> list[Document]:
        return list(self._fires.find({"schedule": name}).sort("slot", -1).limit(count))
