# SPDX-License-Identifier: MIT
"""Who hops in a /48 is one attacker; the households of an access provider's /48 are many."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.addresses import canonical_address
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.judge import Judge
from logban.judging.places import is_wide, key_of, networks_around, wide_around
from logban.judging.scrutiny.wide import SEVERAL, WideNetworks
from logban.judging.times import LogTimes
from logban.model import Failure, Outcome, Subject, Success, Verdict
from logban.policy.enough import Policy
from logban.policy.scrutiny import Scrutiny

START, HOUR = 1_795_132_800.0, 3600.0
WIDE = "2001:db8:bad::/48"


def failed(time: float, address: str, user: str) -> Failure:
    where = canonical_address(address)
    return Failure(
        where, START + time, "rule", {"user": user}, "line", "full", 0, "wrong-password", True
    )


def got_in(time: float, address: str, user: str) -> Success:
    where = canonical_address(address)
    return Success(where, START + time, "in", {"user": user}, "line", "full", 0)


def within(number: int, base: str = "2001:db8:bad") -> str:
    """Give an address in one of the 65,536 networks of a /48."""
    return f"{base}:{number:x}::1"


class Bench:
    """A judge of the usual thresholds; that some user got in elsewhere can be seen, or not."""

    def __init__(self, *, sees_users: bool = True, ipv6_prefix: int = 64) -> None:
        self.book = ExemptionBook()
        self.book.set_jail("pbx", ["2001:db8:e::7"], "ignoreip", own=True)
        self.in_force: set[Subject] = set()
        self.judge = Judge(
            "pbx",
            Policy(5, 600.0, 3600.0, ipv6_prefix=ipv6_prefix, scrutiny=Scrutiny()),
            exempt=lambda subject: self.book.exempt("pbx", subject),
            floors={},
            in_force=self.in_force.__contains__,
        )
        if sees_users:
            self.take(got_in(-60, "203.0.113.10", "201"))

    def take(self, *outcomes: Outcome) -> list[Verdict]:
        return self.all(outcomes)

    def all(self, outcomes: Iterable[Outcome]) -> list[Verdict]:
        verdicts = []
        for each in outcomes:
            assert each.time is not None
            verdicts += self.judge.judge([each], LogTimes(), live=False, now=each.time)
        return verdicts

    def tries_until_banned(self, numbers: Iterable[int], network: str = WIDE) -> int:
        """Give how many tries get through, one from each of these networks, every 2 seconds."""
        banned: set[str] = set()
        through = 0
        for tried, number in enumerate(numbers, 1):
            place = within(number)
            if banned.isdisjoint(networks_around(place)):
                through += 1
                verdicts = self.take(failed(tried * 2.0, place, str(100 + tried)))
                banned.update(each.subject.network for each in verdicts)
            if network in banned:
                return through
        raise AssertionError(f"{network} is never banned")


AT_RANDOM = random.Random("hops").sample(range(65536), 3000)  # noqa: S311  # hops of a story
ONE_OF_EACH = [number << 8 for number in range(256)]


def test_who_hops_in_a_48_is_banned_with_all_of_it() -> None:
    assert Bench().tries_until_banned(AT_RANDOM) <= 60
    assert Bench().tries_until_banned(ONE_OF_EACH) == 48
    assert Bench().tries_until_banned(range(65536)) <= 100
    assert Bench(ipv6_prefix=56).tries_until_banned(AT_RANDOM) <= 60


def test_where_no_log_tells_who_gets_in_several_networks_of_each_have_to_fail() -> None:
    assert Bench(sees_users=False).tries_until_banned(AT_RANDOM) <= 120
    with pytest.raises(AssertionError, match="never banned"):
        Bench(sees_users=False).tries_until_banned(ONE_OF_EACH)
    assert Bench(sees_users=False).tries_until_banned([*ONE_OF_EACH, *range(1, 65536, 256)]) <= 270


def test_hops_as_seldom_as_one_in_six_minutes_add_up() -> None:
    tries = (
        failed(at * 360.0, within(number), str(at % 7)) for at, number in enumerate(AT_RANDOM[:240])
    )
    assert Subject.parse(WIDE) in {each.subject for each in Bench().all(tries)}


def test_a_telephone_on_the_move_is_not_many() -> None:
    """One that takes another /64 every ten minutes; not so one name that is tried by force."""
    moves = [failed(n * 600.0, within(number), "305") for n, number in enumerate(AT_RANDOM[:600])]
    networks = {each.subject.network for each in Bench().all(moves)}
    assert WIDE not in networks
    force = [failed(n * 5.0, within(number), "305") for n, number in enumerate(AT_RANDOM[:100])]
    assert WIDE in {each.subject.network for each in Bench().all(force)}
    bench = Bench()
    assert bench.judge.charging is not None
    bench.all(moves[:2])
    bench.judge.tidy(START + 700)
    bench.all(moves[2:3])
    assert bench.judge.charging.crowds.counted(WIDE, START + 1200) == (1, 48)


def test_what_is_in_a_48_that_is_banned_is_not_banned_beside_it() -> None:
    bench = Bench()
    bench.in_force.add(Subject.parse(WIDE))
    assert bench.all(failed(n * 1.0, within(n), str(n)) for n in range(30)) == []


def test_households_of_a_provider_are_many() -> None:
    """A few slip and don't get in; the database is away, and all that are known fail."""
    few = [failed(n * 60.0, within(n << 8), str(300 + n)) for n in range(40)]
    again = [failed(n * 60.0 + 9, within(n << 8), str(300 + n)) for n in range(40)]
    assert Bench().all(sorted([*few, *again], key=lambda each: each.time)) == []
    bench = Bench()
    assert bench.all(got_in(n, within(n << 8), str(300 + n)) for n in range(256)) == []
    assert bench.all(failed(700 + n, within(n << 8), str(300 + n)) for n in range(256)) == []
    # One of them suffices to tell that it is no attacker's.
    bench = Bench()
    bench.take(got_in(0, within(0x4200), "300"))
    assert bench.all(failed(700 + n, within(n << 8), str(300 + n)) for n in range(256)) == []


