"""Work orders: the model, transitions, approvals, ledger and totals."""

from domain.work_order.model import WorkOrder

__all__ = ["WorkOrder"]
