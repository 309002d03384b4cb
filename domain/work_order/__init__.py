"""Work orders: the model, the table of transitions, approvals and the books."""

from domain.work_order.model import WorkOrder

__all__ = ["WorkOrder"]
