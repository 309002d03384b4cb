"""Every kind of entity and of ledger row. Add a new kind here."""

from functools import reduce
from operator import or_
from typing import Any

from domain.assets.asset import Asset
from domain.assets.downtime import Downtime
from domain.assets.meter import Meter, Reading
from domain.assets.part import Part, StockMovement
from domain.entity import Entity, Entry
from domain.identity.user import TenantRoles, User
from domain.notices.notice import Notice
from domain.notices.preferences import Preferences
from domain.notices.webhook import Webhook
from domain.plan.model import Plan
from domain.policies import Policies
from domain.read_ahead import read_ahead
from domain.request import Request
from domain.time.working_calendar import Calendar
from domain.work_order.ledger import LINES
from domain.work_order.model import WorkOrder

_KINDS: tuple[type[Entity], ...] = (
    Asset,
    Calendar,
    Meter,
    Notice,
    Part,
    Plan,
    Policies,
    Preferences,
    Request,
    TenantRoles,
    User,
    Webhook,
    WorkOrder,
)

ENTITIES: dict[str, type[Entity]] = {cls.kind: cls for cls in _KINDS}

LEDGER: tuple[type[Entry], ...] = (*LINES, StockMovement, Reading, Downtime)

ROW: Any = reduce(or_, LEDGER)
"""The union of all ledger rows, distinguished by their tag."""

read_ahead(*_KINDS, ROW)
