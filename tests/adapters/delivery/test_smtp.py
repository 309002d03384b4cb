"""One connection to a mail server that fails in every way: what is certain, and what is in doubt."""

from __future__ import annotations

import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from adapters.delivery.mail.smtp import MESSAGE_WITHIN, Connection, MailServer
from adapters.delivery.outcomes import Again, Down, Failed, Outcome, Sent, Uncertain
from adapters.process.clock import SystemClock
from tests.support.mailserver import Served, mail_server

FROM = "millwright@example.test"
BODY = b"Subject: x\r\n\r\nhello\r\n.\r\n.hidden\r\nend\r\n"
SOON = timedelta(milliseconds=300)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with mail_server() as found:
        yield found


def connected(port: int, **options: str) -> Connection:
    server = MailServer(**{"host": "127.0.0.1", "port": port, "tls": "none"} | options)  # type: ignore[arg-type]
    return Connection(server, monotonic=SystemClock().monotonic, reply_within=SOON)


def code(outcome: Outcome) -> str:
    assert not isinstance(outcome, Sent)
    return outcome.error.code


def test_a_mail_arrives_as_it_was_with_its_dots_and_a_connection_carries_many(served: Served) -> None:
    line = connected(served.port)
    before, opened = len(served.mail), served.mail.connections

    outcomes = [line.deliver(FROM, "ann@example.test", BODY) for _ in range(3)]
    line.quit()

    assert outcomes == [Sent()] * 3
    assert [content for _, content in served.mail.accepted[before:]] == [BODY] * 3
    assert served.mail.connections == opened + 1


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("refuse-550", Failed),
        ("late-550", Failed),
        ("again-451", Again),
        ("late-451", Again),
        ("closing-421", Again),
    ],
)
def test_the_first_digit_of_a_refusal_says_whether_to_try_again(
    served: Served, to: str, kind: type[Outcome]
) -> None:
    line = connected(served.port)

    refused = line.deliver(FROM, f"{to}@example.test", BODY)
    after = line.deliver(FROM, "bob@example.test", BODY)
    line.quit()

    assert isinstance(refused, kind)
    assert code(refused) == "mail_refused"
    assert after == Sent()


@pytest.mark.parametrize("how", ["cut-after", "cut-before", "hang"])
def test_a_reply_that_never_comes_leaves_a_whole_message_in_doubt(served: Served, how: str) -> None:
    line = connected(served.port)

    outcome = line.deliver(FROM, f"{how}@example.test", BODY)
    after = line.deliver(FROM, "bob@example.test", BODY)
    line.quit()

    assert isinstance(outcome, Uncertain)
    assert code(outcome) == "mail_reply_lost"
    assert after == Sent()


def test_a_server_that_turns_everybody_away_is_down(served: Served) -> None:
    served.mail.greets = "421"

    outcome = connected(served.port).deliver(FROM, "ann@example.test", BODY)
    served.mail.greets = "220"

    assert isinstance(outcome, Down)


def test_where_nobody_listens_the_channel_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        outcome = connected(taken.getsockname()[1]).deliver(FROM, "ann@example.test", BODY)

    assert isinstance(outcome, Down)
    assert code(outcome) == "mail_unreachable"


def test_a_login_that_is_refused_is_no_message_s_fault(served: Served) -> None:
    outcome = connected(served.port, user="u", password="p").deliver(FROM, "ann@example.test", BODY)

    assert isinstance(outcome, Down)


def test_an_old_connection_that_the_server_has_closed_is_opened_anew() -> None:
    with mail_server(timeout=0.1) as tired:
        line = connected(tired.port)
        first = line.deliver(FROM, "ann@example.test", BODY)
        _await_end(line)

        second = line.deliver(FROM, "ann@example.test", BODY)
        line.quit()

    assert (first, second) == (Sent(), Sent())
    assert tired.mail.connections == 2


def _await_end(line: Connection) -> None:
    wire = line._wire
    assert wire is not None
    assert wire.sock is not None
    wire.sock.settimeout(5)
    wire.sock.recv(1, socket.MSG_PEEK)


