"""A process that is a courier and nothing else: <database URI> <port of the mail server> <claim, seconds>"""

from __future__ import annotations

import random
import secrets
import sys
import threading
from datetime import timedelta

from adapters.delivery.mail.channel import MailSender
from adapters.delivery.mail.smtp import MailServer
from adapters.mongo import client as mongo
from adapters.process.clock import SystemClock
from adapters.process.metrics import Metrics
from tests.support.delivery_desk import FROM
from workers.delivery import courier
from workers.delivery.courier import Courier


def main(uri: str, port: str, claim: str) -> None:
    clock = SystemClock()
    setattr(courier, "SWEEP_EVERY", timedelta(milliseconds=200))  # noqa: B010 - mypy forbids the plain one
    sender = MailSender(
        MailServer(host="127.0.0.1", port=int(port), tls="none"),
        app_url="https://cmms.example.test",
        mail_from=FROM,
        now=clock.now,
        monotonic=clock.monotonic,
    )
    Courier(
        mongo.client(uri).get_default_database(),
        [sender],
        mail_configured=True,
        now=clock.now,
        new_token=lambda: secrets.token_hex(16),
        monotonic=clock.monotonic,
        chance=random.SystemRandom(),
        metrics=Metrics(),
        claim=timedelta(seconds=float(claim)),
    ).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
