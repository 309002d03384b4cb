"""Claims on ledger rows, and what happens to rows whose claim expires.

A claim has the token of one round of one courier, which is never used again, and expires by the server's
time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateMany
from pymongo.database import Database

from adapters.delivery.outcomes import Again, Trouble, Uncertain
from adapters.delivery.row_updates import SET_BACK, from_now, is_free, outcome_update, state_change
from adapters.mongo.client import MAJORITY, Document, translated

CLAIM = timedelta(seconds=60)
MOST_AT_ONCE = 2_000
"""Most rows read at once, and so most rows of one message."""

WORKER_LOST = Trouble("worker_lost", "its worker ended while it was being sent")

Group = list[Document]
"""Due rows of one recipient, oldest first."""


class Ledger:
    """Claims rows and changes their state. `token` names one round of one courier and is never used again.

    Every method raises: Unavailable, Contention. `sweep` handles rows left behind after that.
    """

    def __init__(self, db: Database[Any], *, claim: timedelta = CLAIM) -> None:
        self._rows = db.get_collection("deliveries", write_concern=MAJORITY)
        self._claim = claim

    def next_tenant(self, channel: str, now: datetime, *, after: str) -> str | None:
        """The next tenant, in the order of their ids, that has rows which may be claimed."""
        return self._next("tenant_id", self._free(channel, now) | {"tenant_id": {"$gt": after}})

    def next_recipient(self, channel: str, now: datetime, tenant_id: str, *, after: str) -> str | None:
        """The next recipient of this tenant that has such rows."""
        theirs = {"tenant_id": tenant_id, "recipient": {"$gt": after}}
        return self._next("recipient", self._free(channel, now) | theirs)

    def _next(self, field: str, query: Document) -> str | None:
        order = [("tenant_id", 1), ("recipient", 1)]
        with translated():
            found = self._rows.find_one(query, [field], sort=order)
        return found[field] if found else None

    def _free(self, channel: str, now: datetime) -> Document:
        return {
            "channel": channel,
            "state": "pending",
            "due_at": {"$lte": now},
            "claimed_until": {"$not": {"$gt": now, "$lte": now + self._claim + SET_BACK}},
        }

    def due(
        self, channel: str, now: datetime, most: int, *, tenant_id: str, recipient: str | None = None
    ) -> list[Document]:
        """Rows of this tenant, or of one recipient, that may be claimed: critical ones first, then oldest
        first."""
        query = self._free(channel, now) | {"tenant_id": tenant_id}
        if recipient is not None:
            query["recipient"] = recipient
        order = [("critical", -1), ("due_at", 1)]
        with translated():
            return list(self._rows.find(query).sort(order).limit(most))

    def groups(self, rows: Sequence[Document], now: datetime) -> list[Group]:
        """All due rows of these rows' recipients, without recipients claimed by another courier."""
        recipients = dict.fromkeys((row["tenant_id"], row["recipient"]) for row in rows)
        if not recipients:
            return []
        query = {
            "channel": rows[0]["channel"],
            "state": "pending",
            "due_at": {"$lte": now},
            "$or": [{"tenant_id": tenant, "recipient": recipient} for tenant, recipient in recipients],
        }
        by_recipient: dict[tuple[str, str], Group] = {key: [] for key in recipients}
        with translated():
            for row in self._rows.find(query).sort([("due_at", 1), ("_id", 1)]).limit(MOST_AT_ONCE):
                by_recipient[row["tenant_id"], row["recipient"]].append(row)
        return [
            group
            for group in by_recipient.values()
            if group and not any(self._is_claimed(row, now) for row in group)
        ]

    def take_groups(self, groups: Sequence[Group], token: str) -> list[Group]:
        """Claim groups, and return their claimed rows. Whoever claims the oldest row of a group gets the
        rest, so that two couriers do not split a person's rows into two messages."""
        ours = self.take([group[0] for group in groups], token)
        won = [group for group in groups if group[0]["_id"] in ours]
        ours |= self.take([row for group in won for row in group[1:]], token)
        return [[row for row in group if row["_id"] in ours] for group in won]

    def take(self, rows: Sequence[Document], token: str) -> set[str]:
        """Claim the rows that are pending and free, and return their `_id`s."""
        if not rows:
            return set()
        ids = [row["_id"] for row in rows]
        with translated():
            self._rows.update_many(
                {"_id": {"$in": ids}, "state": "pending", "$expr": is_free("claimed_until", self._claim)},
                [{"$set": {"claimed_by": token, "claimed_until": self._until()}}],
            )
            ours = self._rows.find({"_id": {"$in": ids}, "state": "pending", "claimed_by": token}, ["_id"])
            return {row["_id"] for row in ours}

    def begin(
        self, rows: Sequence[Document], id: str, token: str, *, before: Sequence[UpdateMany] = ()
    ) -> list[Document]:
        """Mark rows as `sending`, durably, with that message id; writes the updates `before` in the same
        round trip.

        Returns the rows that were still claimed, in their new state: only those may be sent.
        """
        ids = [row["_id"] for row in rows]
        mine = {
            "_id": {"$in": ids},
            "state": "pending",
            "claimed_by": token,
            "$expr": {"$gt": ["$claimed_until", "$$NOW"]},
        }
        change = state_change("sending", {"attempts": {"$add": ["$attempts", 1]}, "message_id": id}) | {
            "claimed_until": self._until()
        }
        with translated():
            self._rows.bulk_write([*before, UpdateMany(mine, [{"$set": change}])])
            started_rows = {
                row["_id"]: row
                for row in self._rows.find({"_id": {"$in": ids}, "state": "sending", "claimed_by": token})
            }
        return [row | started_rows[row["_id"]] for row in rows if row["_id"] in started_rows]

    def write(self, updates: Sequence[UpdateMany]) -> None:
        """Apply updates of `row_updates.py`."""
        if updates:
            with translated():
                self._rows.bulk_write(list(updates))

    def sweep(self, channels: Iterable[str], *, repeatable: bool) -> int:
        """Update rows whose worker died while sending: to `pending` if receivers recognise repeats, else to
        `uncertain`. Returns their number."""
        abandoned = {
            "state": "sending",
            "channel": {"$in": list(channels)},
            "$expr": is_free("claimed_until", self._claim),
        }
        update = outcome_update(Again(WORKER_LOST, timedelta()) if repeatable else Uncertain(WORKER_LOST))
        with translated():
            return self._rows.update_many(abandoned, update).modified_count

    def _is_claimed(self, row: Document, now: datetime) -> bool:
        until: datetime = row.get("claimed_until", now)
        return now < until <= now + self._claim + SET_BACK

    def _until(self) -> Document:
        return from_now(self._claim)
