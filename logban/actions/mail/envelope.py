# SPDX-License-Identifier: MIT
"""A mail of the daemon's: its envelope as a jail or logban.conf names it, and how it leaves."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, make_msgid
from pathlib import Path
from types import MappingProxyType

from logban.actions.declaration import ActionSpec
from logban.actions.mail.delivery import Delivery, Either, Sendmail, Smtp
from logban.actions.mail.server import HOSTNAME_TAG, Endpoint, Mta, Tls
from logban.text import visible

_HEADER_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets a mail from whom, and from which host."""

    recipients: tuple[str, ...]
    sender: str
    sender_name: str
    hostname: str

    @classmethod
    def of(cls, spec: ActionSpec) -> Envelope:
        """Take it from what is said of the action ``email``."""
        hostname = socket.gethostname()
        return cls(
            tuple(address.replace(HOSTNAME_TAG, hostname) for address in spec.value("dest", tuple)),
            spec.value("sender", str).replace(HOSTNAME_TAG, hostname),
            spec.value("sendername", str),
            hostname,
        )

    def message(
        self,
        subject: str,
        text: str,
        now: float,
        *,
        zone: tzinfo | None = None,
        about: Mapping[str, str] = MappingProxyType({}),
    ) -> EmailMessage:
        """Write a mail; ``zone`` None is the host's, ``about`` more headers."""
        message = EmailMessage(policy=EmailPolicy(linesep="\n", cte_type="7bit"))
        message["Subject"] = header(subject)
        message["From"] = _as_address(self.sender, header(self.sender_name))
        message["To"] = [_as_address(recipient) for recipient in self.recipients]
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC).astimezone(zone))
        # The host's name could hold what an identifier may not.
        domain = re.sub(r"[^A-Za-z0-9.-]+", "-", self.hostname).strip("-.") or "localhost"
        message["Message-ID"] = make_msgid("logban", domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday reply is wanted
        for name, value in about.items():
            message[name] = header(value)
        # Quoted-printable whatever the text: no line is too long, no byte above ASCII, and no
        # server has anything left to convert.
        message.set_content(text, cte="quoted-printable")
        return message


def header(text: str) -> str:
    """Make a text fit for a header.

    EmailMessage decodes what looks like an encoded word (RFC 2047) in the values it is given, and
    would so bring back every character that was made visible, line ends included.
    """
    return visible(text, _HEADER_LENGTH).replace("=?", "= ?")


def delivery_of(spec: ActionSpec, hostname: str) -> Delivery:
    """Make the way by which what is said of the action ``email`` lets a mail leave."""
    mta = spec.value("mta", Mta)
    endpoint = spec.optional("smtp", Endpoint)
    user = spec.optional("user", str)
    tls = spec.value("tls", Tls)
    timeout = spec.value("timeout", float)
    program = Sendmail(spec.value("sendmail", Path), timeout)
    server = Smtp(
        endpoint or Endpoint("localhost", 25),
        hostname,
        timeout,
        tls,
        spec.value("tls_verify", bool),
        spec.optional("tls_ca", Path),
        user,
        spec.optional("password_file", Path),
    )
    match mta:
        case Mta.SENDMAIL:
            return program
        case Mta.SMTP:
            return server
        case Mta.AUTO:
            return Either(program, server) if endpoint is None else server


def _as_address(text: str, display_name: str = "") -> Address:
    username, _, domain = text.partition("@")
    return Address(display_name, username, domain)
