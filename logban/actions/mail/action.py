# SPDX-License-Identifier: MIT
"""Tell people of a ban by mail: what the log said, whose the address is, how to lift it."""

from __future__ import annotations

import logging
import shlex
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage
from functools import cache
from importlib import resources

from jinja2 import Template

from logban.actions.declaration import ActionSpec
from logban.actions.mail.delivery import Delivery, NotAgain
from logban.actions.mail.envelope import Envelope, delivery_of
from logban.actions.mail.server import Endpoint, TemplateFile
from logban.actions.mail.whois import Whois
from logban.actions.pacing import Pace
from logban.actions.templates import TEXT, compiled, rendered
from logban.clock import Clock
from logban.durations import format_duration
from logban.errors import ActionError
from logban.model import Ban, BanOrigin, Change, ChangeKind, Evidence, Subject, SubjectKind
from logban.text import visible

_LOG = logging.getLogger(__name__)

SUBJECT = "[logban] {{ name }}: {{ headline }} on {{ hostname }}"
_REMEMBERED = 16 * 1024  # changes that are not told again; more than one mail can list

# The words of the subject line and of the first sentence.
_HEADLINES = {
    ChangeKind.BAN: "banned {}",
    ChangeKind.EXTEND: "extended the ban of {}",
    ChangeKind.LIFT: "lifted the ban of {}",
    ChangeKind.EXPIRE: "the ban of {} has ended",
    ChangeKind.NOTICE: "notice on {}",
}
_HAPPENED = {
    ChangeKind.BAN: "has been banned",
    ChangeKind.EXTEND: "stays banned for longer",
    ChangeKind.LIFT: "is no longer banned: the ban was lifted",
    ChangeKind.EXPIRE: "is no longer banned: the ban has ended",
    ChangeKind.NOTICE: "needs a look",
}


