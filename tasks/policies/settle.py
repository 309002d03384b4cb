"""policies.settle"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from domain.policies import Policies
from tasks.command import Payload, handles
from tasks.work import Work


class Settle(Payload, frozen=True, kw_only=True):
    policies_id: Literal["tenant"]
    version: Annotated[int, Meta(ge=1)]


@handles("policies.settle", permission=None, internal=True)
def settle(cmd: Settle, work: Work) -> None:
    """Mark the policies as settled: every watched order uses this version."""
    policies = work.load(Policies)
    if policies.fresh and policies.version == cmd.version:
        work.save(replace(policies, fresh=False))
        work.emit("policies.settled", version=cmd.version)
