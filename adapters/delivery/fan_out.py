"""Fans notices out into the ledger: one row for each recipient and channel, even if done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from loguru import logger
from pymongo import UpdateOne
from pymongo.database import Database

from adapters.delivery.audience import Audience, invalid_because, mail_at, reason
from adapters.delivery.ledger import State, insert, row
from adapters.delivery.mail.channel import NOT_CONFIGURED
from adapters.delivery.outcomes import Trouble
from adapters.delivery.row_updates import from_now, is_free
from adapters.mongo.client import MAJORITY, Document, document_id, translated
from adapters.process.metrics import Metrics
from domain.notices.preferences import Personal, Preferences

AT_ONCE = 100
"""Most notices of one tick."""

CLAIM = timedelta(seconds=30)
PERSONAL: tuple[Personal, ...] = ("in_app", "email")
"""Not webhooks: they receive notices as events."""


class Recipient(NamedTuple):
    """A recipient. `as_assignee`: only because the order is assigned to them."""

    person: Document
    as_assignee: bool


class FanOut:
    """Call `tick` until it returns 0. Claims only save work: row ids are derived, so that fanning out twice
    leaves one row each."""

    def __init__(self, db: Database[Any], metrics: Metrics, *, mail_configured: bool) -> None:
        self._db = db
        self._notices = db.get_collection("notices", write_concern=MAJORITY)
        self._audience = Audience(db)
        self._metrics = metrics
        self._mail_configured = mail_configured

    def tick(self, now: datetime, token: str) -> int:
        """Fan out some notices, and return their number. Use a new `token` each time. Raises: Unavailable,
        Contention."""
        notices = self._take(token)
        if not notices:
            return 0
        audiences = self._audiences(notices)
        people = {one.person["_id"]: one.person for recipients in audiences.values() for one in recipients}
        preferences = self._audience.preferences(people)
        orders = self._audience.orders(notices)
        rows: list[Document] = []
        done: list[UpdateOne] = []
        for notice in notices:
            new = [
                new
                for one in audiences[notice["_id"]]
                for new in self._rows(notice, one, preferences.get(one.person["_id"]), orders, now)
            ]
            rows += new
            spread: Document = {"spread_at": "$$NOW", "rows": len(new), "spread_by": "$$REMOVE"}
            done.append(UpdateOne({"_id": notice["_id"]}, [{"$set": spread}]))
        self._count(insert(self._db, rows))
        with translated():
            self._notices.bulk_write(done, ordered=False)
        return len(notices)

    def _take(self, token: str) -> list[Document]:
        """Claim some notices that are not fanned out, and return them."""
        free = is_free("spread_until", CLAIM)
        with translated():
            free_notices = self._notices.find({"spread_at": None, "$expr": free}, ["_id"]).limit(AT_ONCE)
            ids = [notice["_id"] for notice in free_notices]
            if not ids:
                return []
            claim = {"spread_by": token, "spread_until": from_now(CLAIM)}
            mine = {"_id": {"$in": ids}, "spread_at": None}
            self._notices.update_many(mine | {"$expr": free}, [{"$set": claim}])
            return list(self._notices.find(mine | {"spread_by": token}))

    def _audiences(self, notices: Sequence[Document]) -> dict[str, list[Recipient]]:
        """The recipients by notice: the users it names, even inactive ones, and active users with its
        roles."""
        named = [
            {"tenant_id": notice["tenant_id"], "recipient": user}
            for notice in notices
            for user in _named(notice)
        ]
        users = self._audience.people(named)
        in_roles: dict[str, list[Document]] = {}
        for tenant, roles in _roles(notices).items():
            in_roles[tenant] = self._audience.in_roles(tenant, roles)
        return {notice["_id"]: _audience(notice, users, in_roles) for notice in notices}

    def _rows(
        self,
        notice: Document,
        recipient: Recipient,
        preferences: Preferences | None,
        orders: dict[str, Document],
        now: datetime,
    ) -> Iterator[Document]:
        person = recipient.person
        preferences = preferences or Preferences(id=person["id"])
        valid = notice["valid"] | ({"assigned_to": person["id"]} if recipient.as_assignee else {})
        error = invalid_because(notice | {"kind": notice["template"], "valid": valid}, orders)
        if not person["active"]:
            error = reason("user_inactive")
        for channel in PERSONAL:
            if channel not in notice["channels"] or channel not in preferences.channels:
                continue
            state, why = self._initial_state(channel, error)
            due_at = now if channel == "in_app" or error else mail_at(preferences, notice, now)
            yield row(
                tenant_id=notice["tenant_id"],
                about=notice["about"],
                step=notice["step"],
                kind=notice["template"],
                recipient=person["id"],
                channel=channel,
                at=now,
                due_at=due_at,
                critical=notice["critical"],
                digest=channel == "email" and preferences.digest == "daily" and not notice["critical"],
                state=state,
                error=why,
                params=notice["params"],
                valid=valid,
                notice_id=notice["id"],
            )

    def _initial_state(self, channel: Personal, error: Trouble | None) -> tuple[State, Trouble | None]:
        """The initial state of a row: an in-app row is `sent` as soon as it is written."""
        if error:
            return "cancelled", error
        if channel == "in_app":
            return "sent", None
        return ("pending", None) if self._mail_configured else ("failed", NOT_CONFIGURED)

    def _count(self, new: Iterable[Document]) -> None:
        ended = Counter((row["channel"], row["state"]) for row in new if row["state"] != "pending")
        for labels, number in ended.items():
            self._metrics.deliveries.labels(*labels).inc(number)


def _roles(notices: Iterable[Document]) -> dict[str, set[str]]:
    """The roles that notices name, by tenant."""
    roles_by_tenant: dict[str, set[str]] = {}
    for notice in notices:
        if roles := notice["audience"]["roles"]:
            roles_by_tenant.setdefault(notice["tenant_id"], set()).update(roles)
    return roles_by_tenant


def _named(notice: Document) -> dict[str, bool]:
    """The user ids that a notice names; True: only as assignees."""
    audience = notice["audience"]
    return dict.fromkeys(audience.get("assignee_ids", ()), True) | dict.fromkeys(audience["user_ids"], False)


def _audience(
    notice: Document, users: dict[str, Document], in_roles: dict[str, list[Document]]
) -> list[Recipient]:
    tenant = notice["tenant_id"]
    recipients: dict[str, Recipient] = {}
    for user, as_assignee in _named(notice).items():
        if person := users.get(document_id(tenant, user)):
            recipients[user] = Recipient(person, as_assignee)
        else:
            logger.warning("notice names an unknown user", notice=notice["_id"], user=user)
    roles = set(notice["audience"]["roles"])
    for person in in_roles.get(tenant, ()):
        if roles.intersection(person["roles"]):
            recipients[person["id"]] = Recipient(person, as_assignee=False)
    return list(recipients.values())