def test_who_slips_and_gets_in_counts_for_nothing() -> None:
    bench = Bench()
    for n in range(256):
        place, user, at = within(n << 8), str(300 + n), n * 30.0
        assert bench.take(failed(at, place, user), got_in(at + 20, place, user)) == []
    assert bench.judge.charging is not None
    assert bench.judge.charging.crowds.counted(WIDE, START + 8000) == (0, 48)


def test_no_48_is_banned_over_an_exempt_address_and_its_56s_are_sooner() -> None:
    bench = Bench()
    hops = [number for part in range(0x10, 0x60) for number in (part << 8, (part << 8) + 1)]
    tries = [failed(n * 2.0, within(hop, "2001:db8:e"), str(n)) for n, hop in enumerate(hops)]
    assert bench.all(tries) == []
    assert [each.subject for each in bench.take(failed(400, "2001:db8:e:1002::1", "x"))] == [
        Subject.parse("2001:db8:e:1000::/56")
    ]


def test_at_most_so_many_48s_an_hour_beside_the_56s() -> None:
    bench = Bench()
    tries = (
        failed(m * 60 + n / 10, within(n << 8, f"2001:db8:{m:x}"), f"{m}{n}")
        for m in range(0x100, 0x118)
        for n in range(50)
    )
    assert len(bench.all(tries)) == 20
    assert bench.judge.capped > 0


def test_what_is_known_of_a_48_survives_a_restart() -> None:
    bench, again = Bench(), Bench()
    bench.all(failed(n * 2.0, within(number), str(n)) for n, number in enumerate(AT_RANDOM[:40]))
    for subject, text in bench.judge.take_dirty().items():
        again.judge.restore(subject, str(text))
    assert again.judge.charging is not None
    assert bench.judge.charging is not None
    counted = bench.judge.charging.crowds.counted(WIDE, START + 100)
    assert again.judge.charging.crowds.counted(WIDE, START + 100) == counted
    left = AT_RANDOM[40:]
    assert again.tries_until_banned(left) == bench.tries_until_banned(left) < 40
    assert again.judge.take_dirty()[Subject.parse(WIDE)] is None


