"""The settings of mail, and what of them production refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.delivery.mail.channel import MailSender, NoMail
from adapters.process.clock import SystemClock
from adapters.settings.table import Settings, SettingsError
from tests.adapters.settings.test_settings import PRODUCTION
from workers.delivery.channels import mail


def load(tmp_path: Path, **environ: str) -> Settings:
    return Settings.load(environ, tmp_path, servers_needed=False)


def test_without_a_mail_server_there_is_still_a_channel_that_says_so(tmp_path: Path) -> None:
    without, with_one = load(tmp_path), load(tmp_path, SMTP_HOST="mail.example.test")

    assert isinstance(mail(without, SystemClock()), NoMail)
    assert isinstance(mail(with_one, SystemClock()), MailSender)
    assert without.smtp_tls == "starttls"


@pytest.mark.parametrize("mail_from", ["nobody", "a b@c", "x@", "@y", "A <b@c>\nBcc: d@e"])
def test_a_sender_is_an_address(tmp_path: Path, mail_from: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, MAIL_FROM=mail_from)

    assert refused.value.faults == ["MAIL_FROM: must be an address, or Name <address>"]


@pytest.mark.parametrize(
    ("environ", "faults"),
    [
        ({"SMTP_HOST": "mail.example.com"}, []),
        ({"SMTP_HOST": "localhost", "SMTP_TLS": "none"}, []),
        ({"SMTP_HOST": "127.0.0.1", "SMTP_TLS": "none"}, []),
        ({"SMTP_TLS": "none"}, []),
        (
            {"SMTP_HOST": "10.0.0.5", "SMTP_TLS": "none"},
            ["SMTP_TLS: none sends mail and password in the clear; use starttls or tls"],
        ),
        (
            {"SMTP_HOST": "mail.example.com", "SMTP_PASSWORD": "ChangeMe"},
            ["SMTP_PASSWORD: holds a word that everybody guesses"],
        ),
    ],
)
def test_production_sends_no_mail_in_the_clear(
    tmp_path: Path, environ: dict[str, str], faults: list[str]
) -> None:
    assert refusals(tmp_path, PRODUCTION | environ) == faults


def refusals(tmp_path: Path, environ: dict[str, str]) -> list[str]:
    try:
        load(tmp_path, **environ)
    except SettingsError as refused:
        return refused.faults
    return []


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    assert "hunter2" not in repr(load(tmp_path, SMTP_PASSWORD="hunter2"))
