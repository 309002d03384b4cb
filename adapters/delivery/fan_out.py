"""Notices into the ledger: for each person and channel one row, however often a notice is spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from loguru import logger
from pymongo import UpdateOne
from pymongo.database import Database

from adapters.delivery.audience import Facts, mail_at, obsolete, reason
from adapters.delivery.ledger import State, insert, row
from adapters.delivery.mail.channel import NOT_CONFIGURED
from adapters.delivery.outcomes import Trouble
from adapters.delivery.row_updates import from_now, is_free
from adapters.mongo.client import MAJORITY, Document, document_id, translated
from adapters.process.metrics import Metrics
from domain.notices.preferences import Personal, Preferences

AT_ONCE = 100
"""Notices spread in one go."""

CLAIM = timedelta(seconds=30)
PERSONAL: tuple[Personal, ...] = ("in_app", "email")
"""Webhooks are told of notices by their events."""


class Listener(NamedTuple):
    """Somebody who is told; `as_assignee`: only because the order is theirs."""

    person: Document
    as_assignee: bool


class Spreader:
    """`tick` until it finds nothing. A claim only saves work: the rows' ids are derived, so that spreading
    twice leaves one of each."""

    def __init__(self, db: Database[Any], metrics: Metrics, *, mail_configured: bool) -> None:
        self._db = db
        self._notices = db.get_collection("notices", write_concern=MAJORITY)
        self._facts = Facts(db)
        self._metrics = metrics
        self._mail_configured = mail_configured

    def tick(self, now: datetime, token: str) -> int:
        """Spreads some notices; how many. `token` is used once. Raises: Unavailable, Contention."""
        notices = self._take(token)
        if not notices:
            return 0
        audiences = self._audiences(notices)
        people = {one.person["_id"]: one.person for told in audiences.values() for one in told}
        preferences = self._facts.preferences(people)
        orders = self._facts.orders(notices)
        rows: list[Document] = []
        done: list[UpdateOne] = []
        for notice in notices:
            made = [
                made
                for one in audiences[notice["_id"]]
                for made in self._rows(notice, one, preferences.get(one.person["_id"]), orders, now)
            ]
            rows += made
            spread: Document = {"spread_at": "$$NOW", "rows": len(made), "spread_by": "$$REMOVE"}
            done.append(UpdateOne({"_id": notice["_id"]}, [{"$set": spread}]))
        self._count(insert(self._db, rows))
        with translated():
            self._notices.bulk_write(done, ordered=False)
        return len(notices)

    def _take(self, token: str) -> list[Document]:
        """Some unspread notices that nobody else is at, by the server's time."""
        free = is_free("spread_until", CLAIM)
        with translated():
            found = self._notices.find({"spread_at": None, "$expr": free}, ["_id"]).limit(AT_ONCE)
            ids = [notice["_id"] for notice in found]
            if not ids:
                return []
            claim = {"spread_by": token, "spread_until": from_now(CLAIM)}
            mine = {"_id": {"$in": ids}, "spread_at": None}
            self._notices.update_many(mine | {"$expr": free}, [{"$set": claim}])
            return list(self._notices.find(mine | {"spread_by": token}))

    def _audiences(self, notices: Sequence[Document]) -> dict[str, list[Listener]]:
        """Who is to be told each notice: those it names, also if they have left, and who has the roles."""
        named = [
            {"tenant_id": notice["tenant_id"], "recipient": user}
            for notice in notices
            for user in _named(notice)
        ]
        users = self._facts.people(named)
        in_roles: dict[str, list[Document]] = {}
        for tenant, roles in _roles(notices).items():
            in_roles[tenant] = self._facts.in_roles(tenant, roles)
        return {notice["_id"]: _audience(notice, users, in_roles) for notice in notices}

    def _rows(
        self,
        notice: Document,
        listener: Listener,
        preferences: Preferences | None,
        orders: dict[str, Document],
        now: datetime,
    ) -> Iterator[Document]:
        person = listener.person
        preferences = preferences or Preferences(id=person["id"])
        valid = notice["valid"] | ({"assigned_to": person["id"]} if listener.as_assignee else {})
        error = obsolete(notice | {"kind": notice["template"], "valid": valid}, orders)
        if not person["active"]:
            error = reason("user_inactive")
        for channel in PERSONAL:
            if channel not in notice["channels"] or channel not in preferences.channels:
                continue
            state, why = self._begins(channel, error)
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

    def _begins(self, channel: Personal, error: Trouble | None) -> tuple[State, Trouble | None]:
        """What a new row is: in the app it is there as soon as it is written."""
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
    """All roles that are asked for, by tenant."""
    wanted: dict[str, set[str]] = {}
    for notice in notices:
        if roles := notice["audience"]["roles"]:
            wanted.setdefault(notice["tenant_id"], set()).update(roles)
    return wanted


def _named(notice: Document) -> dict[str, bool]:
    """The people it names by id; True: only because the order is theirs."""
    told = notice["audience"]
    return dict.fromkeys(told.get("assignee_ids", ()), True) | dict.fromkeys(told["user_ids"], False)


def _audience(
    notice: Document, users: dict[str, Document], in_roles: dict[str, list[Document]]
) -> list[Listener]:
    tenant = notice["tenant_id"]
    found: dict[str, Listener] = {}
    for user, as_assignee in _named(notice).items():
        if person := users.get(document_id(tenant, user)):
            found[user] = Listener(person, as_assignee)
        else:
            logger.warning("a notice names nobody of this tenant", notice=notice["_id"], user=user)
    roles = set(notice["audience"]["roles"])
    for person in in_roles.get(tenant, ()):
        if roles.intersection(person["roles"]):
            found[person["id"]] = Listener(person, as_assignee=False)
    return list(found.values())
