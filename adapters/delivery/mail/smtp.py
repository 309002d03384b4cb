"""One connection to the mail server, which knows at every moment whether a message may have been taken.

smtplib tells in its exceptions that the line was cut, not when. Whether the server may have taken a message
depends on one thing only: whether the dot that ends it has begun to leave. So the body goes without its end
first, where any failure means `Again`; the end goes in a write of its own, and from there on only a reply
decides: without one it is `Uncertain`.
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
"""For the whole of one reply, however slowly it drips."""

MESSAGE_WITHIN = timedelta(seconds=45)
"""For all of one message, connecting too: less than a claim lasts."""

_LONGEST_REPLY = 16_384
_CUT = (OSError, smtplib.SMTPException)


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed in. `tls`: starttls, tls or none."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = ""
    name: str = "localhost"
    """How we introduce ourselves."""
    trusted: str | None = None
    """A file of certificates to trust instead of the system's."""


class _Deadline(smtplib.SMTP):
    """smtplib reads a reply without end as long as bytes drip; this one stops at a deadline."""

    def __init__(
        self,
        *given: Any,
        monotonic: Callable[[], float],
        reply_within: timedelta,
        until: float,
        **options: Any,
    ) -> None:
        self.until = until
        self.reply_within = reply_within
        self._monotonic = monotonic
        self._read = b""
        super().__init__(*given, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Raises: SMTPServerDisconnected; OSError: also when it takes too long."""
        deadline = min(self._monotonic() + self.reply_within.total_seconds(), self.until)
        lines: list[bytes] = []
        while True:
            line = self._line(deadline)
            lines.append(line[4:].strip())
            if not line[:3].isdigit():
                return -1, line
            if line[3:4] != b"-":
                self._wait_as_usual()
                return int(line[:3]), b"\n".join(lines)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._read:
            left = deadline - self._monotonic()
            if left <= 0 or self.sock is None or len(self._read) > _LONGEST_REPLY:
                raise TimeoutError("no whole reply in time")
            self.sock.settimeout(left)
            got = self.sock.recv(4096)
            if not got:
                raise smtplib.SMTPServerDisconnected("the server has closed the connection")
            self._read += got
        line, _, self._read = self._read.partition(b"\n")
        return line

    def is_silent(self) -> bool:
        """Whether the server has neither spoken nor hung up since we last heard it. Raises: OSError."""
        if self.sock is None:
            return False
        self.sock.settimeout(0)
        try:
            self._read += self.sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        finally:
            self._wait_as_usual()
        return False

    def _wait_as_usual(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(self.timeout)

    def starttls(self, *, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:  # type: ignore[override]
        """What came before the handshake was in the clear, and is forgotten."""
        answer = super().starttls(context=context)
        self._read = b""
        return answer


class _DeadlineTls(_Deadline, smtplib.SMTP_SSL):
    pass


class Connection:
    """Reused for many messages; opened when it is needed. For one thread."""

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
        """Hands in one message (CRLF line ends), by `until` on the monotonic clock at the latest."""
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
                wire.send(_stuffed(message))
                refused = _early(wire)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            return self._left(Failed(_trouble("address_not_supported", error)))
        except _CUT as error:
            refused, cut = (421, b""), error
        if refused is None:
            return self._finish(wire)
        if refused[0] == 421 and is_reused and self._monotonic() < until:
            # The server had grown tired of the old connection. There is no more time for it than there was: a
            # claim that ends meanwhile is taken for that of a dead worker.
            self.close()
            return self.deliver(sender, recipient, message, options, until=until)
        if cut is not None:
            self.close()
            return Again(_trouble("mail_cut", cut))
        return self._refused(refused)

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
        """The end of the body. From its first byte on the server may have taken the message."""
        try:
            wire.send(b".\r\n")
            code, text = wire.getreply()
        except _CUT as error:
            self.close()
            return Uncertain(_trouble("mail_reply_lost", error))
        if 200 <= code < 300:
            return Sent()
        if 400 <= code < 600:
            return self._refused((code, text))
        self.close()
        return Uncertain(Trouble("mail_reply_unreadable", _text(code, text)))

    def _refused(self, reply: tuple[int, bytes]) -> Outcome:
        code, text = reply
        error = Trouble("mail_refused", _text(code, text))
        outcome = Failed(error) if 500 <= code < 600 else Again(error)
        if code in (421, -1):
            self.close()
            return outcome
        return self._left(outcome)

    def _left(self, outcome: Outcome) -> Outcome:
        """The outcome, with the connection ready for the next message or closed."""
        try:
            if self._wire is not None:
                self._wire.rset()
        except _CUT:
            self.close()
        return outcome

    def _open(self, until: float) -> _Deadline:
        """Raises: OSError, SMTPException: nothing can be handed in now."""
        server = self._server
        within = CONNECT_WITHIN.total_seconds()
        where = (server.host, server.port, server.name)
        given: dict[str, Any] = {
            "monotonic": self._monotonic,
            "reply_within": self._reply_within,
            "until": until,
            "timeout": within,
        }
        wire: _Deadline
        context = ssl.create_default_context(cafile=server.trusted)
        if server.tls == "tls":
            wire = _DeadlineTls(*where, context=context, **given)
        else:
            wire = _Deadline(*where, **given)
        self._wire = wire
        if wire.sock is not None:
            # The end goes right behind the body: held back until the body is acknowledged, it costs 40 ms.
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
    """Up to where the body is asked for; the reply that refused it, if one did."""
    code, text = wire.mail(sender, options)
    if code == 250:
        code, text = wire.rcpt(recipient)
    if code in (250, 251):
        code, text = wire.docmd("DATA")
    return None if code == 354 else (code, text)


def _early(wire: _Deadline) -> tuple[int, bytes] | None:
    """The reply that came before the message's end, if one did: the server has given up on it.

    Raises: OSError, SMTPException: it has hung up.
    """
    if wire.is_silent():
        return None
    code, text = wire.getreply()
    return (code if code >= 400 else 421), text


def _stuffed(message: bytes) -> bytes:
    """A line that begins with a dot gets another, so that none looks like the end."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def _trouble(code: str, error: Exception) -> Trouble:
    if isinstance(error, smtplib.SMTPResponseException):
        what = error.smtp_error
        said = what.encode() if isinstance(what, str) else what
        return Trouble(code, _text(error.smtp_code, said))
    return Trouble(code, f"{type(error).__name__}: {error}"[:300])


def _text(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}"[:300]
