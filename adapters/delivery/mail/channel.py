"""The e-mail channel: composes one mail for one person's rows and submits it to the mail server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import parseaddr

from jinja2 import TemplateError

from adapters.delivery.mail.compose import Composer
from adapters.delivery.mail.smtp import Connection, MailServer
from adapters.delivery.outcomes import Failed, Outcome, Trouble
from adapters.mongo.client import Document

NOT_CONFIGURED = Trouble("mail_not_configured", "no mail server is configured: set SMTP_HOST and send again")


class NoMail:
    """The e-mail channel without a configured mail server: every row fails with that reason."""

    channel = "email"
    threads = 1
    collapses = False
    repeatable = False

    def send(self, rows: Sequence[Document]) -> Outcome:  # noqa: ARG002 - all fail alike
        return Failed(NOT_CONFIGURED)

    def rest(self) -> None:
        """There is nothing to close."""


class MailSender:
    """The sender of mails. Each thread that uses it has its own connection."""

    channel = "email"
    collapses = True
    # Mailboxes do not recognise a repeated Message-ID, so what may have arrived is not sent again
    # automatically.
    repeatable = False

    def __init__(
        self,
        server: MailServer,
        *,
        app_url: str,
        mail_from: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        threads: int = 2,
    ) -> None:
        self.threads = threads
        self._server = server
        self._composer = Composer(app_url=app_url, mail_from=mail_from)
        self._sender = parseaddr(mail_from)[1]
        self._now = now
        self._monotonic = monotonic
        self._local = threading.local()

    def send(self, rows: Sequence[Document]) -> Outcome:
        person = rows[0]["person"]
        if not person.get("email"):
            return Failed(Trouble("no_address", f"{person['name']} has no e-mail address"))
        try:
            mail = self._composer.compose(rows, self._now())
            content, options = _encoded(mail, person["email"])
        except (ValueError, TemplateError) as error:  # nothing has been sent yet
            return Failed(Trouble("cannot_compose", f"{type(error).__name__}: {error}"))
        return self._connection().deliver(self._sender, person["email"], content, options)

    def rest(self) -> None:
        self._connection().quit()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = Connection(self._server, monotonic=self._monotonic)
        return connection


def _encoded(mail: EmailMessage, address: str) -> tuple[bytes, tuple[str, ...]]:
    """The mail as bytes, and the SMTP extensions it needs."""
    if address.isascii():
        return mail.as_bytes(), ()
    return mail.as_bytes(policy=SMTPUTF8), ("SMTPUTF8", "BODY=8BITMIME")
