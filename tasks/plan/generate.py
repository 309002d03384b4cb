"""plan.generate"""

from __future__ import annotations

from domain.fields import Instant, instant
from domain.ids import Id
from domain.plan.model import Plan
from domain.work_order.model import WorkOrder
from tasks.command import Payload, handles
from tasks.flows.plan import generate_due, generation_reads
from tasks.work import Work


class Generate(Payload, frozen=True, kw_only=True):
    plan_id: Id
    at: Instant
    """The `generate_at` at which the plan was due, in server time. What is due is decided at the time it is
    applied."""


@handles("plan.generate", permission=None, numbers=WorkOrder, internal=True, refers=generation_reads)
def generate(cmd: Generate, work: Work) -> None:
    """Open the orders of a plan that are due."""
    generate_due(work, work.load(Plan), at=instant(cmd.at))
