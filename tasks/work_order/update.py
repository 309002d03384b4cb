"""work_order.update"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET, UnsetType

from domain.assets.asset import Asset
from domain.errors import Rejected
from domain.fields import Description, Instant, Title, instant
from domain.ids import Id
from domain.work_order.model import Priority, Type, WorkOrder
from tasks.command import Payload, handles
from tasks.flows.asset import asset_read, check_asset
from tasks.flows.work_order import save_change
from tasks.work import Work

FIELDS = ("title", "description", "asset_id", "type", "priority", "due_at")


class Update(Payload, frozen=True, kw_only=True):
    """A field left out stays as it is; null clears it."""

    work_order_id: Id
    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    asset_id: Id | UnsetType | None = UNSET
    type: Type | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    due_at: Instant | UnsetType | None = UNSET


def reads(cmd: Update) -> Iterable[tuple[type[Asset], str]]:
    return asset_read(cmd.asset_id or None)


@handles("work_order.update", permission="workorders.write", touches=FIELDS, reads=reads)
def update(cmd: Update, work: Work) -> None:
    """Change an order's title, description, asset, type, priority or due date."""
    order = work.load(WorkOrder)
    named = {field: value for field in FIELDS if (value := getattr(cmd, field)) is not UNSET}
    if not named:
        raise Rejected("nothing_to_change", f"name one of {', '.join(FIELDS)}")
    if cmd.due_at:
        named["due_at"] = instant(cmd.due_at)
    changed = {field: value for field, value in named.items() if value != getattr(order, field)}
    check_asset(work, changed.get("asset_id"))
    after = order.update(**changed)
    save_change(work, order, after if changed else order, "work_order.updated", fields=sorted(changed))
