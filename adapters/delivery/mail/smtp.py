"""One connection to the mail server, which always knows whether the server may have taken a message.

The exceptions of smtplib do not say when a connection broke. Whether the server may have taken a message
depends only on whether its final dot was sent. So the body is written without the dot first, and any failure
there is `Again`; the dot is a write of its own, after which only a reply decides: without one the outcome is
`Uncertain`.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec

from adapters.delivery.outcomes import Again, Down, Failed, Outcome, Sent, Trouble, Uncertain

CONNECT_WITHIN = timedelta(seconds=10)
REPLY_WITHIN = timedelta(seconds=15)
"""Timeout for one whole reply, however slowly it arrives."""

MESSAGE_WITHIN = timedelta(seconds=45)
"""Timeout for one message, including the connection: shorter than a claim."""

_LONGEST_REPLY = 16_384
_CUT = (OSError, smtplib.SMTPException)


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server that mails are submitted to. `tls`: starttls, tls or none."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = ""
    name: str = "localhost"
    """Our host name in EHLO."""
    trusted: str | None = None
    """A file of CA certificates to trust instead of the system's."""


class _Deadline(smtplib.SMTP):
    """An SMTP client whose replies have a deadline: smtplib waits without limit as long as bytes arrive."""

    def __init__(
        self,
        *args: Any,
        monotonic: Callable[[], float],
        reply_within: timedelta,
        until: float,
        **options: Any,
    ) -> None:
        self.until = until
        self.reply_within = reply_within
        self._monotonic = monotonic
        self._read = b""
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        """The next reply. Raises: SMTPServerDisconnected; OSError, also on a timeout."""
        deadline = min(self._monotonic() + self.reply_within.total_seconds(), self.until)
        lines: list[bytes] = []
        while True:
            line = self._line(deadline)
            lines.append(line[4:].strip())
            if not line[:3].isdigit():
                return -1, line
            if line[3:4] != b"-":
                self._reset_timeout()
                return int(line[:3]), b"\n".join(lines)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._read:
            left = deadline - self._monotonic()
            if left <= 0 or self.sock is None or len(self._read) > _LONGEST_REPLY:
                raise TimeoutError("no complete reply in time")
            self.sock.settimeout(left)
            data = self.sock.recv(4096)
            if not data:
                raise smtplib.SMTPServerDisconnected("the server has closed the connection")
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line

    def is_silent(self) -> bool:
        """Whether the server has sent nothing, and not closed, since the last reply. Raises: OSError."""
        if self.sock is None:
            return False
        self.sock.settimeout(0)
        try:
            self._read += self.sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        finally:
            self._reset_timeout()
        return False

    def _reset_timeout(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.timeout)

    def starttls(self, *, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:  # type: ignore[override]
        """Start TLS. Bytes received before the handshake were unencrypted, and are dropped."""
        reply = super().starttls(context=context)
        self._read = b""
        return reply


class _DeadlineTls(_Deadline, smtplib.SMTP_SSL):
    pass


class Connection:
    """A connection, opened when needed and reused for many messages. For one thread."""

    def __init__(
        self,
        server: MailServer,
        *,
        monotonic: Callable[[], float],
        reply_within: timedelta = REPLY_WITHIN,
    ) -> None:
        self._server = server
        self._reply_within = reply_within
        self._monotonic = monotonic
        self._wire: _Deadline | None = None

    def deliver(
        self,
        sender: str,
        recipient: str,
        message: bytes,
        options: tuple[str, ...] = (),
        *,
        until: float | None = None,
    ) -> Outcome:
        """Submit one message (CRLF line ends), by `until` on the monotonic clock at the latest."""
        is_reused, cut = self._wire is not None, None
        until = until or self._monotonic() + MESSAGE_WITHIN.total_seconds()
        try:
            wire = self._wire or self._open(until)
            wire.until = until
        except _CUT as error:
            self.close()
            return Down(_trouble("mail_unreachable", error))
        try:
            refused = _envelope(wire, sender, recipient, options)
            if refused is None:
                wire.send(_dot_stuffed(message))
                refused = _early_reply(wire)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            return self._after(Failed(_trouble("address_not_supported", error)))
        except _CUT as error:
            refused, cut = (421, b""), error
        if refused is None:
            return self._finish(wire)
        if refused[0] == 421 and is_reused and self._monotonic() < until:
            # The server had timed the old connection out: retry on a new one. `until` stays, because after
            # the claim expires the worker counts as dead.
            self.close()
            return self.deliver(sender, recipient, message, options, until=until)
        if cut is not None:
            self.close()
            return Again(_trouble("mail_cut", cut))
        return self._outcome_of(refused)

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def quit(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.reply_within = timedelta(seconds=1)
            with suppress(*_CUT):
                wire.quit()
            wire.close()

    def _finish(self, wire: _Deadline) -> Outcome:
        """Send the final dot. From its first byte on, the server may have taken the message."""
        try:
            wire.send(b".\r\n")
            code, text = wire.getreply()
        except _CUT as error:
            self.close()
            return Uncertain(_trouble("mail_reply_lost", error))
        if 200 <= code < 300:
            return Sent()
        if 400 <= code < 600:
            return self._outcome_of((code, text))
        self.close()
        return Uncertain(Trouble("mail_reply_unreadable", _text(code, text)))

    def _outcome_of(self, reply: tuple[int, bytes]) -> Outcome:
        code, text = reply
        error = Trouble("mail_refused", _text(code, text))
        outcome = Failed(error) if 500 <= code < 600 else Again(error)
        if code in (421, -1):
            self.close()
            return outcome
        return self._after(outcome)

    def _after(self, outcome: Outcome) -> Outcome:
        """Return the outcome, after resetting the connection for the next message or closing it."""
        try:
            if self._wire is not None:
                self._wire.rset()
        except _CUT:
            self.close()
        return outcome

    def _open(self, until: float) -> _Deadline:
        """A new connection. Raises: OSError, SMTPException: the server is unavailable."""
        server = self._server
        within = CONNECT_WITHIN.total_seconds()
        where = (server.host, server.port, server.name)
        options: dict[str, Any] = {
            "monotonic": self._monotonic,
            "reply_within": self._reply_within,
            "until": until,
            "timeout": within,
        }
        wire: _Deadline
        context = ssl.create_default_context(cafile=server.trusted)
        if server.tls == "tls":
            wire = _DeadlineTls(*where, context=context, **options)
        else:
            wire = _Deadline(*where, **options)
        self._wire = wire
        if wire.sock is not None:
            # Without Nagle's algorithm: it would hold the dot back until the body is acknowledged, some 40
            # ms.
            wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls == "starttls":
            wire.starttls(context=context)
        wire.ehlo_or_helo_if_needed()
        if server.user:
            wire.login(server.user, server.password)
        return wire


def _envelope(
    wire: _Deadline, sender: str, recipient: str, options: tuple[str, ...]
) -> tuple[int, bytes] | None:
    """Send the envelope, up to DATA. Returns the reply that refused it, or None."""
    code, text = wire.mail(sender, options)
    if code == 250:
        code, text = wire.rcpt(recipient)
    if code in (250, 251):
        code, text = wire.docmd("DATA")
    return None if code == 354 else (code, text)


def _early_reply(wire: _Deadline) -> tuple[int, bytes] | None:
    """The reply that arrived before the message's end, if any: the server has aborted.

    Raises: OSError, SMTPException: the server has closed the connection.
    """
    if wire.is_silent():
        return None
    code, text = wire.getreply()
    return (code if code >= 400 else 421), text


def _dot_stuffed(message: bytes) -> bytes:
    """The body with leading dots doubled, so that no line looks like the end."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def _trouble(code: str, error: Exception) -> Trouble:
    if isinstance(error, smtplib.SMTPResponseException):
        what = error.smtp_error
        text = what.encode() if isinstance(what, str) else what
        return Trouble(code, _text(error.smtp_code, text))
    return Trouble(code, f"{type(error).__name__}: {error}"[:300])


def _text(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}"[:300]
