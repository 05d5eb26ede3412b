# SPDX-License-Identifier: MIT
"""What several lines of one connection say together: fail2ban's ``<F-MLFID>``.

One line names the address, another the user, a third says that the password was wrong.  All that
is known of a connection is merged under its id.  A line marked ``<F-NOFAIL>`` only adds to it;
one with ``<F-MLFGAINED>`` says that the peer got in, which forgives what was not counted yet,
unless the connection has tried more than one user; after one with ``<F-MLFFORGET>`` the
connection is over.  A failure of nobody known waits until a line says who it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from logban.matching.captures import FLAGS, Host

MAX_SESSIONS: Final = 10_000
"""Connections of one source that are remembered; the one longest silent is forgotten first."""

MAX_LINES: Final = 100
"""Lines that are kept of one connection; the oldest go."""

MAX_USERS: Final = 100
"""Users of one connection that are told apart; further ones count as known."""

FORGOTTEN_AFTER: Final = 600.0
"""Seconds after which an id that comes again is another connection's."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A failure by all that its connection's lines say; ``lines`` are those it consists of."""

    host: Host
    fields: dict[str, str]
    lines: tuple[str, ...]


@dataclass(slots=True)
class _Session:
    time: float
    host: Host = field(default_factory=Host)
    fields: dict[str, str] = field(default_factory=dict)
    users: dict[str, None] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    harmless_lines: list[str] = field(default_factory=list)
    was_harmless: bool = True
    is_pending: bool = False


class Sessions:
    """The connections of one source."""

    def __init__(self) -> None:
        self._known: dict[str, _Session] = {}

    def merge(
        self, number: str, host: Host, fields: Mapping[str, str], line: str, time: float
    ) -> Merged | None:
        """Add what a line says to its connection; give the failure if there is one now."""
        session = self._known.pop(number, None)
        if session is not None and abs(time - session.time) > FORGOTTEN_AFTER:
            session = None
        known = session is not None
        if session is None:
            session = _Session(time)
        session.time = time
        has_gained = bool(fields.get("mlfgained"))
        is_harmless = has_gained or bool(fields.get("nofail"))
        is_over = bool(fields.get("mlfforget"))
        if not is_over:
            self._keep(number, session)
        if fields.get("user") and (known or not is_over) and len(session.users) < MAX_USERS:
            session.users[fields["user"]] = None
        if has_gained:
            session.is_pending = False
        if known and not session.was_harmless and not session.is_pending:
            session.lines.clear()  # they have been reported
        session.host = host.or_else(session.host)
        session.fields.update((key, text) for key, text in fields.items() if key not in FLAGS)
        if session.is_pending or len(session.users) > 1:
            is_harmless = has_gained = False
        session.is_pending = False
        session.was_harmless = is_harmless
        if is_harmless:
            if not is_over:
                session.harmless_lines = [*session.harmless_lines, line][-MAX_LINES:]
            return None
        session.lines = [*session.harmless_lines, *session.lines, line][-MAX_LINES:]
        session.harmless_lines = []
        if session.host == Host():
            session.is_pending = True
            return None
        found = dict(session.fields)
        if len(session.users) > 1:
            found["users"] = "\n".join(session.users)
        return Merged(session.host, found, tuple(session.lines))

    def _keep(self, number: str, session: _Session) -> None:
        self._known[number] = session
        if len(self._known) > MAX_SESSIONS:
            del self._known[next(iter(self._known))]
