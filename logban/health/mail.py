# SPDX-License-Identifier: MIT
"""Telling people of alarms by mail: the first at once, more of them no oftener than bearable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.actions.mail.delivery import NotAgain
from logban.actions.mail.envelope import Envelope, delivery_of
from logban.errors import ActionError
from logban.health.alarms import Alarm, AlarmChange

MAIL_EVERY: Final = 600.0
"""Seconds from one mail to the next at the least; what happens meanwhile stands in the next."""

RETRY_EVERY: Final = 60.0
"""Seconds from a failure to the next attempt."""

MOST_CHANGES: Final = 500
"""Changes of alarms that one mail lists; the oldest are left out, and that is said."""


class AlarmMail:
    """Gathers what has been raised and cleared, and says when and what to send."""

    def __init__(self) -> None:
        self.error = ""
        self._waiting: list[AlarmChange] = []
        self._omitted = 0
        self._next = 0.0

    def add(self, changes: Sequence[AlarmChange]) -> None:
        """Take over what is to be told."""
        self._waiting += changes
        surplus = len(self._waiting) - MOST_CHANGES
        if surplus > 0:
            del self._waiting[:surplus]
            self._omitted += surplus

    def forget(self) -> None:
        """Let go of everything: nobody wants to be told."""
        self._waiting.clear()
        self.error = ""

    def due(self, now: float) -> tuple[AlarmChange, ...]:
        """Give what is to be sent now, nothing if it is not time yet."""
        is_soon = self._next - MAIL_EVERY <= now < self._next  # else the clock was set back
        return () if is_soon else tuple(self._waiting)

    def sent(self, changes: Sequence[AlarmChange], now: float) -> None:
        """Note that these have been told."""
        del self._waiting[: len(changes)]
        self._omitted = 0
        self._next = now + MAIL_EVERY
        self.error = ""

    def failed(self, error: ActionError, now: float) -> None:
        """Note that these could not be told; they are told again unless that would be no use."""
        if isinstance(error, NotAgain):
            self._waiting.clear()
        self._next = now + RETRY_EVERY
        self.error = str(error)

    def text(self, changes: Sequence[AlarmChange], raised: Sequence[Alarm]) -> str:
        """Write what the mail says: what has changed, what is wrong now, what to do."""
        lines = []
        if self._omitted:
            lines += [f"({self._omitted} earlier changes are left out.)", ""]
        for change in changes:
            alarm = change.alarm
            word = f"{alarm.kind.severity.upper()}:" if change.is_raised else "over:"
            lines.append(f"{_moment(change.time)}  {word} {alarm.message}")
        lines += ["", f"Wrong now: {len(raised)}" if raised else "Nothing is wrong now."]
        lines += [f"  {_moment(each.since)}  {each.kind.name}: {each.message}" for each in raised]
        advice = dict.fromkeys(alarm.kind for alarm in raised)
        if advice:
            lines += ["", "What to do:"]
        for kind in advice:
            lines += [f"  {kind.name}: {kind.advice}"]
        lines += ["", "See also: logban-client health, logban-client status"]
        return "\n".join(lines) + "\n"


def subject(changes: Sequence[AlarmChange], raised: Sequence[Alarm], hostname: str) -> str:
    """Give the mail's subject line."""
    new = [change.alarm for change in changes if change.is_raised]
    if not raised:
        return f"[logban] all is well again on {hostname}"
    shown = (new or raised)[-1]
    more = f" and {len(raised) - 1} more" if len(raised) > 1 else ""
    return f"[logban] {shown.kind.severity}: {shown.message}{more} on {hostname}"


def send(spec: ActionSpec, about: str, text: str, now: float) -> None:
    """Send a mail as the setting ``alarm`` says; ActionError if nobody got it.  It blocks."""
    envelope = Envelope.of(spec)
    message = envelope.message(about, text, now, about={"X-Logban-Event": "alarm"})
    delivery = delivery_of(spec, envelope.hostname)
    delivery.deliver(envelope.sender, envelope.recipients, bytes(message))


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
