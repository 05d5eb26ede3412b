# SPDX-License-Identifier: MIT
"""What a subject's earlier bans make of its next one: a longer ban, or one by another jail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from logban.ledger.offences import Offence, Offences
from logban.ledger.records import MAX_EVIDENCE
from logban.model import RECIDIVE, Ban, Change, ChangeKind, Evidence, Subject, SubjectKind, Verdict
from logban.policy.bantime import Growth, luck_of

_OFFENDERS: Final = (SubjectKind.IP, SubjectKind.NET)
"""What offends: an account is a victim, and a customer's phone with an old password no attacker."""

_UNGROWN: Final = Growth()


@dataclass(frozen=True, slots=True)
class Recidive:
    """What a jail that judges by the other jails' bans holds to be enough; spans are seconds.

    ``bantime`` is None for ever.
    """

    maxretry: int
    findtime: float
    bantime: float | None


class Escalation:
    """Knows everybody's offences and the jails' rules about them."""

    def __init__(self) -> None:
        self._offences = Offences()
        self._growths: dict[str, Growth] = {}
        self._recidives: dict[str, Recidive] = {}

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

    def restore(self, offences: Iterable[Offence]) -> None:
        """Take up what an earlier run has stored, in its order."""
        self._offences.restore(offences)

    # The next ban

    def earlier(self, jail: str, subject: Subject, time: float) -> int:
        """Count the bans that make a subject's next one in a jail longer, at a time."""
        growth = self._growths.get(jail, _UNGROWN)
        return self._offences.count(
            subject, time, jail=None if growth.all_jails else jail, memory=growth.memory
        )

    def number(self, jail: str, subject: Subject, time: float) -> int:
        """Tell which ban a new one at a time would be of those that count; 0 if it would not."""
        if subject.kind not in _OFFENDERS:
            return 0
        return self.earlier(jail, subject, time) + 1

    def until(self, verdict: Verdict, current: Ban | None) -> float | None:
        """Give the end of the ban that a verdict lays, or to which it extends ``current``."""
        growth = self._growths.get(verdict.jail)
        if verdict.until is None or growth is None:
            return verdict.until
        if current is None:
            offence = self.number(verdict.jail, verdict.subject, verdict.time)
        else:
            offence = current.offence
        if offence <= 1:
            return verdict.until
        luck = luck_of(str(verdict.subject), verdict.time)
        # A time of today keeps a fraction of a microsecond; growth would multiply the error.
        bantime = round(verdict.until - verdict.time, 3)
        return verdict.time + growth.length(bantime, offence, luck)

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
        if not self._recidives:
            return []
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

    # What happens to bans

    def laid(self, ban: Ban) -> None:
        """Remember a new ban, if it counts."""
        if ban.offence:
            self._offences.add(Offence(ban.jail, ban.subject, ban.time, ban.until))

    def ends(self, ban: Ban, end: float | None) -> None:
        """Note when a ban will end now, or has ended."""
        if ban.offence:
            self._offences.end(ban.jail, ban.subject, ban.time, end)

    def forgive(self, ban: Ban) -> None:
        """Let a ban not count."""
        self._offences.forgive(ban.subject, ban.jail, ban.time)

    def forgive_all(self, subject: Subject) -> None:
        """Let none of a subject's bans count any more."""
        self._offences.forgive_all(subject)
