"""The kinds of entity and of ledger row there are: a new kind is named here once."""

from domain.asset import Asset
from domain.entity import Entity, Entry
from domain.ledger import LINES
from domain.part import Part, StockMovement
from domain.request import Request
from domain.work_order.model import WorkOrder

_KINDS: tuple[type[Entity], ...] = (
    Asset,
    Part,
    Request,
    WorkOrder,
)

ENTITIES: dict[str, type[Entity]] = {cls.kind: cls for cls in _KINDS}

LEDGER: tuple[type[Entry], ...] = (*LINES, StockMovement)
