"""A real SMTP server that misbehaves as the recipient's address says:

refuse-550@…  again-451@…  late-550@…  hang@…  cut-before@…  cut-after@…   anybody else gets their mail
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mail:
    """What the server has accepted, whatever its client came to know of it."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, bytes]] = []
        self.connections = 0
        self.greets = "220"
        self.heard = 0
        self.on_heard: Callable[[int], None] = lambda _: None
        self.on_taken: Callable[[int], None] = lambda _: None
        """Called in the server's thread, before it answers, with how many there were."""
        self._lock = threading.Lock()

    def take(self, recipient: str, content: bytes) -> None:
        with self._lock:
            self.accepted.append((recipient, content))
        self.on_taken(len(self.accepted))

    def __len__(self) -> int:
        return len(self.accepted)

    def to(self, recipient: str) -> list[EmailMessage]:
        return [parsed(content) for to, content in self.accepted if to == recipient]

    def ids(self) -> list[str]:
        """Every Message-ID in order of arrival."""
        return [message_from_bytes(content)["Message-ID"] for _, content in self.accepted]


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


class Handler:
    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        word = address.partition("@")[0]
        if word == "refuse-550":
            return "550 nobody of that name"
        if word == "again-451":
            return "451 greylisted"
        if word == "closing-421":
            assert server.transport is not None
            asyncio.get_running_loop().call_soon(server.transport.close)
            return "421 closing"
        self._mail.heard += 1
        self._mail.on_heard(self._mail.heard)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient, content = envelope.rcpt_tos[0], envelope.original_content or b""
        word = recipient.partition("@")[0]
        if word == "late-550":
            return "550 this content is not welcome"
        if word == "late-451":
            return "451 later"
        if word == "cut-before":
            _abort(server)
            return "250 never heard"
        if word == "hang":
            await asyncio.sleep(3600)
        self._mail.take(recipient, content)
        if word == "cut-after":
            _abort(server)
        return "250 ok"


def _abort(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


class _Server(SMTP):
    def __init__(self, mail: Mail, *args: Any, **options: Any) -> None:
        self._mail = mail
        super().__init__(*args, **options)

    async def push(self, status: Any) -> None:
        """The greeting is ours to choose; what is said into a line that we have cut is nobody's fault."""
        text = status if isinstance(status, str) else status.decode()
        if text.startswith("220 ") and "ESMTP-MILLWRIGHT" in text:
            self._mail.connections += 1
            text = text.replace("220", self._mail.greets, 1)
        try:
            await super().push(text)
        except ConnectionError:
            return


class _Controller(Controller):
    def __init__(self, mail: Mail, port: int, **options: Any) -> None:
        self._mail = mail
        super().__init__(Handler(mail), hostname="127.0.0.1", port=port, ready_timeout=10, **options)

    def factory(self) -> SMTP:
        return _Server(self._mail, self.handler, ident="ESMTP-MILLWRIGHT", **self.SMTP_kwargs)


class Served:
    def __init__(self, mail: Mail, port: int) -> None:
        self.mail = mail
        self.port = port


@contextmanager
def mail_server(**options: Any) -> Iterator[Served]:
    """Runs in a thread of its own while the block does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mail = Mail()
    controller = _Controller(mail, port, **options)
    controller.start()
    mail.connections = 0  # the controller has tried it itself
    try:
        yield Served(mail, port)
    finally:
        controller.stop(no_assert=True)
