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
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from logban.bantime import Growth, luck_of
from logban.errors import UsageError
from logban.judging.exemptions import Exemption
from logban.ledger.offences import Offence, Offences
from logban.ledger.records import MAX_EVIDENCE, Allowed, BanRow, Checkpoint, Stored
from logban.model import (
    RECIDIVE,
    Ban,
    BanOrigin,
    Change,
    ChangeKind,
    Evidence,
    Subject,
    SubjectKind,
    Verdict,
)

Key = tuple[str, Subject]

EXEMPT: Final = "exempt"
"""What a ban was ended by if its subject became exempt."""

SUCCESS: Final = "success"
"""What a ban was ended by if its subject got in, and so was a customer."""

_MISTAKES: Final = (EXEMPT, SUCCESS)
"""What ends a ban that counts against nobody."""

_OFFENDERS: Final = (SubjectKind.IP, SubjectKind.NET)
"""What offends: an account is a victim, and a customer's phone with an old password no attacker."""

_SPARE_ENDS: Final = 1000
_UNGROWN: Final = Growth()


@dataclass(frozen=True, slots=True)
class Recidive:
    """What a jail that judges by the other jails' bans holds to be enough; spans are seconds.

    ``bantime`` is None for ever.
    """

    maxretry: int
    findtime: float
    bantime: float | None


