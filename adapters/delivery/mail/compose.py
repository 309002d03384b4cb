"""Composes mails from templates/<language>/<kind>.{subject,txt,html}.j2, for one person.

A kind without a template uses `notice`; an unsupported language falls back to English. In HTML everything is
escaped; a subject is always one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from adapters.mongo.client import Document
from domain.errors import Rejected
from domain.time.local_time import to_local, zone

TEMPLATES = Path(__file__).parent / "templates"
ENGLISH = "en"
LISTED = 100
"""Most items that a digest lists; the rest are counted."""

_LONGEST_SUBJECT = 200
_POLICY = SMTP.clone(cte_type="7bit")  # not every server on the way accepts 8 bits


class Composer:
    """`app_url`: the start of links; `mail_from`: the configured sender."""

    def __init__(self, *, app_url: str, mail_from: str) -> None:
        self._app_url = app_url.rstrip("/")
        self._from = mail_from
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def compose(self, rows: Sequence[Document], now: datetime) -> EmailMessage:
        """The mail for these rows of one person; a digest if there are several, or the row is marked so.

        Raises: ValueError: an address or name that is invalid in a header; TemplateError.
        """
        person, first = rows[0]["person"], rows[0]
        language = self._language(person)
        items = [self._item(row, language) for row in rows[:LISTED]]
        is_digest = len(rows) > 1 or first["digest"]
        kind = "digest" if is_digest else first["kind"]
        context = items[0] | {
            "person": _one_line(person["name"]),
            "items": items,
            "total": len(rows),
            "app": self._app_url,
        }
        subject = self._part(language, kind, "subject", context)
        message = EmailMessage(policy=_POLICY)
        message["Subject"] = _one_line(subject)
        message["From"] = _mailbox(*parseaddr(self._from))
        message["To"] = _mailbox(person["name"], person["email"])
        message["Date"] = format_datetime(now)
        message["Message-ID"] = first["message_id"]
        message["X-Millwright-Delivery"] = first["id"] if len(rows) == 1 else first["message_id"].strip("<>")
        message["Auto-Submitted"] = "auto-generated"
        context["subject"] = _one_line(subject)
        message.set_content(self._part(language, kind, "txt", context))
        message.add_alternative(self._part(language, kind, "html", context), subtype="html")
        message["Content-Language"] = language  # last, because setting the content drops such headers
        return message

    def _language(self, person: Document) -> str:
        language = str(person.get("locale") or ENGLISH).replace("_", "-").partition("-")[0].lower()
        known = {folder.name for folder in TEMPLATES.iterdir() if folder.is_dir()}
        return language if language in known else ENGLISH

    def _item(self, row: Document, language: str) -> Document:
        """The template values of one row: the order as it is now, overridden by the notice's parameters."""
        zone_name = row["person"]["time_zone"]
        context: Document = {**(row.get("order") or {}), **row.get("params", {})}
        context = {
            name: _shown(name, value, zone_name) for name, value in context.items() if value is not None
        }
        path, _, id = row["about"].partition(":")
        context["link"] = f"{self._app_url}/work-orders/{id}" if path == "work_order" else self._app_url
        context["line"] = _one_line(self._part(language, row["kind"], "subject", context))
        return context

    def _part(self, language: str, kind: str, part: str, context: Document) -> str:
        names = [f"{language}/{kind}.{part}.j2", f"{language}/notice.{part}.j2"]
        return self._templates.select_template(names).render(context)


def _shown(name: str, value: Any, time_zone: str) -> Any:
    """Times in the person's time zone, as text; other values unchanged."""
    if isinstance(value, str) and name.endswith(("_at", "deadline")):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    try:
        zone(time_zone)
    except Rejected:
        time_zone = "UTC"
    return f"{to_local(value, time_zone):%Y-%m-%d %H:%M} ({time_zone})"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_SUBJECT]


def _mailbox(name: str, address: str) -> Address:
    """Raises: ValueError."""
    try:
        return Address(display_name=_one_line(name), addr_spec=address)
    except (IndexError, MessageError) as error:  # raised by the library for what it cannot parse
        raise ValueError(f"not an address: {address!r}") from error
