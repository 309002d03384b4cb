"""The e-mail channel: composes one mail for one person's rows and hands it to the mail server."""

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
    """The e-mail channel where no mail server is configured: says so, row by row."""

    channel = "email"
    threads = 1
    collapses = False
    repeatable = False

    def send(self, rows: Sequence[Document]) -> Outcome:  # noqa: ARG002 - they are all the same to it
        return Failed(NOT_CONFIGURED)

    def rest(self) -> None:
        """It holds nothing."""


class MailSender:
    """A sender (see `sender.py`). Each thread that uses it has a connection of its own."""

    channel = "email"
    collapses = True
    # A mailbox does not recognise a Message-ID: what may have arrived is not sent again by itself.
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
        self._mine = threading.local()

    def send(self, rows: Sequence[Document]) -> Outcome:
        person = rows[0]["person"]
        if not person.get("email"):
            return Failed(Trouble("no_address", f"{person['name']} has no e-mail address"))
        try:
            mail = self._composer.compose(rows, self._now())
            content, options = _encoded(mail, person["email"])
        except (ValueError, TemplateError) as error:  # nothing has left yet
            return Failed(Trouble("cannot_compose", f"{type(error).__name__}: {error}"))
        return self._connection().deliver(self._sender, person["email"], content, options)

    def rest(self) -> None:
        self._connection().quit()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = Connection(self._server, monotonic=self._monotonic)
        return connection


def _encoded(mail: EmailMessage, address: str) -> tuple[bytes, tuple[str, ...]]:
    """The mail as it goes over the wire, and what the server must be able to take."""
    if address.isascii():
        return mail.as_bytes(), ()
    return mail.as_bytes(policy=SMTPUTF8), ("SMTPUTF8", "BODY=8BITMIME")
