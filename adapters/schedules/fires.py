"""Stores the state of each schedule, and a record of every fire that requested commands.

`schedules` {_id: name, last_slot, last_fired_at, last_commands, passed_over, paused?, requests, fence}
`fires` {_id: "<name>@<slot>", schedule, slot, by, state: running | done, began_at, ended_at?, commands,
fence}

A fire is recorded before its first command, so that one whose process died is run again; the keys of its
commands prevent duplicates. A fire that requests nothing only updates `last_slot`.
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
"""How long a finished fire is kept."""


class Fire(msgspec.Struct, frozen=True, kw_only=True):
    """One fire, by the rule or at a person's request (`request`: its id)."""

    schedule: str
    slot: datetime
    request: str | None = None

    @property
    def id(self) -> str:
        instant = self.slot.strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.schedule}@{instant}" + (f"+{self.request}" if self.request else "")


class Fires:
    """Reads and writes the records. Writes of a fire are fenced: a holder of an expired lease changes
    nothing."""

    def __init__(self, db: Database[Any]) -> None:
        majority = db.with_options(codec_options=CODEC, write_concern=MAJORITY)
        self._states, self._fires = majority["schedules"], majority["fires"]

    def state(self, name: str) -> Document:
        """The stored state of a schedule."""
        return self._states.find_one({"_id": name}) or {"_id": name}

    def unfinished(self, name: str) -> Fire | None:
        """The oldest fire that a dead process left running, or None."""
        row = self._fires.find_one({"schedule": name, "state": "running"}, sort=[("slot", 1)])
        if row is None:
            return None
        return Fire(schedule=name, slot=row["slot"], request=row.get("request"))

    def begin(self, fire: Fire, lease: Lease, *, now: datetime) -> None:
        """Record that the fire has started, or started again."""
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
            update = {"$set": {"state": "running"}, "$inc": {"tries": 1}}
            self._fires.update_one(fenced({"_id": fire.id}, lease), stamped(update, lease))

    def end(self, fire: Fire, lease: Lease, *, commands: int, now: datetime) -> None:
        """Record that the fire is done."""
        update = {"$set": {"state": "done", "ended_at": now}, "$inc": {"commands": commands}}
        self._fires.update_one(fenced({"_id": fire.id}, lease), stamped(update, lease))

    def passed(self, name: str, *, last: datetime, over: int) -> None:
        """Record the last slot of a schedule, which never goes back, and the number of slots skipped."""
        update = {"$max": {"last_slot": last}, "$inc": {"passed_over": over}}
        self._states.update_one({"_id": name}, update, upsert=True)

    def set_back(self, name: str, *, seen: datetime, to: datetime) -> None:
        """The clock was set back: the schedule has come as far as this slot, unless somebody says otherwise
        meanwhile."""
        self._states.update_one({"_id": name, "last_slot": seen}, {"$set": {"last_slot": to}})

    def fired(self, fire: Fire, *, commands: int, now: datetime) -> None:
        """Record the number of commands requested, and remove the person's request, if there was one."""
        update: Document = {"$set": {"last_fired_at": now, "last_commands": commands}}
        if fire.request:
            update["$pull"] = {"requests": {"id": fire.request}}
        self._states.update_one({"_id": fire.schedule}, update, upsert=True)

    def latest(self, name: str, count: int) -> list[Document]:
        """The latest fires of a schedule, newest first."""
        return list(self._fires.find({"schedule": name}).sort("slot", -1).limit(count))
