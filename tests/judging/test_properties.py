# SPDX-License-Identifier: MIT
"""Whatever happens in whatever order: nobody exempt is banned, trust ends, owners go on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from hypothesis import given, settings
from hypothesis import strategies as st

from logban.addresses import canonical_address
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.judge import Judge
from logban.judging.places import place_of
from logban.judging.scrutiny.charging import Charging
from logban.judging.scrutiny.trust import Trust
from logban.judging.times import LogTimes
from logban.judging.weights import KINDS, novelty, number_factor, pace
from logban.model import Failure, Outcome, Subject, SubjectKind, Success, Verdict
from logban.policy.enough import Policy
from logban.policy.plan import Plan
from logban.policy.scrutiny import Limit, Scrutiny

START = 1_795_132_800.0
EXEMPT = ("203.0.113.77", "2001:db8:7::1")
ADDRESSES = [
    *(canonical_address(each) for each in EXEMPT),
    *(canonical_address(f"203.0.113.{n}") for n in range(1, 15)),
    canonical_address("2001:db8:7::2"),
    canonical_address("2001:db8:8::2"),
]
USERS = ("201", "202", "203", "")

outcomes = st.lists(
    st.tuples(
        st.sampled_from(("in", *KINDS, "")),
        st.sampled_from(ADDRESSES),
        st.sampled_from(USERS),
        st.one_of(st.integers(0, 20), st.sampled_from([60, 700, 30_000])),
        st.booleans(),
    ),
    max_size=120,
)
Event = tuple[str, str, str, int, bool]


def story(events: Sequence[Event]) -> list[Outcome]:
    """Give what these events would be as a log tells them, each so long after the one before."""
    time = START
    told: list[Outcome] = []
    for number, (kind, address, user, gap, proven) in enumerate(events):
        time += gap
        where = canonical_address(address)
        fields = {"user": user} if user else {"number": f"00{number % 4}7259123456"}
        if kind == "in":
            told.append(Success(where, time, "in", fields, "line", "full", number))
        else:
            told.append(Failure(where, time, kind, fields, "line", "full", number, kind, proven))
    return told


def scrutiny(events: int) -> Scrutiny:
    """Give limits so low that a short story reaches them, in different ways."""
    return Scrutiny(
        user=Limit(3, 86400.0, 3600.0),
        net=Limit(3, 3600.0, 3600.0),
        slow=Limit(12, 86400.0, 3600.0),
        suspends=events % 2 == 0,
        always_user_ip=events % 3 == 0,
    )


class Bench:
    """A judge, and a ledger that is no more than a set."""

    def __init__(self, events: int, max_places: int = 100, *, at_once: bool = True) -> None:
        self.trust = Trust(max_places=max_places, max_users=2)
        self.book = ExemptionBook()
        self.book.set_jail("pbx", EXEMPT, "ignoreip", own=True)
        if events % 2:
            self.book.set_checks({}, lambda address: 2.0 if address.endswith("3") else 1.0)
        self.suspended: set[Subject] = set()
        self.judge = Judge(
            "pbx",
            Policy(3, 600.0, 3600.0, scrutiny=scrutiny(events)),
            exempt=lambda subject: self.book.exempt("pbx", subject),
            floors={},
            trust=self.trust,
            in_force=self.suspended.__contains__,
            weigh=self.book.weigh,
            clears=lambda address: at_once and self.book.clears("pbx", address),
        )

    def take(self, told: Sequence[Outcome]) -> list[Verdict]:
        now = told[-1].time or START
        verdicts = self.judge.judge(told, LogTimes(), live=False, now=now)
        for subject, _ in self.judge.take_released():
            self.suspended.discard(subject)
        users = (SubjectKind.USER, SubjectKind.USER_IP)
        self.suspended.update(each.subject for each in verdicts if each.subject.kind in users)
        return verdicts

    def take_alone(self, told: Sequence[Outcome]) -> list[Verdict]:
        """Have it judged as if nobody were kept out for it: a ledger hears of whole blocks."""
        verdicts = self.take(told)
        self.suspended.clear()
        return verdicts


@settings(max_examples=200, deadline=None)
@given(outcomes)
def test_nobody_exempt_is_ever_banned(events: list[Event]) -> None:
    bench = Bench(len(events))
    for each in story(events):
        for verdict in bench.take([each]):
            if verdict.subject.kind is not SubjectKind.USER:
                assert bench.book.exempt("pbx", verdict.subject) is None


@settings(max_examples=200, deadline=None)
@given(outcomes)
def test_no_account_is_suspended_where_its_owner_is_registered(events: list[Event]) -> None:
    """Of a user who got in, the account is never suspended everywhere, nor by others' failures."""
    bench = Bench(len(events))
    got_in: dict[str, set[str]] = {}
    for each in story(events):
        user = each.fields.get("user", "")
        place = place_of(each.address, 64)
        if isinstance(each, Success):
            got_in.setdefault(user, set()).add(place)
        for verdict in bench.take([each]):
            subject = verdict.subject
            if subject.kind is SubjectKind.USER:
                assert subject.user not in got_in
            if subject.kind is SubjectKind.USER_IP and subject.network in got_in.get(user, ()):
                assert (subject.user, subject.network) == (user, place)
        if isinstance(each, Success):
            assert Subject(SubjectKind.USER, user=user) not in bench.suspended