def test_a_48_that_is_unbanned_by_hand_starts_again() -> None:
    bench = Bench()
    assert bench.tries_until_banned(AT_RANDOM) <= 60
    bench.all(failed(200.0 + n, within(number), "x") for n, number in enumerate(AT_RANDOM[900:930]))
    bench.judge.clear(Subject.parse(WIDE))
    assert bench.judge.charging is not None
    assert bench.judge.charging.crowds.counted(WIDE, START + 300) == (0, 48)


def test_an_admin_is_told_how_far_a_48_is() -> None:
    bench = Bench()
    bench.all(failed(n * 2.0, within(number), str(n)) for n, number in enumerate(ONE_OF_EACH[:40]))
    for asked in (within(0x500), WIDE):
        said = "\n".join(bench.judge.explain(Subject.parse(asked), START + 100))
        assert f"what has failed lately in its network {WIDE} comes to 40 of 48" in said
    bench.take(got_in(110, within(0x500), "201"))
    said = "\n".join(bench.judge.explain(Subject.parse(within(0x600)), START + 120))
    assert f"its network {WIDE} can't be banned: users are known in it" in said


def test_a_48_is_forgotten_in_time_and_brought_back_with_the_clock() -> None:
    wide = WideNetworks(100.0, max_networks=2)
    wide.add(WIDE, 1, 5000.0, 1, 7)
    wide.add(WIDE, 2, 5000.0, 2, 8)
    assert wide.count(WIDE, 5000.0, sees_users=True) == 1 + SEVERAL
    assert wide.count(WIDE, 5199.0, sees_users=True) == 1 + SEVERAL
    assert wide.count(WIDE, 5200.0, sees_users=True) == 0
    wide.bring_back(1000.0)
    assert wide.count(WIDE, 1199.0, sees_users=False) == SEVERAL
    wide.tidy(1250.0)
    assert len(wide) == 0
    for number in range(4):
        wide.add(within(0, f"2001:db8:{number}"), 1, 2000.0 + number, 1, 7)
    assert len(wide) <= 2
    assert wide.dropped >= 2


def test_a_48_has_its_name_and_ipv4_has_none_as_wide() -> None:
    assert networks_around("2001:db8:bad:4217::/64") == ("2001:db8:bad:4200::/56", WIDE)
    assert wide_around("2001:db8:bad:4200::/56") == (WIDE, 0x42)
    assert networks_around("198.51.100.7") == ("198.51.100",)
    assert wide_around("198.51.100") == ("", 0)
    assert is_wide(WIDE, 64)
    assert not is_wide(WIDE, 48)
    assert not is_wide("10.0.0.0/48", 64)
    assert key_of(WIDE, 64) == ""


steps = st.lists(
    st.tuples(st.sampled_from(["in", "fail"]), st.integers(0, 1), st.integers(0, 65535)),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.randoms(use_true_random=False))
def test_no_48_is_ever_banned_over_one_who_got_in_or_is_exempt(
    story: list[tuple[str, int, int]], chance: random.Random
) -> None:
    bases = ("2001:db8:bad", "2001:db8:e")
    outcomes: list[Outcome] = []
    for n, (what, which, number) in enumerate(story):
        at, place = n * 30.0, within(number, bases[which])
        outcomes.append(got_in(at, place, "300") if what == "in" else failed(at, place, "300"))
        outcomes += [
            failed(at + m, within(chance.randrange(65536), chance.choice(bases)), str(m))
            for m in range(10)
        ]
    bench = Bench()
    inhabited: set[str] = {"2001:db8:e::/48"}
    for each in outcomes:
        if isinstance(each, Success):
            inhabited.update(networks_around(str(each.address)))
        banned = {verdict.subject.network for verdict in bench.take(each)}
        assert not banned & inhabited
