# SPDX-License-Identifier: MIT
"""Who is charged with a failure, what it weighs, and what comes of it.

A failure is charged

- to the user at the place, if he is known there: his telephone has an old password, and those
  beside it must not suffer for that;
- to the place, if it is trusted, with lenience: only other users than those known there, each
  once, unless they come in a burst.  Twice ``maxretry`` is abuse: the trust is lost;
- to the place, if it is a stranger's;
- beside that, to the account, if places fail with it that are none of its owner's, and to the
  network around the place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from logban.durations import format_duration
from logban.judging.accounts import Accounts
from logban.judging.networks import Networks
from logban.judging.places import around, network_of, pair_key, place_of, subject_of
from logban.judging.policy import Policy
from logban.judging.probes import Probes
from logban.judging.slow import SlowCounts
from logban.judging.surplus import surplus
from logban.judging.tracker import UNIT, Entry, Tracked, Tracker
from logban.judging.trust import Trust
from logban.judging.weights import (
    CALL_REJECTED,
    FREE_TRIES,
    KINDS,
    MAX_WEIGHT,
    PHONE_PACE,
    PREMIUM,
    PROBE,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    called,
    novelty,
    number_factor,
    pace,
    what_of,
)
from logban.model import (
    CanonicalAddress,
    Evidence,
    Failure,
    Notice,
    Subject,
    SubjectKind,
    Success,
    Verdict,
)
from logban.policy.plan import Plan
from logban.policy.scrutiny import Limit, Scrutiny, Unit

MAX_NAME: Final = 128
"""Characters of a user's name that tell users apart."""

CREDENTIALS: Final = frozenset({WRONG_PASSWORD, UNKNOWN_USER, PROBE, "acl"})
"""Kinds of failures in which a user's name is that of an account."""

LENIENCE: Final = 2
"""How many times maxretry a trusted place may do."""

NOTICE_EVERY: Final = 86400.0
"""Seconds from one notice to the next one of the same."""

FORGED: Final = 30
"""Failures within a minute, in the name of a trusted place, of which the admin is told."""

MAX_FORGED: Final = 1000
"""Trusted places in whose name packets come that are remembered."""

BURST: Final = 12
BURST_WITHIN: Final = 60.0
"""Failures of one user within so many seconds that a telephone may cause; more are an attack's."""

MAX_BURSTS: Final = 1000
"""Bursts that are remembered at a time."""

MAX_BESET: Final = 1000
"""Networks of which many addresses offend, with customers among them."""

TOLL_FRAUD: Final = 14.0
"""What a guest's call that was to leave the system counts more in the day's window: seven ban."""

WALK: Final = 6
"""What part of slow.maxretry is enough where many names were tried: one an hour."""

MAX_NETWORKS_AN_HOUR: Final = 20
MAX_PAIRS_AN_HOUR: Final = 200
"""Networks that a jail bans, and users at strange places that it suspends, within an hour."""


class _HourlyCap:
    """So often an hour and no more; ``held`` counts what was one too many."""

    def __init__(self, most: int) -> None:
        self.held = 0
        self._most = most
        self._times: deque[float] = deque()

    def allows(self, time: float) -> bool:
        """Tell whether it may be done once more."""
        while self._times and self._times[0] <= time - 3600.0:
            self._times.popleft()
        if len(self._times) >= self._most:
            self.held += 1
            return False
        self._times.append(time)
        return True


