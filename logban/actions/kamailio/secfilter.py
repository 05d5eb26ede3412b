# SPDX-License-Identifier: MIT
"""The ``kamailio-secfilter`` action: bans on the blacklist of Kamailio's module secfilter.

It is for sites that use the module already: an entry hits all that begins like it.  A ban that
would hit an exempt address is not taken, and every ban that hits others is named in ``status``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.actions.kamailio.blacklist import Blacklist, BlacklistSettings, shared
from logban.actions.kamailio.lists import Entry, Kind
from logban.actions.kamailio.prefixes import siblings_of
from logban.actions.kamailio.remarks import Remarks
from logban.actions.kamailio.traits import FIELDS, Traits
from logban.actions.kamailio.transports import RpcAddress
from logban.actions.protocols import Missing
from logban.clock import Clock
from logban.model import Ban, Subject, SubjectKind

CHECK_EVERY: Final = 2.0
_GRACE: Final = 5.0  # seconds in which an end is expected to be told of


class Secfilter:
    """Keeps the bans of one jail on a blacklist that it shares with others."""

    check_every = CHECK_EVERY

    def __init__(self, jail: str, kind: Kind, blacklist: Blacklist, clock: Clock) -> None:
        self._owner = f"jail {jail}"
        self._kind = kind
        self._blacklist = blacklist
        self._clock = clock
        self._ends: dict[Entry, float | None] = {}
        self._exempt: Callable[[Subject], str] = lambda _: ""
        self._recalled: set[Entry] = set()
        self._refused = Remarks()
        self._wide = Remarks()

    @property
    def notice(self) -> str:
        """Name the bans that hit others, and those that were not taken because of that."""
        said = []
        if refused := next(iter(self._refused), None):
            who, why = refused
            said.append(f"{len(self._refused)} bans can't be kept by secfilter: {who} {why}")
        if wide := next(iter(self._wide), None):
            who, whom = wide
            said.append(
                f"{len(self._wide)} bans hit others too, because secfilter compares beginnings: "
                f"{who} hits {whom}"
            )
        return "; ".join([*said, "kamailio-htable bans exactly whom it is to"]) if said else ""

    def exempt_by(self, exempt: Callable[[Subject], str]) -> None:
        """Take the question who is exempt, by any jail's list."""
        self._exempt = exempt

    def recall(self, bans: Sequence[Ban]) -> None:
        """Note what an earlier run may have left: an entry of secfilter's has no end."""
        subjects = (ban.subject for ban in bans if self._is_ours(ban.subject))
        self._recalled.update(Entry.of_ban(self._kind, each) for each in subjects)

    def takes(self, subject: Subject) -> bool:
        """Tell whether a ban on a subject hits nobody who is exempt."""
        if self._kind is Kind.USER:
            if subject.kind is SubjectKind.USER_IP:
                self._refused.add(
                    str(subject),
                    "is a user at one address, whom it can keep out everywhere only "
                    "(kamailio-userban does it there)",
                )
            return subject.kind is SubjectKind.USER and _is_entry(subject.user)
        if subject.kind is not SubjectKind.IP:
            if subject.kind is SubjectKind.NET:
                self._refused.add(str(subject), "is a network, which it does not know")
            return False
        siblings = siblings_of(subject.network)
        for network in siblings.networks:
            entry = self._exempt(Subject.parse(network, ipv6_prefix=128))
            if entry:
                why = f"would hit {network} as well, which is exempt ({entry})"
                self._refused.add(subject.network, why)
                return False
        self._refused.drop(subject.network)
        return True

    def prepare(self) -> None:
        """See that secfilter is there."""
        self._blacklist.prepare(self._owner)

    def apply(self, bans: Sequence[Ban]) -> None:
        """Put those on the blacklist that are not over."""
        now = self._clock.now()
        put = {
            Entry.of_ban(self._kind, ban.subject): ban.until
            for ban in bans
            if self._is_ours(ban.subject) and ban.remaining(now) != 0
        }
        self._ends.update(put)
        self._blacklist.put(self._owner, put)
        if self._kind is Kind.IP:
            for entry in put:
                siblings = siblings_of(entry.value)
                if siblings:
                    self._wide.add(entry.value, str(siblings))

    def lift(self, bans: Sequence[Ban]) -> None:
        """Take them off, at the latest with the next reload."""
        subjects = [ban.subject for ban in bans if self._is_ours(ban.subject)]
        taken = [Entry.of_ban(self._kind, subject) for subject in subjects]
        for entry in taken:
            self._ends.pop(entry, None)
            self._wide.drop(entry.value)
        self._blacklist.take(self._owner, taken)

    def read(self) -> Mapping[Subject, float | None] | None:
        """Tell what of ours is there; None where secfilter's lists can't be read.

        The ends are logban's own: secfilter knows none.
        """
        self._refused.age()
        self._take_ended()
        present = self._blacklist.read(self._owner)
        if present is None:
            return None
        return {entry.subject(): end for entry, end in self._ends.items() if entry in present}

    def check(self) -> None:
        """Do the reload that is due; Missing where Kamailio was restarted."""
        if not self._blacklist.check(self._owner):
            raise Missing("secfilter has lost its entries: Kamailio was restarted")
        if self._recalled:  # by now every jail has said what it wants
            self._blacklist.take_earlier(self._owner, self._recalled)
            self._recalled.clear()

    def pardon(self, subjects: Sequence[Subject]) -> None:
        """Delete what the script has put against these into the stock table."""
        self._blacklist.pardon(subjects)

    def close(self) -> None:
        """Let go of the sockets; the entries stay."""
        self._blacklist.close(self._owner)

    def _take_ended(self) -> None:
        """Take out what has ended without being lifted: an entry of secfilter's has no end."""
        now = self._clock.now()
        ended = [each for each, end in self._ends.items() if end is not None and end < now - _GRACE]
        for entry in ended:
            del self._ends[entry]
            self._wide.drop(entry.value)
        if ended:
            self._blacklist.take(self._owner, ended)

    def _is_ours(self, subject: Subject) -> bool:
        kind = SubjectKind.USER if self._kind is Kind.USER else SubjectKind.IP
        return subject.kind is kind and (kind is SubjectKind.IP or _is_entry(subject.user))


def _is_entry(user: str) -> bool:
    try:
        Entry.parse(Kind.USER, user)
    except ValueError:
        return False
    return True


def blacklist_of(spec: ActionSpec, clock: Clock) -> Blacklist:
    """Give the blacklist of the Kamailio that an action names, one for all actions."""
    return shared(
        BlacklistSettings(
            spec.value("socket", RpcAddress),
            spec.value("ctl", Path),
            spec.value("timeout", float),
            spec.optional("reply", Path),
        ),
        clock,
    )


def build(spec: ActionSpec, clock: Clock) -> Secfilter | Traits:
    """Make the enforcer that a jail asks for."""
    kind = Kind(spec.value("type", str))
    if kind in FIELDS:
        return Traits(spec.jail, kind, blacklist_of(spec, clock), clock)
    return Secfilter(spec.jail, kind, blacklist_of(spec, clock), clock)
