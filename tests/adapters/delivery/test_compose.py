"""What a mail says, in whose language, and what it never lets through."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from adapters.delivery.mail.compose import TEMPLATES, Composer
from tests.support.delivery_desk import FROM, ident

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
ORDER = {
    "number": "WO-000007",
    "title": "Oil <b>leak</b>",
    "priority": "high",
    "status": "assigned",
    "due_at": datetime(2026, 3, 29, 6, tzinfo=UTC),
}
COMPOSER = Composer(app_url="https://cmms.example.test/", mail_from=FROM)
LINK = f"https://cmms.example.test/work-orders/{ident(7)}"


def row(kind: str = "overdue", order: dict[str, Any] | None = ORDER, **person: Any) -> dict[str, Any]:
    known = {"name": "Ann", "email": "ann@example.test", "time_zone": "Europe/Berlin"}
    return {
        "id": "abc",
        "message_id": "<abc@millwright>",
        "about": f"work_order:{ident(7)}",
        "kind": kind,
        "critical": False,
        "digest": False,
        "params": {},
        "order": order,
        "person": known | person,
    }


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize(
    ("locale", "subject", "due"),
    [
        (None, "Overdue: WO-000007 Oil <b>leak</b>", "Due: 2026-03-29 08:00 (Europe/Berlin)"),
        ("de_AT", "Überfällig: WO-000007 Oil <b>leak</b>", "Fällig: 2026-03-29 08:00 (Europe/Berlin)"),
        ("fr", "Overdue: WO-000007 Oil <b>leak</b>", "Due: 2026-03-29 08:00 (Europe/Berlin)"),
    ],
)
def test_a_mail_speaks_its_reader_s_language_and_time(locale: str | None, subject: str, due: str) -> None:
    mail = COMPOSER.compose([row(locale=locale)], NOW)

    assert mail["Subject"] == subject
    assert mail["Content-Language"] == ("de" if locale == "de_AT" else "en")
    assert due in body(mail, "plain")
    assert LINK in body(mail, "plain")
    assert f'href="{LINK}"' in body(mail, "html")


def test_what_people_write_is_text_in_html_too() -> None:
    html = body(COMPOSER.compose([row()], NOW), "html")

    assert "Oil &lt;b&gt;leak&lt;/b&gt;" in html
    assert "<b>" not in html


def test_a_title_or_name_cannot_begin_another_header() -> None:
    evil = "x\r\nBcc: everybody@example.test\r\n\r\nbody"

    mail = COMPOSER.compose([row(order=ORDER | {"title": evil}, name=evil)], NOW)

    assert mail["Bcc"] is None
    assert b"\nBcc:" not in mail.as_bytes()


@pytest.mark.parametrize("email", ["ann@example.test\r\nBcc: x@y.z", "no address", ""])
def test_an_address_that_no_header_can_hold_is_an_error(email: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's own words
        COMPOSER.compose([row(email=email)], NOW)


def test_a_kind_without_a_template_is_told_all_the_same() -> None:
    mail = COMPOSER.compose([row("never_heard_of", order=None) | {"params": {"title": "Look"}}], NOW)

    assert mail["Subject"] == "Look"
    assert "Look" in body(mail, "plain")


@pytest.mark.parametrize(
    ("offset", "subject"),
    [
        ("-PT30M", "Response is due 2026-03-03 10:00 (Europe/Berlin): WO-000007 Oil <b>leak</b>"),
        ("PT0S", "Response is late: WO-000007 Oil <b>leak</b>"),
    ],
)
def test_a_warning_ahead_of_a_deadline_does_not_say_that_it_is_late(offset: str, subject: str) -> None:
    params = {"clock": "response", "offset": offset, "deadline": "2026-03-03T09:00:00Z"}

    assert COMPOSER.compose([row("sla_response") | {"params": params}], NOW)["Subject"] == subject


def test_a_digest_lists_what_fits_and_counts_the_rest() -> None:
    mail = COMPOSER.compose([row()] * 103, NOW)

    assert mail["Subject"] == "103 things need your attention"
    assert body(mail, "plain").count(LINK) == 100
    assert "and 3 more" in body(mail, "plain")


def test_mail_is_seven_bit_on_the_wire_with_lines_that_every_server_takes() -> None:
    wire = COMPOSER.compose([row(order=ORDER | {"title": "Ölleck " * 300}, locale="de")], NOW).as_bytes()

    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert b"Auto-Submitted: auto-generated" in wire
    assert b"Message-ID: <abc@millwright>" in wire


def test_both_languages_have_the_same_templates() -> None:
    names = {folder.name: sorted(file.name for file in folder.iterdir()) for folder in TEMPLATES.iterdir()}

    assert names["en"] == names["de"]