class Ledger:
    """Who is banned now, with the floors that unbans have set and the exemptions by hand."""

    def __init__(self, exempt: Callable[[str, Subject], Exemption | None]) -> None:
        """Ask ``exempt`` (jail, subject) before anything is put in force."""
        self._exempt = exempt
        self._active: dict[Key, Ban] = {}
        self._counts: Counter[tuple[str, SubjectKind]] = Counter()
        self._ends: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._floors: dict[Subject, float] = {}
        self._allowed: dict[str, Allowed] = {}
        self._offences = Offences()
        self._growths: dict[str, Growth] = {}
        self._recidives: dict[str, Recidive] = {}
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

    def set_jail(self, jail: str, growth: Growth | None, recidive: Recidive | None = None) -> None:
        """Note how a jail's bans grow, and whether it judges by the bans of the others."""
        self.forget_jail(jail)
        if growth is not None:
            self._growths[jail] = growth
        if recidive is not None:
            self._recidives[jail] = recidive

    def forget_jail(self, jail: str) -> None:
        """Forget a jail's rules."""
        self._growths.pop(jail, None)
        self._recidives.pop(jail, None)

    def restore(self, stored: Stored, now: float) -> list[Change]:
        """Take up what the database holds; give the bans that ended meanwhile, as expired."""
        self._floors.update(stored.floors)
        self._allowed.update({item.entry: item for item in stored.allowed})
        self._offences.restore(stored.offences)
        for ban in stored.active:
            self._hold(ban)
        return self.expire(now)

    def decide_all(self, verdicts: Iterable[Verdict], now: float) -> Iterator[Change]:
        """Decide on verdicts, and on those that their bans lead to in jails for repeat offenders.

        ``now`` is the time at which a ban must not be over already.
        """
        for verdict in verdicts:
            change = self.decide(verdict, now)
            if change is not None:
                yield change
                yield from self.decide_all(self.recidivism(change), now)

    def takes(self, verdict: Verdict, now: float) -> bool:
        """Tell whether a verdict would come to something.

        It does not if the ban would be over already, if the subject is exempt, or if the verdict
        was on its way while the subject was lifted by hand.
        """
        until = self._until(verdict)
        if until is not None and until <= now:
            return False
        if verdict.time <= self._floors.get(verdict.subject, float("-inf")):
            return False
        return self._exempt(verdict.jail, verdict.subject) is None

    def decide(self, verdict: Verdict, now: float) -> Change | None:
        """Ban, or extend the ban of, a subject that was judged; None if it comes to nothing.

        A ban of somebody who was free is an offence, and lasts the longer the more he has; an
        extension is none, and adds the length of the ban that it extends.
        """
        if not self.takes(verdict, now):
            return None
        until = self._until(verdict)
        current = self._active.get((verdict.jail, verdict.subject))
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
            offence=self._number(verdict),
            fields=verdict.fields,
        )
        if ban.offence:
            self._offences.add(Offence(ban.jail, ban.subject, ban.time, until))
        return self._put(ban, ChangeKind.BAN, now)

    def repeats(self, jail: str, subject: Subject, time: float) -> list[Offence]:
        """Give the bans of others that a jail for repeat offenders counts at a time; else none.

        After a ban of its own it counts anew.
        """
        if jail not in self._recidives:
            return []
        last = self._offences.last(subject, jail)
        since = time - self._recidives[jail].findtime
        if last is not None:
            since = max(since, last.time)
        return self._offences.since(subject, since, self._recidives)

    def recidivism(self, change: Change) -> list[Verdict]:
        """Give the verdicts of those jails for repeat offenders for which a ban was one too many.

        The bans of such jails are not counted themselves.
        """
        ban = change.ban
        if change.kind is not ChangeKind.BAN or not ban.offence or ban.jail in self._recidives:
            return []
        verdicts = []
        for jail, enough in self._recidives.items():
            found = self.repeats(jail, ban.subject, ban.time)
            if len(found) < enough.maxretry:
                continue
            evidence = tuple(
                Evidence(each.time, RECIDIVE, f"banned in jail {each.jail}", "the ledger")
                for each in found[-MAX_EVIDENCE:]
            )
            until = None if enough.bantime is None else ban.time + enough.bantime
            verdict = Verdict(jail, ban.subject, ban.time, until, len(found), RECIDIVE, evidence)
            verdicts.append(verdict)
        return verdicts

    def earlier(self, jail: str, subject: Subject, time: float) -> int:
        """Count the bans that make a subject's next one in a jail longer, at a time."""
        growth = self._growths.get(jail, _UNGROWN)
        return self._offences.count(
            subject, time, jail=None if growth.all_jails else jail, memory=growth.memory
        )

    def ban(
        self, jail: str, subject: Subject, *, seconds: float | None, reason: str, now: float
    ) -> Change:
        """Ban by hand; UsageError if the subject is exempt."""
        exemption = self._exempt(jail, subject)
        if exemption is not None:
            raise UsageError(
                f"{subject} is exempt by {exemption.entry!r} ({exemption.origin}) and can't be "
                f"banned; take that away first"
            )
        until = None if seconds is None else now + seconds
        current = self._active.get((jail, subject))
        if current is not None:
            changed = replace(current, until=until, origin=BanOrigin.HAND, reason=reason)
            if current.offence:
                self._offences.end(jail, subject, current.time, until)
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
        current = self._active.get((ban.jail, ban.subject))
        if current is None:
            if ban.subject.kind in _OFFENDERS:
                ban = replace(ban, offence=self.earlier(ban.jail, ban.subject, ban.time) + 1)
                self._offences.add(Offence(ban.jail, ban.subject, ban.time, ban.until))
            return self._put(ban, ChangeKind.BAN, now)
        if current.until is None or (ban.until is not None and ban.until <= current.until):
            return None
        if current.offence:
            self._offences.end(ban.jail, ban.subject, current.time, ban.until)
        return self._put(replace(current, until=ban.until), ChangeKind.EXTEND, now)

    def lift(self, subject: Subject, now: float, *, jail: str | None, by: str) -> list[Change]:
        """Take a subject's bans back, of one jail or of all, and set its floor.

        It was a mistake, so nothing that was before counts against the subject any more.
        """
        # By the jails there are: to go through all bans for each of all would take minutes.
        jails = dict.fromkeys(name for name, _ in self._counts) if jail is None else (jail,)
        keys = [(name, subject) for name in jails if (name, subject) in self._active]
        self._floors[subject] = now
        self._dirty_floors.add(subject)
        self._offences.forgive_all(subject)
        return [self._end(key, ChangeKind.LIFT, now, by, forgiven=True) for key in keys]

    def lift_where(self, unwanted: Callable[[Ban], bool], now: float, by: str) -> list[Change]:
        """Take back every ban of which ``unwanted`` is true; no floor is set."""
        keys = [key for key, ban in self._active.items() if unwanted(ban)]
        return [self._end(key, ChangeKind.LIFT, now, by, forgiven=by in _MISTAKES) for key in keys]

    def end(self, jail: str, subject: Subject, now: float, by: str) -> list[Change]:
        """Take a jail's ban on a subject back, if there is one; no floor is set."""
        key = (jail, subject)
        if key not in self._active:
            return []
        return [self._end(key, ChangeKind.LIFT, now, by, forgiven=by in _MISTAKES)]

    def expire(self, now: float) -> list[Change]:
        """End the bans whose time is up."""
        changes = []
        while self._ends and self._ends[0][0] <= now:
            until, _, key = heapq.heappop(self._ends)
            ban = self._active.get(key)
            if ban is not None and ban.until == until:
                changes.append(self._end(key, ChangeKind.EXPIRE, now, "time"))
        return changes

    def next_end(self) -> float | None:
        """Give the time at which :meth:`expire` has something to do next, at the earliest."""
        return self._ends[0][0] if self._ends else None

    def get(self, jail: str, subject: Subject) -> Ban | None:
        """Give a jail's ban on a subject."""
        return self._active.get((jail, subject))

    def active(self, jail: str | None = None) -> Iterator[Ban]:
        """Go through the bans in force, of one jail or of all, the oldest first."""
        return (ban for ban in self._active.values() if jail in (None, ban.jail))

    def __len__(self) -> int:
        return len(self._active)

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
            key = (row.ban.jail, row.ban.subject)
            current = self._active.get(key)
            if current is not None and current.evidence:
                self._active[key] = replace(current, evidence=())
        self._dirty_bans.clear()
        self._dirty_floors.clear()
        self._dirty_allowed.clear()
        return checkpoint

    def _number(self, verdict: Verdict) -> int:
        """Tell the number of the ban that a verdict lays or extends; 0 if it does not count."""
        current = self._active.get((verdict.jail, verdict.subject))
        if current is not None:
            return current.offence
        if verdict.subject.kind not in _OFFENDERS:
            return 0
        return self.earlier(verdict.jail, verdict.subject, verdict.time) + 1

    def _until(self, verdict: Verdict) -> float | None:
        """Give the end of the ban that a verdict lays or extends."""
        growth = self._growths.get(verdict.jail)
        if verdict.until is None or growth is None:
            return verdict.until
        offence = self._number(verdict)
        if offence <= 1:
            return verdict.until
        luck = luck_of(str(verdict.subject), verdict.time)
        return verdict.time + growth.length(verdict.until - verdict.time, offence, luck)

    def _extend(self, current: Ban, verdict: Verdict, until: float | None, now: float) -> Change:
        until = None if current.until is None or until is None else max(current.until, until)
        if current.offence:
            self._offences.end(current.jail, current.subject, current.time, until)
        extended = replace(
            current,
            until=until,
            failures=current.failures + verdict.failures,
            rule=verdict.rule,
            evidence=(current.evidence + verdict.evidence)[-MAX_EVIDENCE:],
            fields=verdict.fields,
        )
        return self._put(extended, ChangeKind.EXTEND, now)

    def _put(self, ban: Ban, kind: ChangeKind, now: float) -> Change:
        self._hold(ban)
        self._note(BanRow(ban))
        return Change(kind, ban, now)

    def _hold(self, ban: Ban) -> None:
        key = (ban.jail, ban.subject)
        if key not in self._active:
            self._counts[(ban.jail, ban.subject.kind)] += 1
        self._active[key] = ban
        self._schedule(ban)

    def _end(
        self, key: Key, kind: ChangeKind, now: float, by: str, *, forgiven: bool = False
    ) -> Change:
        ban = self._active.pop(key)
        self._counts[(ban.jail, ban.subject.kind)] -= 1
        if forgiven:
            self._offences.forgive(ban.subject, ban.jail, ban.time)
            ban = replace(ban, offence=0)
        elif ban.offence:
            end = now if ban.until is None else min(ban.until, now)
            self._offences.end(ban.jail, ban.subject, ban.time, end)
        self._note(BanRow(ban, ended=now, ended_by=by))
        return Change(kind, ban, now)

    def _note(self, row: BanRow) -> None:
        self._dirty_bans[(row.ban.jail, row.ban.subject, row.ban.time)] = row

    def _schedule(self, ban: Ban) -> None:
        if ban.until is not None:
            key = (ban.jail, ban.subject)
            heapq.heappush(self._ends, (ban.until, next(self._order), key))
            if len(self._ends) > 2 * len(self._active) + _SPARE_ENDS:
                self._forget_past_ends()

    def _forget_past_ends(self) -> None:
        """Drop the ends of bans that were extended or lifted since: memory has its bounds."""
        self._ends = [
            (ban.until, next(self._order), key)
            for key, ban in self._active.items()
            if ban.until is not None
        ]
        heapq.heapify(self._ends)
