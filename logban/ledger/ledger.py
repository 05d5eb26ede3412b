# SPDX-License-Identifier: MIT
"""The one truth of who is banned, by whom, why and until when.

The ledger lives in memory and decides at once; what it decided reaches the database in
checkpoints (see ``store``).  It knows neither logs nor firewalls: verdicts and orders come in,
changes go out.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from types import MappingProxyType
from typing import Final

from logban.errors import UsageError
from logban.judging.exemptions.exemption import Exemption
from logban.ledger.escalation import Escalation
from logban.ledger.records import MAX_EVIDENCE, Allowed, BanRow, Checkpoint, Stored
from logban.model import (
    NO_FIELDS,
    Ban,
    BanOrigin,
    Change,
    ChangeKind,
    Subject,
    SubjectKind,
    Verdict,
)

EXEMPT: Final = "exempt"
"""What a ban was ended by if its subject became exempt."""

SUCCESS: Final = "success"
"""What a ban was ended by if its subject got in, and so was a customer."""

_MISTAKES: Final = (EXEMPT, SUCCESS)
"""What ends a ban that counts against nobody."""

_SPARE_ENDS: Final = 1000


class Ledger:
    """Who is banned now, with the floors that unbans have set and the exemptions by hand."""

    def __init__(self, exempt: Callable[[str, Subject], Exemption | None]) -> None:
        """Ask ``exempt`` (jail, subject) before anything is put in force."""
        self.escalation = Escalation()
        self._exempt = exempt
        self._active: dict[str, dict[Subject, Ban]] = {}
        self._counts: Counter[tuple[str, SubjectKind]] = Counter()
        self._ends: list[tuple[float, str, Subject]] = []
        self._most_ends = _SPARE_ENDS
        self._floors: dict[Subject, float] = {}
        self._allowed: dict[str, Allowed] = {}
        self._dirty_bans: dict[tuple[str, Subject, float], BanRow] = {}
        self._dirty_floors: set[Subject] = set()
        self._dirty_allowed: set[str] = set()

    @property
    def floors(self) -> Mapping[Subject, float]:
        """The time up to which nothing counts against a subject, a view that follows changes."""
        return MappingProxyType(self._floors)

    @property
    def allowed(self) -> Mapping[str, Allowed]:
        """The exemptions that were made by hand, by their entry."""
        return MappingProxyType(self._allowed)

    def restore(self, stored: Stored, now: float) -> list[Change]:
        """Take up what the database holds; give the bans that ended meanwhile, as expired."""
        self._floors.update(stored.floors)
        self._allowed.update({item.entry: item for item in stored.allowed})
        self.escalation.restore(stored.offences)
        for ban in stored.active:
            self._active.setdefault(ban.jail, {})[ban.subject] = ban
        for jail, bans in self._active.items():
            for kind, number in Counter(map(itemgetter(0), bans)).items():
                self._counts[(jail, kind)] = number
        self._forget_past_ends()
        return self.expire(now)

    def decide_all(self, verdicts: Iterable[Verdict], now: float) -> Iterator[Change]:
        """Decide on verdicts, and on those that their bans lead to in jails for repeat offenders.

        ``now`` is the time at which a ban must not be over already.
        """
        for verdict in verdicts:
            change = self.decide(verdict, now)
            if change is not None:
                yield change
                yield from self.decide_all(self.escalation.recidivism(change), now)

    def takes(self, verdict: Verdict, now: float) -> bool:
        """Tell whether a verdict would come to something.

        It does not if the ban would be over already, if the subject is exempt, or if the verdict
        was on its way while the subject was lifted by hand.
        """
        current = self.get(verdict.jail, verdict.subject)
        return self._is_taken(verdict, self.escalation.until(verdict, current), now)

    def _is_taken(self, verdict: Verdict, until: float | None, now: float) -> bool:
        if until is not None and until <= now:
            return False
        if verdict.time <= self._floors.get(verdict.subject, float("-inf")):
            return False
        return self._exempt(verdict.jail, verdict.subject) is None

    def decide(
        self, verdict: Verdict, now: float, *, is_taken: bool | None = None
    ) -> Change | None:
        """Ban, or extend the ban of, a subject that was judged; None if it comes to nothing.

        A ban of somebody who was free is an offence, and lasts the longer the more he has; an
        extension is none, and adds the length of the ban that it extends.  ``is_taken`` is what
        :meth:`takes` has just said, where it was asked.
        """
        current = self.get(verdict.jail, verdict.subject)
        until = self.escalation.until(verdict, current)
        if is_taken is None:
            is_taken = self._is_taken(verdict, until, now)
        if not is_taken:
            return None
        if current is not None:
            return self._extend(current, verdict, until, now)
        ban = Ban(
            verdict.jail,
            verdict.subject,
            verdict.time,
            until,
            verdict.failures,
            verdict.rule,
            verdict.evidence,
            BanOrigin.JAIL,
            "",
            self.escalation.number(verdict.jail, verdict.subject, verdict.time),
            verdict.fields or NO_FIELDS,
        )
        self.escalation.laid(ban)
        return self._put(ban, ChangeKind.BAN, now)

    def ban(
        self, jail: str, subject: Subject, *, seconds: float | None, reason: str, now: float
    ) -> Change:
        """Ban by hand; UsageError if the subject is exempt.

        Without a reason, the one of a ban that is extended stays.
        """
        exemption = self._exempt(jail, subject)
        if exemption is not None:
            raise UsageError(
                f"{subject} is exempt by {exemption.entry!r} ({exemption.origin}) and can't be "
                f"banned; take that away first"
            )
        until = None if seconds is None else now + seconds
        current = self.get(jail, subject)
        if current is not None:
            why = reason or current.reason
            changed = replace(current, until=until, origin=BanOrigin.HAND, reason=why)
            self.escalation.ends(current, until)
            return self._put(changed, ChangeKind.EXTEND, now)
        ban = Ban(jail, subject, now, until, origin=BanOrigin.HAND, reason=reason)
        return self._put(ban, ChangeKind.BAN, now)

    def adopt(self, ban: Ban, now: float) -> Change | None:
        """Put a ban of somebody else's in force, with its own times; UsageError if that can't be.

        None where it is over, or where a ban that lasts as long is in force already.  It counts
        as an offence.
        """
        if ban.until is not None and ban.until <= now:
            return None
        exemption = self._exempt(ban.jail, ban.subject)
        if exemption is not None:
            raise UsageError(f"exempt by {exemption.entry!r} ({exemption.origin})")
        if self._floors.get(ban.subject, float("-inf")) >= ban.time:
            raise UsageError("it was lifted here after that ban began")
        current = self.get(ban.jail, ban.subject)
        if current is None:
            number = self.escalation.number(ban.jail, ban.subject, ban.time)
            ban = replace(ban, offence=number)
            self.escalation.laid(ban)
            return self._put(ban, ChangeKind.BAN, now)
        if current.until is None or (ban.until is not None and ban.until <= current.until):
            return None
        self.escalation.ends(current, ban.until)
        return self._put(replace(current, until=ban.until), ChangeKind.EXTEND, now)

    def lift(self, subject: Subject, now: float, *, jail: str | None, by: str) -> list[Change]:
        """Take a subject's bans back, of one jail or of all, and set its floor.

        It was a mistake, so nothing that was before counts against the subject any more.
        """
        found = [bans[subject] for bans in self._active.values() if subject in bans]
        self._floors[subject] = now
        self._dirty_floors.add(subject)
        self.escalation.forgive_all(subject)
        for ban in found:
            self._active[ban.jail][subject] = replace(ban, offence=0)
        return [
            self._end(ban.jail, subject, ChangeKind.LIFT, now, by, forgiven=True)
            for ban in found
            if jail in (None, ban.jail)
        ]

    def lift_jail(self, jail: str, now: float, by: str) -> list[Change]:
        """Take back every ban of a jail that is no more; no floor is set."""
        subjects = list(self._active.get(jail, ()))
        return [self._end(jail, subject, ChangeKind.LIFT, now, by) for subject in subjects]

    def end(self, jail: str, subject: Subject, now: float, by: str) -> list[Change]:
        """Take a jail's ban on a subject back, if there is one; no floor is set."""
        if self.get(jail, subject) is None:
            return []
        return [self._end(jail, subject, ChangeKind.LIFT, now, by, forgiven=by in _MISTAKES)]

    def expire(self, now: float) -> list[Change]:
        """End the bans whose time is up."""
        changes = []
        while self._ends and self._ends[0][0] <= now:
            until, jail, subject = heapq.heappop(self._ends)
            ban = self.get(jail, subject)
            if ban is not None and ban.until == until:
                changes.append(self._end(jail, subject, ChangeKind.EXPIRE, now, "time"))
        return changes

    def next_end(self) -> float | None:
        """Give the time at which :meth:`expire` has something to do next, at the earliest."""
        return self._ends[0][0] if self._ends else None

    def get(self, jail: str, subject: Subject) -> Ban | None:
        """Give a jail's ban on a subject."""
        bans = self._active.get(jail)
        return None if bans is None else bans.get(subject)

    def jails(self) -> list[str]:
        """Give the jails that have or had bans in force."""
        return list(self._active)

    def active(self, jail: str | None = None) -> Iterator[Ban]:
        """Go through the bans in force, of one jail or of all, the oldest of each jail first."""
        if jail is not None:
            return iter(self._active.get(jail, {}).values())
        return itertools.chain.from_iterable(bans.values() for bans in self._active.values())

    def __len__(self) -> int:
        return sum(map(len, self._active.values()))

    def count(self, jail: str) -> Mapping[SubjectKind, int]:
        """Count a jail's bans in force by what they are on, without going through them."""
        return {kind: self._counts[(jail, kind)] for kind in SubjectKind}

    def allow(self, allowed: Allowed) -> None:
        """Note an exemption by hand; lifting what it covers is the caller's next step."""
        self._allowed[allowed.entry] = allowed
        self._dirty_allowed.add(allowed.entry)

    def disallow(self, entry: str) -> bool:
        """Take an exemption by hand back; tell whether there was one."""
        self._dirty_allowed.add(entry)
        return self._allowed.pop(entry, None) is not None

    def forget_floors(self, time: float) -> None:
        """Drop the floors that no line can be under any more, those up to ``time``."""
        for subject in [subject for subject, floor in self._floors.items() if floor <= time]:
            del self._floors[subject]
            self._dirty_floors.add(subject)

    @property
    def is_dirty(self) -> bool:
        """Whether something has changed since the last checkpoint."""
        return bool(self._dirty_bans or self._dirty_floors or self._dirty_allowed)

    def checkpoint(self) -> Checkpoint:
        """Give what has changed since the last call, to be committed.

        The evidence leaves the memory with it: a hundred thousand bans must not hold their lines.
        """
        checkpoint = Checkpoint(
            bans=tuple(self._dirty_bans.values()),
            floors={subject: self._floors.get(subject) for subject in self._dirty_floors},
            allowed={entry: self._allowed.get(entry) for entry in self._dirty_allowed},
        )
        for row in self._dirty_bans.values():
            current = self.get(row.ban.jail, row.ban.subject)
            if current is not None and current.evidence:
                self._active[current.jail][current.subject] = current.without_evidence()
        self._dirty_bans.clear()
        self._dirty_floors.clear()
        self._dirty_allowed.clear()
        return checkpoint

    def _extend(self, current: Ban, verdict: Verdict, until: float | None, now: float) -> Change:
        until = None if current.until is None or until is None else max(current.until, until)
        self.escalation.ends(current, until)
        # Written out: replace() takes four times as long, and a flood extends more than it bans.
        extended = Ban(
            current.jail,
            current.subject,
            current.time,
            until,
            current.failures + verdict.failures,
            verdict.rule,
            (current.evidence + verdict.evidence)[-MAX_EVIDENCE:],
            current.origin,
            current.reason,
            current.offence,
            verdict.fields,
        )
        return self._put(extended, ChangeKind.EXTEND, now)

    def _put(self, ban: Ban, kind: ChangeKind, now: float) -> Change:
        self._hold(ban)
        row = BanRow(ban, None, "", kind is ChangeKind.BAN)
        self._dirty_bans[(ban.jail, ban.subject, ban.time)] = row
        return Change(kind, ban, now)

    def _hold(self, ban: Ban) -> None:
        bans = self._active.get(ban.jail)
        if bans is None:
            bans = self._active[ban.jail] = {}
        if ban.subject not in bans:
            self._counts[(ban.jail, ban.subject.kind)] += 1
        bans[ban.subject] = ban
        if ban.until is not None:
            heapq.heappush(self._ends, (ban.until, ban.jail, ban.subject))
            if len(self._ends) > self._most_ends:
                self._forget_past_ends()

    def _end(
        self,
        jail: str,
        subject: Subject,
        kind: ChangeKind,
        now: float,
        by: str,
        *,
        forgiven: bool = False,
    ) -> Change:
        ban = self._active[jail].pop(subject)
        self._counts[(jail, subject.kind)] -= 1
        if forgiven:
            self.escalation.forgive(ban)
            ban = replace(ban, offence=0)
        else:
            self.escalation.ends(ban, now if ban.until is None else min(ban.until, now))
        row = BanRow(ban, ended=now, ended_by=by)
        self._dirty_bans[(ban.jail, ban.subject, ban.time)] = row
        return Change(kind, ban, now)

    def _forget_past_ends(self) -> None:
        """Drop the ends of bans that were extended or lifted since: memory has its bounds."""
        self._ends = [
            (ban.until, ban.jail, ban.subject) for ban in self.active() if ban.until is not None
        ]
        heapq.heapify(self._ends)
        self._most_ends = 2 * len(self._ends) + _SPARE_ENDS