@settings(max_examples=200, deadline=None)
@given(outcomes, st.integers(1, 5))
def test_trust_never_outlives_its_end_or_its_cap(events: list[Event], cap: int) -> None:
    bench = Bench(len(events), max_places=cap)
    last: dict[str, float] = {}
    for each in story(events):
        bench.take([each])
        assert each.time is not None
        if isinstance(each, Success) or each.kind == "misdialled":  # known by name, so he got in
            last[place_of(each.address, 64)] = each.time
        assert len(bench.trust) <= cap
        for place in bench.trust:
            known = bench.trust.get(place)
            assert known is not None
            assert known.until <= last[place] + scrutiny(0).trust
            assert len(known.users) <= 2


@settings(max_examples=100, deadline=None)
@given(outcomes)
def test_no_weight_is_negative(events: list[Event]) -> None:
    bench = Bench(len(events))
    charging = bench.judge.charging
    assert isinstance(charging, Charging)
    for each in story(events):
        if isinstance(each, Failure):
            assert charging.weight(each) >= 0
        bench.take([each])
        for key in charging.places:
            known = charging.places.get(key)
            assert known is not None
            assert all(weight >= 0 for weight in known.weights)


@given(st.text(), st.integers(0, 100), st.floats(0, 1e9), st.integers(1, 1000))
def test_no_modifier_is_negative(text: str, names: int, gap: float, limit: int) -> None:
    assert number_factor(text) >= 1
    assert Plan.parse(["7XX", "201", "2000-2999"]).factor(text) > 0
    assert novelty(names) >= 1
    assert 0 <= pace(gap, limit=limit, findtime=600.0, names=names) <= 1


@settings(max_examples=100, deadline=None)
@given(outcomes, st.lists(st.integers(1, 9), max_size=60))
def test_the_same_log_gives_the_same_events_however_it_is_cut(
    events: list[Event], sizes: list[int]
) -> None:
    told = story(events)
    whole, cut = Bench(len(events)), Bench(len(events))
    one_by_one = [verdict for each in told for verdict in whole.take_alone([each])]
    in_blocks: list[Verdict] = []
    left = list(told)
    for size in (*sizes, *[len(told)] * len(told)):
        block = within_findtime(left[:size])
        left = left[len(block) :]
        in_blocks += cut.take_alone(block) if block else []
    assert in_blocks == one_by_one
    assert cut.judge.counters == whole.judge.counters
    assert cut.judge.take_notices() == whole.judge.take_notices()
    end = (told[-1].time or START) if told else START
    for each in ADDRESSES:
        subject = Subject.of_address(each)
        assert cut.judge.known_of(subject) == whole.judge.known_of(subject)
        assert cut.judge.explain(subject, end) == whole.judge.explain(subject, end)
    assert written(cut.judge) == written(whole.judge)
    assert cut.trust.take_dirty() == whole.trust.take_dirty()


def within_findtime(told: Sequence[Outcome]) -> list[Outcome]:
    """Give the first of these: the time of a block's end must not make its beginning too old."""
    since = told[0].time or 0 if told else 0
    return list(takewhile(lambda each: (each.time or 0) - since < 600, told))


def written(judge: Judge) -> dict[Subject, str | None]:
    """Give what has changed, as it is written down."""
    return {who: None if what is None else str(what) for who, what in judge.take_dirty().items()}


@settings(max_examples=100, deadline=None)
@given(outcomes)
def test_what_is_cleared_at_once_is_what_is_not_exempt(events: list[Event]) -> None:
    """To ask the book by the address's beginning leads to the same as to ask it in full."""
    told = story(events)
    quick, full = Bench(len(events)), Bench(len(events), at_once=False)
    assert [quick.take([each]) for each in told] == [full.take([each]) for each in told]
    assert quick.judge.counters == full.judge.counters
