# SPDX-License-Identifier: MIT
"""Mails of a ban, and a delivery that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage

from logban.actions.mail.action import SUBJECT, Email, Letter, _default_body
from logban.actions.mail.delivery import Delivery, Smtp
from logban.actions.mail.envelope import Envelope
from logban.actions.mail.server import Endpoint
from logban.actions.templates import TEXT
from logban.model import Ban, Change, ChangeKind, Evidence, Subject, SubjectKind
from logban.testing.clock import FakeClock
from logban.testing.waiting import LIMIT

NOW = FakeClock().now()  # 2026-11-20 10:00 UTC
LINES = tuple(
    Evidence(NOW - 9 + number, "wrong-password", f"line {number}", "/var/log/asterisk/full")
    for number in range(5)
)
ADDRESS = Subject(SubjectKind.IP, "198.51.100.7")
BAN = Ban("asterisk", ADDRESS, NOW, NOW + 10800, 5, "wrong-password", LINES)
CHANGE = Change(ChangeKind.BAN, BAN, NOW)
SECRET = "geheim-8kQ"  # noqa: S105  # the password of the tests' own server
HEADERS = [
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Logban-Event",
    "X-Logban-Jail",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
]


def letter(**changes: object) -> Letter:
    """Give the form of a jail's mails, with some parts of it or of its envelope changed."""
    first = Envelope(
        recipients=("micorreo@algunmail.test", "otrocorreo@algunmail.test"),
        sender="fail2ban@example.org",
        sender_name="logban",
        hostname="pbx.example.org",
    )
    parts = {each.name for each in fields(Envelope)} & changes.keys()
    of_it = {name: changes.pop(name) for name in parts}
    written = Letter(
        name="ASTERISK",
        envelope=replace(first, **of_it),  # type: ignore[arg-type]  # the tests name the fields
        subject=TEXT.from_string(SUBJECT),
        body=_default_body(),
        lines=20,
        zone=timezone(timedelta(hours=1), "CET"),
    )
    return replace(written, **changes)  # type: ignore[arg-type]  # the tests name the fields


def email(delivery: Delivery, **options: object) -> Email:
    """Give the action that hands these to a delivery."""
    return Email(letter(), delivery, FakeClock(), **options)  # type: ignore[arg-type]  # its own


def smtp(endpoint: Endpoint, **options: object) -> Smtp:
    """Give the delivery to a server."""
    return Smtp(endpoint, "pbx.example.org", **{"timeout": LIMIT, **options})  # type: ignore[arg-type]  # its own


def read(data: bytes) -> EmailMessage:
    """Give a mail as its reader's program takes it."""
    return message_from_bytes(data, policy=policy.default)


def content(message: EmailMessage) -> str:
    """Give what a mail says."""
    return str(message.get_content())


class Kept:
    """A delivery that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    def deliver(
        self, _sender: str, _recipients: Sequence[str], message: bytes
    ) -> Mapping[str, str]:
        """Keep it."""
        self.messages.append(read(message))
        return {}