# The words of a digest's subject line, behind a number.
_COUNTED = {
    ChangeKind.BAN: "banned",
    ChangeKind.EXTEND: "bans extended",
    ChangeKind.LIFT: "bans lifted",
    ChangeKind.EXPIRE: "bans ended",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail is made of: the jail's name in it, who gets it from whom, its templates."""

    name: str
    envelope: Envelope
    subject: Template
    body: Template
    lines: int
    zone: tzinfo | None = None
    """The zone that times are written in; None: the host's."""

    def compose(self, change: Change, now: float, whois: str) -> EmailMessage:
        """Write the mail that tells of a change; ValueError if a template can't be filled in."""
        values = self.values(change, whois)
        about = {"X-Logban-Event": change.kind.value, "X-Logban-Jail": change.ban.jail}
        subject = rendered(self.subject, values).strip()
        return self.envelope.message(
            subject, rendered(self.body, values), now, zone=self.zone, about=about
        )

    def compose_digest(self, changes: Sequence[Change], dropped: int, now: float) -> EmailMessage:
        """Write the mail that tells of many changes, a line each."""
        first, last = (self._moment(each.time) for each in (changes[0], changes[-1]))
        lines = [
            f"In jail {self.name} on {self.envelope.hostname}, from {first} to {last}:",
            "",
            *(visible(self._in_short(change)) for change in changes),
            "",
            *([f"{dropped} more before these could not be kept.", ""] if dropped else []),
            "So many at once are told in one mail: see digest and burst of the action email.",
            "To see why, and to lift a ban:",
            "  logban-client why ADDRESS",
            "  logban-client unban ADDRESS",
        ]
        about = {"X-Logban-Event": "digest", "X-Logban-Jail": changes[0].ban.jail}
        count = Counter(change.kind for change in changes)
        what = ", ".join(f"{number} {_COUNTED[kind]}" for kind, number in count.items())
        subject = f"[logban] {self.name}: {what} on {self.envelope.hostname}"
        return self.envelope.message(
            subject, "\n".join(lines) + "\n", now, zone=self.zone, about=about
        )

    def _in_short(self, change: Change) -> str:
        ban = change.ban
        what = _HEADLINES[change.kind].format(ban.subject)
        words = [self._moment(change.time)[:19], what]
        if change.kind in {ChangeKind.BAN, ChangeKind.EXTEND}:
            words.append(
                "for ever" if ban.until is None else f"until {self._moment(ban.until)[:19]}"
            )
        why = [f"{ban.failures} failures"] if ban.failures else []
        why += [each for each in (ban.rule, ban.reason) if each]
        return "  ".join([*words, f"({', '.join(why)})"] if why else words)

    def values(self, change: Change, whois: str) -> Mapping[str, object]:
        """Give all that a template can show, by name."""
        ban = change.ban
        who = str(ban.subject)
        shown = ban.evidence[max(0, len(ban.evidence) - self.lines) :]
        return {
            "name": self.name,
            "jail": ban.jail,
            "hostname": self.envelope.hostname,
            "event": change.kind.value,
            "headline": _HEADLINES[change.kind].format(visible(who, 100)),
            "happened": _HAPPENED[change.kind],
            "who": who,
            "ip": "" if ban.subject.kind is SubjectKind.USER else ban.subject.network,
            "user": ban.subject.user,
            "quoted": _quoted(who),
            "since": self._moment(ban.time),
            "until": self._end(ban),
            "failures": ban.failures,
            "rule": ban.rule,
            "reason": ban.reason,
            "by_hand": ban.origin is BanOrigin.HAND,
            "in_force": change.kind in {ChangeKind.BAN, ChangeKind.EXTEND},
            "lines": tuple(evidence.line for evidence in shown),
            "omitted": len(ban.evidence) - len(shown),
            "sources": tuple(dict.fromkeys(evidence.source for evidence in shown)),
            "whois": tuple(whois.split("\n")) if whois else (),
        }

    def _moment(self, seconds: float) -> str:
        there = datetime.fromtimestamp(seconds, UTC).astimezone(self.zone)
        return there.strftime("%Y-%m-%d %H:%M:%S %Z (%z)")

    def _end(self, ban: Ban) -> str:
        if ban.until is None:
            return "for ever"
        span = format_duration(max(0.0, ban.until - ban.time))
        return f"{self._moment(ban.until)}, {span} in all"


class Email:
    """A notifier that writes to people, each of them at most once a change."""

    def __init__(
        self,
        letter: Letter,
        delivery: Delivery,
        clock: Clock,
        *,
        tell: frozenset[ChangeKind] = frozenset({ChangeKind.BAN}),
        whois: Whois | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.pace = pace
        self._letter = letter
        self._delivery = delivery
        self._clock = clock
        self._tell = tell
        self._whois = whois
        self._ended: OrderedDict[tuple[object, ...], None] = OrderedDict()

    def wants(self, change: Change) -> bool:
        """Tell whether this is told at all."""
        return change.kind in self._tell

    def notify(self, change: Change) -> None:
        """Send the mail; ActionError if nobody got it, or if it is not known whether they did.

        Where that is final, the same change is not told again, whoever asks for it.
        """
        if not self.wants(change) or _key(change) in self._ended:
            return
        try:
            message = self._letter.compose(change, self._clock.now(), self._whose(change))
        except ValueError as error:
            raise ActionError(f"mail: {error}") from error
        self._send([change], message, visible(str(change.ban.subject), 100))

    def digest(self, changes: Sequence[Change], dropped: int) -> None:
        """Send one mail that lists all of these; errors are those of ``notify``."""
        left = [each for each in changes if self.wants(each) and _key(each) not in self._ended]
        if left:
            message = self._letter.compose_digest(left, dropped, self._clock.now())
            self._send(left, message, f"{len(left)} changes")

    def _send(self, changes: Sequence[Change], message: EmailMessage, about: str) -> None:
        envelope = self._letter.envelope
        try:
            refused = self._delivery.deliver(envelope.sender, envelope.recipients, bytes(message))
        except NotAgain:
            self._ended.update(dict.fromkeys(map(_key, changes)))
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
            raise
        for recipient, reason in refused.items():
            _LOG.warning(
                "mail of %s in jail %s: %s was refused (%s); the others got it",
                about,
                changes[0].ban.jail,
                recipient,
                reason,
            )

    def close(self) -> None:
        """Do nothing: no connection outlives a mail."""

    def _whose(self, change: Change) -> str:
        subject = change.ban.subject
        if self._whois is None or change.kind is not ChangeKind.BAN or not subject.network:
            return ""
        return self._whois.lookup(subject.network.partition("/")[0])


def build(spec: ActionSpec, clock: Clock) -> Email:
    """Make the notifier that a jail asks for."""
    template = spec.optional("template", TemplateFile)
    envelope = Envelope.of(spec)
    letter = Letter(
        name=spec.value("name", str) or spec.jail,
        envelope=envelope,
        subject=TEXT.from_string(spec.optional("subject", str) or SUBJECT),
        body=_default_body() if template is None else TEXT.from_string(template.source),
        lines=spec.value("lines", int),
    )
    server = spec.optional("whois_server", Endpoint)
    whois = Whois(clock, server=server) if spec.value("whois", bool) else None
    tell = spec.value("tell", frozenset)
    gathered = spec.optional("digest", float)
    pace = Pace(spec.value("burst", int), gathered) if gathered is not None else None
    delivery = delivery_of(spec, envelope.hostname)
    return Email(letter, delivery, clock, tell=tell, whois=whois, pace=pace)


def check_template(source: str) -> None:
    """Raise ValueError if no mail could be written with this template."""
    subject = Subject(SubjectKind.IP, "192.0.2.1")
    evidence = (Evidence(0.0, "rule", "a line", "/var/log/asterisk/full"),)
    sample = Ban("jail", subject, 0.0, 600.0, 5, "rule", evidence)
    template = TEXT.from_string("")
    envelope = Envelope(("root",), "logban", "logban", "host")
    letter = Letter("jail", envelope, template, template, 1, UTC)
    values = letter.values(Change(ChangeKind.BAN, sample, 0.0), "a line")
    rendered(compiled(TEXT, source, values), values)


@cache
def _default_body() -> Template:
    path = resources.files("logban.actions") / "mail.txt.jinja"
    return TEXT.from_string(path.read_text(encoding="utf-8"))


def _key(change: Change) -> tuple[object, ...]:
    """Give what makes a change the same one."""
    ban = change.ban
    return (change.kind, ban.jail, ban.subject, ban.time, ban.until)


def _quoted(who: str) -> str:
    """Give a subject as it can be copied into a shell."""
    word = shlex.quote(visible(who))
    return f"-- {word}" if who.startswith("-") else word