class Charging:
    """Charges the failures of one jail that judges with scrutiny."""

    def __init__(
        self,
        jail: str,
        policy: Policy,
        scrutiny: Scrutiny,
        *,
        trust: Trust,
        exempt: Callable[[Subject], object | None],
        in_force: Callable[[Subject], bool],
        weigh: Callable[[str], float],
    ) -> None:
        self.jail = jail
        self._weigh = weigh
        self.trust = trust
        self.notices: list[Notice] = []
        self.released: list[tuple[Subject, float]] = []
        self.slow = SlowCounts(findtime=scrutiny.slow.findtime, max_subjects=policy.max_subjects)
        self.places = Tracker(
            findtime=policy.findtime,
            max_evidence=policy.max_evidence,
            max_subjects=policy.max_subjects,
            slow=self.slow,
        )
        self.pairs = Tracker(
            findtime=max(scrutiny.user_ip.findtime, BURST_WITHIN),
            max_evidence=policy.max_evidence,
            max_subjects=policy.max_subjects,
        )
        self.accounts = Accounts(
            findtime=scrutiny.user.findtime,
            enough=scrutiny.user.maxretry,
            protect_for=scrutiny.user.bantime or scrutiny.user.findtime,
        )
        self.networks = Networks(scrutiny.net.findtime)
        self.network_cap = _HourlyCap(MAX_NETWORKS_AN_HOUR)
        self.pair_cap = _HourlyCap(MAX_PAIRS_AN_HOUR)
        self._beset: dict[str, float] = {}
        self._bursts: dict[str, float] = {}
        self._forged: dict[str, tuple[float, int, float]] = {}
        self._ipv6_prefix = policy.ipv6_prefix
        self.limit = policy.limit
        self._enough_units = policy.maxretry * UNIT
        self.slow_limit = self._banned_slowly(policy.limit, scrutiny.slow)
        self._scrutiny = scrutiny
        self._plan = scrutiny.plan
        self._kinds = {**KINDS, **scrutiny.weights}
        self._rules = scrutiny.weights
        self._weightless = frozenset(name for name, each in self._kinds.items() if not each)
        self._probes = Probes()
        self._exempt = exempt
        self._in_force = in_force
        self._suspends = scrutiny.suspends or scrutiny.always_user_ip
        self._by_place = Unit.IP in scrutiny.count_by
        self._by_pair = Unit.USER_IP in scrutiny.count_by
        self._by_user = Unit.USER in scrutiny.count_by
        self._by_network = Unit.NET in scrutiny.count_by

    def fail(self, failure: Failure, time: float, place: str, key: str) -> list[Verdict]:
        """Charge a failure; ``key`` is what the place is counted under."""
        kind = failure.kind
        rule = failure.rule
        if rule in self._weightless or (kind in self._weightless and rule not in self._rules):
            return []
        user = failure.fields.get("user", "")[:MAX_NAME]
        if kind == PROBE and not self._probes.is_other(place, user):
            return []
        is_login = kind in CREDENTIALS and bool(user)
        known = self.trust.get(place)
        if known is not None:
            if is_login and known.knows(user, time):
                return self._charge_pair(failure, time, place, user)
            if known.until > time:
                return self._charge_trusted(failure, time, place, key, user if is_login else "")
        return self._charge_stranger(failure, time, place, key, user if is_login else "")

    def prove(self, failure: Failure, time: float, place: str, key: str) -> list[Verdict]:
        """Charge an attempt that has been charged unproven, where that makes a difference."""
        if self.trust.is_trusted(place, time):
            return self.fail(failure, time, place, key)
        return []

    def succeed(self, success: Success, time: float, place: str) -> None:
        """Note that somebody got in."""
        user = success.fields.get("user", "")[:MAX_NAME]
        self.trust.succeed(place, user, time, self._scrutiny.trust)
        if not user:
            return
        self.places.forgive(place, what_of(user))
        self.pairs.clear(pair_key(place, user))
        for subject in (
            Subject(SubjectKind.USER, user=user),
            Subject(SubjectKind.USER_IP, success.address, user),
        ):
            if self._in_force(subject):
                self.released.append((subject, time))

    def place_of(self, subject: Subject) -> str:
        """Give the place that a user at an address is counted at."""
        return place_of(CanonicalAddress(subject.network), self._ipv6_prefix)

    def clear(self, subject: Subject) -> None:
        """Let a subject's count start again."""
        if subject.kind is SubjectKind.USER_IP:
            self.pairs.clear(pair_key(self.place_of(subject), subject.user))
        elif subject.kind is not SubjectKind.USER:
            self.places.clear(subject.network)
            # What is unbanned by hand may be a network of any size, and begins where one does.
            self.networks.forget(around(subject.network.partition("/")[0])[0])

    def weight(self, failure: Failure) -> float:
        """Give what a failure weighs by its kind, and by what was called or tried."""
        base = self._rules.get(failure.rule) if self._rules else None
        if base is None:
            base = self._kinds.get(failure.kind, 1.0)
        if failure.kind == CALL_REJECTED:
            number = called(failure)
            if number:
                base *= number_factor(number)
        elif failure.kind in CREDENTIALS:
            user = failure.fields.get("user")
            if user:
                base *= (self._plan or self.trust.shapes).factor(user)
        return base

    @property
    def capped(self) -> int:
        """What would have been banned or suspended beyond the caps of an hour."""
        return self.network_cap.held + self.pair_cap.held

    @property
    def asks_for_extensions(self) -> bool:
        """Whether those that Asterisk has belong to the numbering plan."""
        return self._scrutiny.asks_for_extensions

    def set_extensions(self, names: frozenset[str]) -> None:
        """Note what extensions Asterisk has, beside those that are written."""
        written = self._scrutiny.plan
        self._plan = (written or Plan()).with_names(names) if names else written

    def tidy(self, now: float) -> None:
        """Forget what has become too old to matter."""
        self.places.forget_older(now - self.limit.findtime)
        self.places.forget_faded(now)
        self.pairs.forget_older(now - self._scrutiny.user_ip.findtime)
        self.accounts.tidy(now)
        self.networks.tidy(now)

    # A user at a place where he is known

    def _charge_pair(self, failure: Failure, time: float, place: str, user: str) -> list[Verdict]:
        self._note_pair(failure, time, place, user)
        self._count_pair(failure, time, place, user)
        return self._suspend_pair(failure, time, place, user)

    def _note_pair(self, failure: Failure, time: float, place: str, user: str) -> None:
        """Count a user's failures at a place since he last got in, and tell of them once."""
        pair = self.trust.fail(place, user)
        if pair.told or pair.failed < self._scrutiny.user_ip.maxretry:
            return
        if time < pair.noticed + NOTICE_EVERY:
            return
        pair.told, pair.noticed = True, time
        if failure.kind == UNKNOWN_USER:
            wrong = "there is no such extension"
        elif failure.kind != WRONG_PASSWORD:
            wrong = "it is refused"
        elif pair.last > float("-inf"):
            wrong = "the telephone has an old password"
        else:
            wrong = "the telephone has a wrong password"
        text = f"extension {user} at {place} fails again and again: {wrong}"
        subject = Subject(SubjectKind.USER_IP, failure.address, user)
        self._notice(subject, failure, time, text, pair.failed)

    def _count_pair(self, failure: Failure, time: float, place: str, user: str) -> int:
        """Count a failure of a user at a place; give how many there were just now."""
        counts = failure.proven or self._suspends
        key = pair_key(place, user)
        self.pairs.add(key, time, failure, UNIT if counts else 0)
        return sum(each[0] > time - BURST_WITHIN for each in self.pairs.look(key, time))

    def _suspend_pair(self, failure: Failure, time: float, place: str, user: str) -> list[Verdict]:
        """Keep a user at a place out, where that can be enforced or he is being attacked."""
        if not self._by_pair:
            return []
        key = pair_key(place, user)
        limit = self._scrutiny.user_ip
        entries = self.pairs.look(key, time)
        if self._suspends:
            oldest = time - limit.findtime
            enough = sum(each[0] > oldest for each in entries) >= limit.maxretry
        else:
            oldest = time - BURST_WITHIN
            proven = sum(each[2] for each in entries if each[0] > oldest)
            enough = proven > BURST * UNIT
        if not enough:
            return []
        subject = Subject(SubjectKind.USER_IP, failure.address, user)
        return [self._verdict(subject, limit, self.pairs.take(key), failure)]

    # A place that is trusted

    def _charge_trusted(
        self, failure: Failure, time: float, place: str, key: str, user: str
    ) -> list[Verdict]:
        if not failure.proven:
            self._note_forged(failure, time, place)
            return []
        verdicts: list[Verdict] = []
        tried = user or called(failure)
        what = what_of(tried) if tried else 0
        entries = self.places.look(key, time)
        names = {entry[1] for entry in entries}
        is_new = what not in names
        weight = self.weight(failure)
        if user:
            self._note_pair(failure, time, place, user)
            is_burst = self._is_burst(failure, time, place, user)
            verdicts = self._suspend_pair(failure, time, place, user)
            if not is_new and not is_burst:
                return verdicts
        elif failure.kind == CALL_REJECTED and number_factor(tried) == 1.0:
            return verdicts  # a customer who mistyped a number
        if is_new:
            weight *= novelty(len(names))
        total = self._add(key, time, failure, weight, what)
        if self._enough(key, time, total, len(entries), LENIENCE):
            self.trust.lose(place, time)
            verdicts.append(self._ban(key, total, failure, time))
        return verdicts

    def _note_forged(self, failure: Failure, time: float, place: str) -> None:
        """Tell of failures that anybody could have sent in a trusted place's name, once a day.

        They alone never cost its trust: a forger could have any customer banned.
        """
        start, count, told = self._forged.pop(place, (time, 0, float("-inf")))
        if time - start >= BURST_WITHIN:
            start, count = time, 0
        count += 1
        if count >= FORGED and time >= told + NOTICE_EVERY:
            told = time
            text = (
                f"{count} failures in a minute from {place}, where users are registered: packets "
                "that anybody can forge, so nobody is banned for them"
            )
            self._notice(subject_of(place), failure, time, text, count)
        self._forged[place] = (start, count, told)
        for oldest in surplus(self._forged, MAX_FORGED):
            del self._forged[oldest]

    def _is_burst(self, failure: Failure, time: float, place: str, user: str) -> bool:
        """Count a failure of another user, and tell whether so many come of no telephone."""
        key = pair_key(place, user)
        if self._count_pair(failure, time, place, user) > BURST:
            self._bursts.pop(key, None)
            self._bursts[key] = time + BURST_WITHIN
            for oldest in surplus(self._bursts, MAX_BURSTS):
                del self._bursts[oldest]
        return self._bursts.get(key, time) > time

    # A stranger's place

    def _charge_stranger(
        self, failure: Failure, time: float, place: str, key: str, user: str
    ) -> list[Verdict]:
        verdicts: list[Verdict] = []
        tried = user or called(failure)
        what = what_of(tried) if tried else 0
        entries = self.places.look(key, time)
        same = [entry[0] for entry in entries if entry[1] == what]
        if user:
            if self._by_user and failure.kind == WRONG_PASSWORD:
                verdicts = self._charge_account(failure, time, place, user, len(same))
            if self._scrutiny.always_user_ip:
                self._count_pair(failure, time, place, user)
                verdicts += self._suspend_pair(failure, time, place, user)
        if not self._by_place:
            return verdicts
        weight = self.weight(failure)
        if weight >= PREMIUM and failure.kind == CALL_REJECTED:
            self.slow.add(key, time, what, TOLL_FRAUD)
        weight *= self._weigh(failure.address)
        if entries:
            weight *= self._modifier(entries, same, what, time)
        units = int(min(weight, MAX_WEIGHT) * UNIT)
        total = units
        for entry in entries:
            total += entry[2]
        self.places.add_to(entries, key, time, failure, units, what)
        if total >= self._enough_units or key in self.slow:
            is_enough = self._enough(key, time, total, len(entries), 1)
            if is_enough or (user and self._is_walk(failure, key, time)):
                return [*verdicts, self._ban(key, total, failure, time)]
        if not entries:
            verdicts += self._charge_network(failure, time, place)
        elif self._beset and self._beset.get(around(place)[0], time) > time:
            verdicts.append(self._ban(key, total, failure, time))
        return verdicts

    def _modifier(
        self, entries: Sequence[Entry], same: Sequence[float], what: int, time: float
    ) -> float:
        """Say by what a failure weighs more or less for those before; ``same`` tried the same."""
        if what and not same:
            return novelty(len({entry[1] for entry in entries}))
        if len(same) < FREE_TRIES:
            return 1.0
        limit = self.limit
        gap = (time - same[-FREE_TRIES]) / FREE_TRIES
        if gap < PHONE_PACE:
            return 1.0
        names = len({entry[1] for entry in entries})
        return pace(gap, limit=limit.maxretry, findtime=limit.findtime, names=names)

    def _charge_account(
        self, failure: Failure, time: float, place: str, user: str, tries: int
    ) -> list[Verdict]:
        """Count a place that fails with somebody else's name against that account.

        ``tries`` are those that the place has had with it before.
        """
        if not tries:
            if not self.accounts.fail(user, place, time):
                return []
            return self._protect(failure, time, user)
        # The owner's own places go on; a strange one has one try, and is out with the second.
        if self.accounts.is_protected(user, time) and self.trust.is_owned(user, time):
            subject = Subject(SubjectKind.USER_IP, failure.address, user)
            if not self._in_force(subject) and self.pair_cap.allows(time):
                evidence = Tracked([time], [], [_evidence(failure, time)])
                return [self._verdict(subject, self._scrutiny.user, evidence, failure)]
        return []

    def _protect(self, failure: Failure, time: float, user: str) -> list[Verdict]:
        limit = self._scrutiny.user
        is_owned = self.trust.is_owned(user, time)
        subject = Subject(SubjectKind.USER, user=user)
        span = format_duration(limit.bantime or limit.findtime)
        text = f"account {user} is attacked from {limit.maxretry} places and protected for {span}"
        if is_owned:
            text += ": places that are not its owner's have one try"
        self._notice(
            subject, failure, time, text, limit.maxretry,
            time + (limit.bantime or limit.findtime),
        )  # fmt: skip
        # Nobody is locked out of his own account: one whose owner gets in somewhere is not
        # suspended everywhere, nor any where the log does not tell who gets in.
        if is_owned or not self.trust.sees_users:
            return []
        evidence = Tracked([time] * limit.maxretry, [], [_evidence(failure, time)])
        return [self._verdict(subject, limit, evidence, failure)]

    def _charge_network(self, failure: Failure, time: float, place: str) -> list[Verdict]:
        """Count a place against the network around it."""
        if not self._by_network:
            return []
        key, part = around(place)
        limit = self._scrutiny.net
        places = self.networks.add(key, part, time)
        if places < limit.maxretry:
            return []
        subject = Subject(SubjectKind.NET, network_of(key))
        if self.trust.is_inside(key) or self._exempt(subject) is not None:
            # Somebody lives there, so each is banned by himself, with the second try.
            self._beset.pop(key, None)
            self._beset[key] = time + limit.findtime
            for oldest in surplus(self._beset, MAX_BESET):
                del self._beset[oldest]
            return []
        if not self.network_cap.allows(time):
            return []
        self.networks.forget(key)
        evidence = Tracked([time] * places, [], [_evidence(failure, time)])
        return [self._verdict(subject, limit, evidence, failure)]

    # What comes of it

    def _add(self, key: str, time: float, failure: Failure, weight: float, what: int) -> int:
        units = int(min(weight, MAX_WEIGHT) * UNIT)
        return self.places.add(key, time, failure, units, what)

    def _enough(self, key: str, time: float, total: int, before: int, lenience: int) -> bool:
        if total >= self._enough_units * lenience:
            return True
        if key not in self.slow:
            return False
        return self.slow.value(key, time) + before + 1 >= self._scrutiny.slow.maxretry

    def _is_walk(self, failure: Failure, key: str, time: float) -> bool:
        """Tell whether a place goes through the users at leisure, and is no customer's.

        Slips are of users that there are; where the log does not tell who gets in, an office's
        slips look like that, so there only names count that nobody has.
        """
        if failure.kind != UNKNOWN_USER and not self.trust.sees_users:
            return False
        if self.slow.value(key, time) * WALK < self._scrutiny.slow.maxretry:
            return False
        return self.slow.has_many_names(key)

    def _ban(self, key: str, total: int, failure: Failure, time: float) -> Verdict:
        limit = self.limit
        slow = self.slow.value(key, time)
        if failure.kind == CALL_REJECTED:
            slow /= 2.0 + TOLL_FRAUD
        tracked = self.places.take(key)
        if total < limit.maxretry * UNIT:
            limit = self.slow_limit
            tracked = Tracked([*tracked.times, *[time] * int(slow)], [], tracked.evidence)
        return self._verdict(subject_of(key), limit, tracked, failure)

    @staticmethod
    def _banned_slowly(usual: Limit, slow: Limit) -> Limit:
        """Give the limit of the day's window; a ban by it is never shorter than a usual one."""
        bantime = None
        if slow.bantime is not None and usual.bantime is not None:
            bantime = max(slow.bantime, usual.bantime)
        return Limit(slow.maxretry, slow.findtime, bantime)

    def _verdict(
        self, subject: Subject, limit: Limit, tracked: Tracked, failure: Failure
    ) -> Verdict:
        last = max(tracked.times)
        return Verdict(
            jail=self.jail,
            subject=subject,
            time=last,
            until=None if limit.bantime is None else last + limit.bantime,
            failures=len(tracked.times),
            rule=failure.rule,
            evidence=tuple(tracked.evidence),
            fields=failure.captures(),
        )

    def _notice(
        self,
        subject: Subject,
        failure: Failure,
        time: float,
        text: str,
        failures: int,
        until: float | None = None,
    ) -> None:
        evidence = (_evidence(failure, time),)
        self.notices.append(
            Notice(self.jail, subject, time, text, failures, failure.rule, evidence, until)
        )


def _evidence(failure: Failure, time: float) -> Evidence:
    return Evidence(time, failure.rule, failure.line[:1000], failure.source)