def test_a_connection_that_is_opened_anew_gives_a_message_no_more_time_than_it_had(served: Served) -> None:
    began = SystemClock().monotonic()
    times = [began]
    line = connected(served.port)
    line._monotonic = lambda: times.pop(0) if len(times) > 1 else times[0]
    first = line.deliver(FROM, "prompt@example.test", BODY)

    times[:] = [began, began + MESSAGE_WITHIN.total_seconds()]
    slow = line.deliver(FROM, "slow@example.test", BODY)
    line.quit()

    assert (first, code(slow)) == (Sent(), "mail_cut")
    assert served.mail.to("slow@example.test") == []


def test_a_server_that_does_not_offer_tls_gets_nothing(served: Served) -> None:
    before = len(served.mail)

    outcome = connected(served.port, tls="starttls").deliver(FROM, "ann@example.test", BODY)

    assert isinstance(outcome, Down)
    assert len(served.mail) == before


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {cert}"
    )
    named = "-days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), *named.split()], check=True, capture_output=True)
    return key, cert


@contextmanager
def tls_server(certificate: tuple[Path, Path]) -> Iterator[Served]:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with mail_server(tls_context=context, require_starttls=True) as served:
        yield served


def test_starttls_carries_mail_to_a_server_whose_certificate_is_trusted(
    certificate: tuple[Path, Path],
) -> None:
    with tls_server(certificate) as served:
        trusting = connected(served.port, tls="starttls", trusted=str(certificate[1]))
        doubting = connected(served.port, tls="starttls")

        taken, refused = (line.deliver(FROM, "ann@example.test", BODY) for line in (trusting, doubting))
        trusting.quit()

        assert taken == Sent()
        assert isinstance(refused, Down)
        assert len(served.mail) == 1


class _Script(socketserver.BaseRequestHandler):
    """Says its lines, one for each it hears; then `last` decides."""

    lines: ClassVar = [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n"]

    def handle(self) -> None:
        heard = self.request.makefile("rb")
        for line in self.lines:
            self.request.sendall(line)
            heard.readline()
        self.last()

    def last(self) -> None:
        """What it does when it has heard DATA."""


@contextmanager
def scripted(handler: type[_Script]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_line_cut_before_the_message_s_end_leaves_no_doubt() -> None:
    class Cuts(_Script):
        def last(self) -> None:
            self.request.sendall(b"354 go on\r\n")
            self.request.recv(1000)

    with scripted(Cuts) as port:
        outcome = connected(port).deliver(FROM, "ann@example.test", BODY * 300_000)

    assert isinstance(outcome, Again)
    assert code(outcome) == "mail_cut"


def test_a_server_that_gives_up_before_the_message_s_end_has_refused_it() -> None:
    class Refuses(_Script):
        def last(self) -> None:
            self.request.sendall(b"354 go on\r\n552 that is too much\r\n")
            self.request.recv(1000)

    with scripted(Refuses) as port:
        outcome = connected(port).deliver(FROM, "ann@example.test", BODY)

    assert isinstance(outcome, Failed)
    assert outcome.error.message.startswith("552")


def test_a_reply_that_drips_is_not_awaited_for_ever() -> None:
    dripping = threading.Event()

    class Drips(_Script):
        def last(self) -> None:
            while not dripping.wait(0.05):
                try:
                    self.request.sendall(b"3")
                except OSError:
                    return

    with scripted(Drips) as port:
        outcome = connected(port).deliver(FROM, "ann@example.test", BODY)
        dripping.set()

    assert isinstance(outcome, Again)


def test_an_unreadable_reply_at_the_end_leaves_it_in_doubt() -> None:
    class Mumbles(_Script):
        def last(self) -> None:
            self.request.sendall(b"354 go on\r\n")
            heard = b""
            while not heard.endswith(b"\r\n.\r\n"):
                heard += self.request.recv(1000)
            self.request.sendall(b"fine by me\r\n")

    with scripted(Mumbles) as port:
        outcome = connected(port).deliver(FROM, "ann@example.test", BODY)

    assert isinstance(outcome, Uncertain)
