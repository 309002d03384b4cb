"""The channels that lead outside, made from the settings."""

from __future__ import annotations

import random
from email.utils import parseaddr
from typing import Any

from pymongo.database import Database

from adapters.delivery.mail.channel import MailSender, NoMail
from adapters.delivery.mail.smtp import MailServer
from adapters.delivery.outcomes import Sender
from adapters.delivery.webhooks.channel import WebhookSender
from adapters.process.clock import Clock
from adapters.settings.table import Settings


def senders(told: Settings, db: Database[Any], clock: Clock, chance: random.Random) -> list[Sender]:
    """One for each channel. Opens nothing yet."""
    webhooks = WebhookSender(
        db, allowed=told.webhook_allowed_networks, monotonic=clock.monotonic, chance=chance
    )
    return [mail(told, clock), webhooks]


def mail(told: Settings, clock: Clock) -> Sender:
    if not told.smtp_host:
        return NoMail()
    server = MailServer(
        host=told.smtp_host,
        port=told.smtp_port,
        tls=told.smtp_tls,
        user=told.smtp_user,
        password=told.smtp_password,
        name=parseaddr(told.mail_from)[1].rpartition("@")[2],
    )
    return MailSender(
        server,
        app_url=told.frontend_url or told.own_url,
        mail_from=told.mail_from,
        now=clock.now,
        monotonic=clock.monotonic,
    )
