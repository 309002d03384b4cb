"""The readable resources: who may see them, and how they can be filtered, searched and sorted."""

from __future__ import annotations

from typing import get_args

from adapters.delivery.ledger import CHANNELS, STATES
from adapters.mongo.client import Document
from api.http.query import flag, ids, moment, text, words
from api.views.resource import Resource
from domain.assets.asset import Criticality
from domain.identity.actor import Actor
from domain.plan.model import State as PlanState
from domain.request import Status as RequestStatus
from domain.work_order.model import Priority, Type
from domain.work_order.transitions import OPEN, STATUSES, Status

FINISHED: tuple[Status, ...] = tuple(status for status in STATUSES if status not in OPEN)


def _own_requests(actor: Actor) -> Document:
    """Users who may not read work orders see only their own requests."""
    return {} if actor.can("workorders.read") else {"requester": actor.user_id}


def _own_notifications(actor: Actor) -> Document:
    return {"channel": "in_app", "state": "sent", "recipient": actor.user_id}


_TIMES = {
    "created_after": moment("created_at", "$gte"),
    "created_before": moment("created_at", "$lt"),
    "updated_after": moment("updated_at", "$gte"),
    "updated_before": moment("updated_at", "$lt"),
}
_SORTS = {"created_at": "created_at", "updated_at": "updated_at", "id": "_id"}

WORK_ORDERS = Resource(
    path="work-orders",
    name="work order",
    collection="work_orders",
    permission="workorders.read",
    filters={
        "status": words("status", get_args(Status)),
        "type": words("type", get_args(Type)),
        "priority": words("priority", get_args(Priority)),
        "asset_id": ids("asset_id"),
        "assignee_id": ids("assignee_ids"),
        "team_id": ids("team_id"),
        "number": words("number"),
        "plan_id": ids("plan.id"),
        "open": flag({"status": {"$nin": FINISHED}}, {"status": {"$in": FINISHED}}),
        "due_after": moment("due_at", "$gte"),
        "due_before": moment("due_at", "$lt"),
        "completed_after": moment("completed_at", "$gte"),
        "completed_before": moment("completed_at", "$lt"),
        "q": text("title", "number", "description"),
        **_TIMES,
    },
    sorts=_SORTS | {"due_at": "due_at", "number": "number", "title": "title", "completed_at": "completed_at"},
    named=("asset_id", "assignee_ids", "parts"),
)

ASSETS = Resource(
    path="assets",
    name="asset",
    collection="assets",
    permission="assets.read",
    filters={
        "parent_id": ids("parent_id"),
        "criticality": words("criticality", get_args(Criticality)),
        "tag": words("tag"),
        "location": words("location"),
        "down": flag({"down_since": {"$type": "date"}}, {"down_since": None}),
        "in_service": flag({"decommissioned_at": None}, {"decommissioned_at": {"$ne": None}}),
        "q": text("name", "tag", "location"),
        **_TIMES,
    },
    sorts=_SORTS | {"name": "name", "tag": "tag"},
    named=("parent_id",),
    hidden=("downtimes",),
    default_sort="name",
)

PARTS = Resource(
    path="parts",
    name="part",
    collection="parts",
    permission="inventory.read",
    filters={
        "number": words("number"),
        "negative": flag({"stock": {"$lt": 0}}, {"stock": {"$gte": 0}}),
        "q": text("name", "number"),
        **_TIMES,
    },
    sorts=_SORTS | {"name": "name", "number": "number", "stock": "stock"},
    default_sort="name",
)

REQUESTS = Resource(
    path="requests",
    name="request",
    collection="requests",
    permission="workrequests.read",
    filters={
        "status": words("status", get_args(RequestStatus)),
        "asset_id": ids("asset_id"),
        "requester": ids("requester"),
        "q": text("title", "description"),
        **_TIMES,
    },
    sorts=_SORTS | {"title": "title"},
    visible=_own_requests,
)

PLANS = Resource(
    path="plans",
    name="plan",
    collection="plans",
    permission="pm.read",
    filters={
        "state": words("state", get_args(PlanState)),
        "asset_id": ids("rules.targets.asset_id"),
        "calendar_id": ids("rules.calendar_id"),
        "due_after": moment("next_due_at", "$gte"),
        "due_before": moment("next_due_at", "$lt"),
        "q": text("rules.name"),
        **_TIMES,
    },
    sorts=_SORTS | {"name": "rules.name", "next_due_at": "next_due_at"},
    default_sort="name",
)

METERS = Resource(
    path="meters",
    name="meter",
    collection="meters",
    permission="pm.read",
    filters={
        "asset_id": ids("asset_id"),
        "plan_id": ids("plans"),
        "unit": words("unit"),
        "q": text("name"),
        **_TIMES,
    },
    sorts=_SORTS | {"name": "name", "last_read_at": "last_read_at"},
    default_sort="name",
    hidden=("recent",),
)

CALENDARS = Resource(
    path="calendars",
    name="calendar",
    collection="calendars",
    permission="pm.read",
    filters={"q": text("name"), **_TIMES},
    sorts=_SORTS | {"name": "name"},
    default_sort="name",
)

USERS = Resource(
    path="users",
    name="user",
    collection="users",
    permission="users.read",
    filters={
        "role": words("roles"),
        "active": flag({"active": True}, {"active": False}),
        "q": text("name", "email"),
    },
    sorts={"name": "name", "email": "email", "created_at": "created_at", "id": "_id"},
    default_sort="name",
    shown=("id", "version", "email", "name", "roles", "active", "created_at", "updated_at"),
)

NOTIFICATIONS = Resource(
    path="notifications",
    name="notification",
    collection="deliveries",
    permission=None,
    filters={
        "kind": words("kind"),
        "about": words("about"),
        "critical": flag({"critical": True}, {"critical": False}),
        "created_after": _TIMES["created_after"],
        "created_before": _TIMES["created_before"],
    },
    sorts={"created_at": "created_at"},
    visible=_own_notifications,
    shown=("id", "about", "step", "kind", "critical", "params", "created_at"),
)

DELIVERIES = Resource(
    path="operator/deliveries",
    name="delivery",
    collection="deliveries",
    permission="ops.read",
    filters={
        "state": words("state", STATES),
        "channel": words("channel", CHANNELS),
        "recipient": words("recipient"),
        "about": words("about"),
        "created_after": _TIMES["created_after"],
        "created_before": _TIMES["created_before"],
    },
    sorts={"created_at": "created_at"},
    shown=(
        "id", "notice_id", "event_id", "about", "step", "kind", "recipient", "channel", "state", "critical",
        "digest", "due_at", "attempts", "message_id", "error", "params", "created_at", "sent_at", "ended_at",
        "history",
    ),
)  # fmt: skip

WEBHOOKS = Resource(
    path="webhooks",
    name="webhook",
    collection="webhooks",
    permission="integrations.read",
    filters={
        "event": words("events"),
        "active": flag({"active": True}, {"active": False}),
        "q": text("url"),
        **_TIMES,
    },
    sorts=_SORTS | {"url": "url"},
    # A list of what is shown, not of what is hidden, so that no secret slips out.
    shown=("id", "version", "url", "events", "active", "active_since", "created_at", "updated_at"),
    named=("id",),  # its health is stored apart, and changes without the document
)

RESOURCES: tuple[Resource, ...] = (
    WEBHOOKS,
    WORK_ORDERS,
    ASSETS,
    PARTS,
    REQUESTS,
    PLANS,
    METERS,
    CALENDARS,
    USERS,
    NOTIFICATIONS,
    DELIVERIES,
)
