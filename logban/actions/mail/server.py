# SPDX-License-Identifier: MIT
"""What a jail says of the way that its mails leave the host."""

from __future__ import annotations

import ipaddress
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HOSTNAME_TAG = "<fq-hostname>"
"""fail2ban's word for the host's name, as its own jail.conf writes it into ``sender``."""


class Mta(StrEnum):
    """How a mail leaves the host."""

    AUTO = "auto"
    SENDMAIL = "sendmail"
    SMTP = "smtp"


class Tls(StrEnum):
    """How a connection to an SMTP server is kept from being read."""

    AUTO = "auto"
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: its name or address, and its port (None: the usual one)."""

    host: str
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Say whether what is sent there stays on this host; of names, only localhost does."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        """Write it as it was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A template for the text of a mail, as it was read."""

    path: Path
    source: str


def check_private(path: Path, mode: int) -> None:
    """Refuse, with ValueError, a file of that mode that others than its owner can use."""
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is no file")
    if stat.S_IMODE(mode) & 0o077:
        raise ValueError(f"{path} can be used by others than its owner; do: chmod 600 {path}")
