"""webhook.set"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.fields import Secret
from domain.ids import Id
from domain.notices.webhook import MOST_TYPES, EventType, Webhook, WebhookUrl, endpoint, updated_webhook
from tasks.command import Payload, handles
from tasks.work import Work


class SetWebhook(Payload, frozen=True, kw_only=True):
    id: Id | None = None
    url: WebhookUrl
    events: Annotated[list[EventType], Meta(min_length=1, max_length=MOST_TYPES)]
    secret: Secret | None = None
    active: bool = True


@handles("webhook.set", permission="integrations.manage", touches=("url", "events", "active"))
def set_webhook(cmd: SetWebhook, work: Work) -> None:
    """Create, change or deactivate a webhook, which posts events to a URL."""
    old = work.find(Webhook)
    new = updated_webhook(
        old,
        id=work.target_id,
        url=cmd.url,
        events=tuple(cmd.events),
        secret=cmd.secret,
        active=cmd.active,
        now=work.now,
    )
    if not endpoint(new.url).is_secure:
        work.warn(
            "insecure_url",
            "events are posted without https only to addresses in networks that this installation allows",
        )
    work.save(new)
    # Neither the secret nor the URL, which may contain one.
    work.emit("webhook.updated" if old else "webhook.created", active=new.active, events=list(new.events))
