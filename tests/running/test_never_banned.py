# SPDX-License-Identifier: MIT
"""No sequence of events bans somebody who is exempt, by whichever road and at whichever moment."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from logban.errors import UsageError
from logban.judging.brakes import Brakes, Limits
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.exemptions.enquiries import Enquiries
from logban.judging.exemptions.exemption import Exemption, Exemptions
from logban.judging.exemptions.lists import Listing
from logban.ledger.ledger import Ledger
from logban.ledger.records import Allowed
from logban.model import Change, ChangeKind, Subject, SubjectKind, Verdict
from logban.running.deciding import Deciding
from logban.running.exempting import Exempting
from logban.testing.clock import FakeClock
from logban.testing.enquiries import FakeEnquiry
from logban.testing.machine import FakeResolver

JAILS = ("pbx", "web")
# Few, so that events often concern the same one.
ADDRESSES = ("198.51.100.1", "198.51.100.2", "2001:db8::1")
NETWORKS = ("198.51.100.0/31", "2001:db8::/64", "0.0.0.0/0")
NAME, LIST = "office.example.org", "file:/etc/exempt"

subjects = st.one_of(
    st.sampled_from(ADDRESSES).map(lambda text: Subject.parse(text, 128)),
    st.sampled_from(NETWORKS[:2]).map(Subject.parse),
    st.just(Subject(SubjectKind.USER_IP, ADDRESSES[0], "6003")),
)
jails = st.sampled_from(JAILS)
entries = st.sets(st.sampled_from((*ADDRESSES, *NETWORKS)), max_size=2)
events = st.lists(
    st.one_of(
        st.tuples(st.just("verdict"), jails, subjects),
        st.tuples(st.just("verdict"), jails, subjects),
        st.tuples(st.just("hand"), jails, subjects),
        st.tuples(st.just("allow"), st.just(""), st.sampled_from((*ADDRESSES, *NETWORKS, NAME))),
        st.tuples(st.just("disallow"), st.just(""), st.sampled_from((*ADDRESSES, *NETWORKS, NAME))),
        st.tuples(st.just("ignore"), jails, entries),
        st.tuples(st.just("list"), st.just(""), entries),
        st.tuples(st.just("name"), st.just(""), st.sets(st.sampled_from(ADDRESSES), max_size=2)),
        st.tuples(st.just("host"), st.just(""), st.sets(st.sampled_from(ADDRESSES), max_size=1)),
        st.tuples(st.just("knows"), st.just(""), st.sets(subjects, max_size=3)),
        st.tuples(st.just("mute"), st.just(""), st.booleans()),
        st.tuples(st.just("crash"), st.just(""), st.none()),
        st.tuples(st.just("wait"), st.just(""), st.integers(1, 90)),
    ),
    min_size=10,
    max_size=40,
)


@dataclass
class World:
    """The machine between verdict and ledger, and what a witness of its own knows of exemptions."""

    clock: FakeClock = field(default_factory=FakeClock)
    ignored: dict[str, set[str]] = field(default_factory=lambda: {jail: set() for jail in JAILS})
    listed: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    allowed: set[str] = field(default_factory=set)
    wronged: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = FakeResolver()
        self.names.known[NAME] = frozenset()
        self.book = ExemptionBook()
        self.ledger = Ledger(self.book.exempt)
        self.source = FakeEnquiry(keep=0.0)
        self.begin()
        for jail in JAILS:
            self.book.set_jail(jail, [LIST], "ignoreip", own=True)

    def begin(self) -> None:
        enquiries = Enquiries(self.clock, time_limit=30.0)
        enquiries.set_everywhere([self.source])
        brakes = Brakes()
        for jail in JAILS:
            brakes.set_jail(jail, Limits(bans=2))
        self.deciding = Deciding(
            self.ledger, enquiries, brakes, self.clock, submit=self.seen, tell=lambda _: None
        )
        self.exempting = Exempting(
            self.book,
            self.ledger,
            self.clock,
            enquiries=enquiries,
            resolver=self.names,
            own_addresses=frozenset,
            submit=self.seen,
        )

    def seen(self, changes: Iterable[Change]) -> None:
        """Look at what comes out: whoever a source exempts at this moment is not among it."""
        for change in changes:
            if change.kind is ChangeKind.BAN and change.ban.subject in self.source.exempt:
                self.wronged.append(change)

    def exempt(self, jail: str, subject: Subject) -> bool:
        """Tell, by the standard library alone, whether a ban would hit somebody who is exempt."""
        entries = self.ignored[jail] | self.listed | self.own | (self.allowed - {NAME})
        if NAME in self.allowed:
            entries |= self.named
        ours = ipaddress.ip_network(subject.network)
        return any(
            ours.version == theirs.version and ours.overlaps(theirs)
            for theirs in map(ipaddress.ip_network, entries)
        )

    async def happen(self, what: str, jail: str, value: object) -> None:
        done = getattr(self, what)(jail, value)
        if done is not None:
            await done
        for _ in range(8):
            await asyncio.sleep(0)

    def verdict(self, jail: str, subject: Subject) -> None:
        now = self.clock.now()
        self.seen(self.deciding.take([Verdict(jail, subject, now, now + 300, 5, "rule")], now))

    def hand(self, jail: str, subject: Subject) -> None:
        try:
            self.ledger.ban(jail, subject, seconds=300, reason="", now=self.clock.now())
        except UsageError:
            assert self.exempt(jail, subject)

    async def allow(self, _: str, entry: str) -> None:
        self.allowed.add(entry)
        now = self.clock.now()
        await self.exempting.allow(Allowed(entry, now, now + 500))

    def disallow(self, _: str, entry: str) -> None:
        self.allowed.discard(entry)
        self.exempting.disallow(entry)

    def ignore(self, jail: str, entries: set[str]) -> None:
        self.ignored[jail] = entries
        self.book.set_jail(jail, [*entries, LIST], "ignoreip", own=True)
        self.exempting.lift()

    def list(self, _: str, entries: set[str]) -> None:
        self.listed = entries
        networks = Exemptions()
        for each in entries:
            networks.add(each, Exemption(each, LIST))
        self.book.set_listing(LIST, Listing(networks))
        self.exempting.lift()

    def name(self, _: str, addresses: set[str]) -> None:
        self.named = addresses
        self.names.known[NAME] = frozenset(addresses)
        self.book.set_addresses({NAME: addresses})
        self.exempting.lift()

    def host(self, _: str, addresses: set[str]) -> None:
        self.own = addresses
        self.book.set_own(addresses)
        self.exempting.lift()

    def knows(self, _: str, exempt: set[Subject]) -> None:
        self.source.exempt = exempt

    def mute(self, _: str, mute: bool) -> None:
        (self.source.may_answer.clear if mute else self.source.may_answer.set)()

    def wait(self, _: str, seconds: int) -> None:
        self.clock.advance(seconds)
        now = self.clock.now()
        self.ledger.expire(now)
        self.exempting.drop_ended()
        self.allowed &= set(self.ledger.allowed)
        self.seen(self.deciding.release(now))

    async def crash(self, _: str, __: None) -> None:
        stored = [(each, each.to_text()) for each in self.deciding.pending]
        await self.deciding.close()
        self.begin()
        self.deciding.restore(
            {(each.verdict.jail, each.verdict.subject): text for each, text in stored}, JAILS
        )

    def check(self) -> None:
        assert not self.wronged
        for ban in self.ledger.active():
            assert not self.exempt(ban.jail, ban.subject), ban


async def go_through(story: list[tuple[str, str, object]]) -> None:
    world = World()
    for what, jail, value in story:
        await world.happen(what, jail, value)
        world.check()
    world.source.may_answer.set()
    for _ in range(20):
        await asyncio.sleep(0)
    world.check()
    # Nothing is left that nobody decides on.
    assert all(waiting.brake for waiting in world.deciding.pending)
    await world.deciding.close()


@settings(max_examples=200, deadline=None)
@given(events)
def test_nobody_exempt_is_ever_banned(story: list[tuple[str, str, object]]) -> None:
    asyncio.run(go_through(story))
