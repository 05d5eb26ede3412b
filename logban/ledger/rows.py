# SPDX-License-Identifier: MIT
"""Bans and subjects as the columns of the ledger's database."""

from __future__ import annotations

from typing import Final

from logban.model import Ban, BanOrigin, Evidence, Subject, SubjectKind

BAN_COLUMNS: Final = (
    "jail, kind, network, user, time, until, failures, rule, origin, reason, ended, ended_by,"
    " offence"
)

KINDS: Final = {kind.value: kind for kind in SubjectKind}
ORIGINS: Final = {origin.value: origin for origin in BanOrigin}
# As plain strings: an enum's value takes longer to ask for than all else of a ban, and SQLite
# looks for an adapter for whatever is of a class of its own.
WORDS: Final = {kind: kind.value for kind in SubjectKind}
ORIGIN_WORDS: Final = {origin: origin.value for origin in BanOrigin}


def key_of(subject: Subject) -> tuple[str, str, str]:
    """Give the columns that tell a subject from others."""
    kind, network, user = subject
    return WORDS[kind], network, storable(user) if user else ""


def subject_of(kind: str, network: str, user: str) -> Subject:
    """Give the subject of these columns."""
    return Subject(KINDS[kind], network, user)


def ban_of(row: tuple, evidence: tuple[Evidence, ...] = ()) -> Ban:  # type: ignore[type-arg]  # a row of bans
    """Give the ban of a row: its number, then ``BAN_COLUMNS``."""
    _, jail, kind, network, user, time, until, failures, rule, origin, reason, _, _, offence = row
    subject = subject_of(kind, network, user)
    return Ban(
        jail, subject, time, until, failures, rule, evidence, ORIGINS[origin], reason, offence
    )


def storable(text: str) -> str:
    """Write out the half characters that undecodable bytes become: SQLite refuses them."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
