# SPDX-License-Identifier: MIT
"""Bans of another program's enter the ledger, alike in a running daemon and without one."""

from __future__ import annotations

from dataclasses import replace

from logban.control.payloads import ForeignBan
from logban.errors import UsageError
from logban.ledger.ledger import Ledger
from logban.model import Ban, Change, Subject, SubjectKind


def adopt(ledger: Ledger, found: ForeignBan, ipv6_prefix: int, now: float) -> Change | None:
    """Take a ban over; None if it is known or over, UsageError if it can't be.

    A single IPv6 address is banned by the network that the jail counts it under, unless that
    holds an exempt address.
    """
    subject = found.subject
    if subject.kind is SubjectKind.IP:
        subject = Subject.parse(subject.network, ipv6_prefix)
    ban = Ban(
        found.jail,
        subject,
        found.time,
        found.until,
        found.failures,
        evidence=found.evidence,
        reason=found.reason,
    )
    try:
        return ledger.adopt(ban, now)
    except UsageError:
        if subject == found.subject:
            raise
    return ledger.adopt(replace(ban, subject=found.subject), now)
