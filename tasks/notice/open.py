"""notice.open"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from domain.ids import Id
from domain.notice import Audience, Notice, NoticeKind, Params, Step, Target, Told, Valid
from tasks.command import Payload, handles
from tasks.work import Work


class Open(Payload, frozen=True, kw_only=True):
    id: Id
    about: Target
    step: Step
    kind: NoticeKind
    audience: Audience
    channels: Annotated[tuple[Told, ...], Meta(min_length=1, max_length=3)]
    critical: bool = False
    params: Params = msgspec.field(default_factory=dict)
    valid: Valid = Valid()


@handles("notice.open", permission=None, internal=True)
def open_notice(cmd: Open, work: Work) -> None:
    """Tell people something; said again it changes nothing."""
    if work.find(Notice) is not None:
        return
    work.save(
        Notice(
            id=work.target_id,
            about=cmd.about,
            step=cmd.step,
            template=cmd.kind,
            audience=cmd.audience,
            channels=cmd.channels,
            critical=cmd.critical,
            params=cmd.params,
            valid=cmd.valid,
        )
    )
    work.emit("notice.opened", about=cmd.about, step=cmd.step, kind=cmd.kind, critical=cmd.critical)
