# SPDX-License-Identifier: MIT
"""Who is charged with a failure: customers are never locked out, attackers never get through."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from logban.addresses import canonical_address
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.judge import Judge
from logban.judging.scrutiny.trust import KNOWN_FOR, LOST_FOR, TRUST_FOR, Trust
from logban.judging.times import LogTimes
from logban.model import Failure, Outcome, Subject, SubjectKind, Success, Verdict
from logban.policy.enough import Policy
from logban.policy.plan import Plan
from logban.policy.scrutiny import Limit, Scrutiny, Unit

OFFICE, OTHER = "203.0.113.10", "198.51.100.66"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
START = 1_795_132_800.0


def failed(
    time: float,
    user: str,
    address: str = OTHER,
    *,
    kind: str = "wrong-password",
    proven: bool = True,
    number: str = "",
) -> Failure:
    fields = {"user": user} if user else {}
    if number:
        fields["number"] = number
    where = canonical_address(address)
    return Failure(where, START + time, "rule", fields, f"{kind} {user}", "full", 0, kind, proven)


def got_in(time: float, user: str, address: str = OFFICE) -> Success:
    where = canonical_address(address)
    return Success(where, START + time, "registered", {"user": user}, "in", "full", 0)


class Bench:
    """A judge with scrutiny, in the time of a log."""

    def __init__(
        self,
        scrutiny: Scrutiny | None = None,
        trust: Trust | None = None,
        attempt_fields: tuple[str, ...] = (),
        max_subjects: int = 100_000,
    ) -> None:
        self.trust = trust or Trust()
        self.book = ExemptionBook()
        self.book.set_jail("pbx", ["192.0.2.0/28"], "ignoreip", own=True)
        self.in_force: set[Subject] = set()
        self.judge = Judge(
            "pbx",
            Policy(
                5,
                600.0,
                3600.0,
                max_subjects=max_subjects,
                attempt_fields=attempt_fields,
                scrutiny=scrutiny or Scrutiny(),
            ),
            exempt=lambda subject: self.book.exempt("pbx", subject),
            floors={},
            trust=self.trust,
            in_force=self.in_force.__contains__,
        )

    def take(self, *outcomes: Outcome) -> list[Verdict]:
        return self.all(outcomes)

    def all(self, outcomes: Iterable[Outcome]) -> list[Verdict]:
        verdicts = []
        for each in outcomes:
            assert each.time is not None
            verdicts += self.judge.judge([each], LogTimes(), live=False, now=each.time)
        return verdicts


def ip(address: str) -> Subject:
    return Subject.parse(address)


def pair(user: str, address: str = OFFICE) -> Subject:
    return Subject(SubjectKind.USER_IP, address, user)


def test_a_password_guessed_by_force_is_banned_with_the_fifth_try() -> None:
    verdicts = Bench().all(failed(number, "201") for number in range(5))
    assert [each.subject for each in verdicts] == [ip(OTHER)]
    assert (verdicts[0].failures, verdicts[0].until) == (5, START + 4 + HOUR)
    assert [each.line for each in verdicts[0].evidence] == ["wrong-password 201"] * 5


@pytest.mark.parametrize("kind", ["wrong-password", "unknown-user"])
@pytest.mark.parametrize("gap", [0.5, 45.0, 150.0])
def test_a_scan_of_extensions_is_banned_within_ten_tries(kind: str, gap: float) -> None:
    bench = Bench()
    tries = [failed(number * gap, str(100 + number), kind=kind) for number in range(10)]
    assert [each.subject for each in bench.all(tries)][:1] == [ip(OTHER)]


def test_three_slips_ban_nobody_whatever_was_mistyped() -> None:
    for kind in ("wrong-password", "unknown-user"):
        assert Bench().all(failed(n, "305", kind=kind) for n in range(3)) == []
        assert Bench().all(failed(n, f"30{n}", kind=kind) for n in range(3)) == []


@pytest.mark.parametrize("gap", [10.0, 20.0, 30.0, 60.0, 240.0, 599.0])
def test_one_user_at_a_telephones_pace_is_caught_by_the_day_and_not_before(gap: float) -> None:
    verdicts = Bench().all(failed(number * gap, "201") for number in range(200))
    first = verdicts[0]
    assert first.subject == ip(OTHER)
    assert 90 <= first.failures <= 175
    assert first.until == first.time + DAY


def test_two_slips_an_hour_ban_nobody() -> None:
    slips = (failed(hour * HOUR + slip, "305") for hour in range(96) for slip in (0, 40))
    assert Bench().all(slips) == []
    others = (failed(hour * HOUR, str(300 + hour)) for hour in range(48))
    assert Bench().all(others) == []


def test_a_success_takes_that_users_failures_back_and_no_others() -> None:
    bench = Bench()
    bench.all(failed(number, "305", OFFICE) for number in range(3))
    bench.take(failed(4, "201", OFFICE), got_in(5, "305"))
    known = bench.judge.known_of(ip(OFFICE))
    assert known is not None
    assert [each.line for each in known.evidence] == ["wrong-password 201"]


def test_an_old_password_bans_nobody_and_is_told_of_once() -> None:
    bench = Bench()
    bench.take(*(got_in(n, str(201 + n)) for n in range(5)))
    assert bench.all(failed(n * MINUTE, "203", OFFICE) for n in range(1, 40 * 24)) == []
    (notice,) = bench.judge.take_notices()
    assert notice.subject == pair("203")
    assert "extension 203 at 203.0.113.10" in notice.text
    assert "old password" in notice.text
    # It is told of anew only when the phone has been right in between.
    bench.take(got_in(DAY, "203"))
    bench.all(failed(DAY + n * MINUTE, "203", OFFICE) for n in range(1, 9))
    assert len(bench.judge.take_notices()) == 1


def test_a_known_user_is_charged_himself_long_after_trust_has_ended() -> None:
    bench = Bench()
    bench.take(got_in(0, "305"))
    later = 20 * DAY
    assert not bench.trust.is_trusted(OFFICE, START + later)
    assert bench.all(failed(later + n * 5, "305", OFFICE) for n in range(100)) == []
    much_later = KNOWN_FOR + 1
    verdicts = bench.all(failed(much_later + n, "305", OFFICE) for n in range(100))
    assert verdicts[0].subject == ip(OFFICE)


def test_a_known_users_account_under_force_is_suspended_there_only() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"), got_in(1, "202"))
    verdicts = bench.all(failed(60 + n * 0.2, "201", OFFICE) for n in range(100))
    assert {each.subject for each in verdicts} == {pair("201")}
    assert verdicts[0].time <= START + 60 + 5
    assert verdicts[0].until == verdicts[0].time + 900


def test_over_ipv6_a_user_is_known_in_his_network_and_kept_out_at_his_address() -> None:
    bench = Bench(Scrutiny(suspends=True))
    bench.take(got_in(0, "201", "2001:db8:7::5"))
    bench.in_force.add(pair("201", "2001:db8:7::77"))
    verdicts = bench.all(failed(60 + n, "201", "2001:db8:7::77") for n in range(5))
    assert [each.subject for each in verdicts] == [pair("201", "2001:db8:7::77")]
    assert Subject.from_json(verdicts[0].subject.to_json()) == verdicts[0].subject
    (notice,) = bench.judge.take_notices()
    assert notice.subject == verdicts[0].subject
    (said,) = bench.judge.explain(notice.subject, START + 70)
    assert "user 201 is known there" in said
    bench.take(failed(80, "201", "2001:db8:7::78"))
    assert bench.judge.known_of(pair("201", "2001:db8:7::1")) is not None
    bench.judge.clear(pair("201", "2001:db8:7::2"))
    assert bench.judge.known_of(pair("201", "2001:db8:7::1")) is None
    bench.take(got_in(90, "201", "2001:db8:7::77"))
    assert bench.judge.take_released() == [(pair("201", "2001:db8:7::77"), START + 90)]


def test_where_users_can_be_kept_out_a_stale_phone_is() -> None:
    bench = Bench(Scrutiny(suspends=True))
    bench.take(got_in(0, "201"))
    verdicts = bench.all(failed(60 + n * 30, "201", OFFICE) for n in range(5))
    assert [each.subject for each in verdicts] == [pair("201")]


def test_three_in_a_row_where_a_jail_asks_for_it() -> None:
    scrutiny = Scrutiny(always_user_ip=True, user_ip=Limit(3, 900.0, 900.0))
    bench = Bench(scrutiny)
    assert bench.all(failed(n, "305") for n in range(2)) == []
    bench.take(got_in(3, "305", OTHER))
    assert bench.all(failed(4 + n, "305") for n in range(2)) == []
    (verdict,) = bench.take(failed(10, "305"))
    assert (verdict.subject, verdict.until) == (pair("305", OTHER), START + 10 + 900)


def test_who_is_kept_out_and_gets_in_is_kept_out_no_longer() -> None:
    bench = Bench()
    bench.in_force.update({pair("305"), Subject(SubjectKind.USER, user="306")})
    bench.take(got_in(0, "305"), got_in(1, "306"), got_in(2, "307"))
    assert bench.judge.take_released() == [
        (pair("305"), START),
        (Subject(SubjectKind.USER, user="306"), START + 1),
    ]


def test_slips_of_a_new_user_are_no_abuse() -> None:
    bench = Bench()
    bench.take(*(got_in(n, str(201 + n)) for n in range(5)))
    assert bench.all(failed(60 + n * 5, "299", OFFICE) for n in range(int(5 * HOUR / 5))) == []
    assert bench.trust.is_trusted(OFFICE, START + HOUR)


def test_a_scan_from_a_customers_network_costs_trust_and_is_banned() -> None:
    bench = Bench()
    bench.take(*(got_in(n, str(201 + n)) for n in range(5)))
    verdicts = bench.all(
        failed(60 + n, str(900 + n), OFFICE, kind="unknown-user") for n in range(20)
    )
    assert verdicts[0].subject == ip(OFFICE)
    assert 5 < verdicts[0].failures <= 10
    assert not bench.trust.is_trusted(OFFICE, verdicts[0].time)


def test_packets_that_anybody_can_forge_never_cost_trust_and_are_told_of_once() -> None:
    bench = Bench()
    bench.take(*(got_in(n, str(201 + n)) for n in range(5)))
    forged = (
        failed(60 + n, str(900 + n), OFFICE, kind="unknown-user", proven=False) for n in range(3000)
    )
    assert bench.all(forged) == []
    assert bench.trust.is_trusted(OFFICE, START + 3060)
    (notice,) = bench.judge.take_notices()
    assert (notice.subject, notice.failures) == (ip(OFFICE), 30)


def test_a_later_line_proves_an_attempt_that_began_unproven() -> None:
    bench = Bench(attempt_fields=("callid",))
    bench.take(*(got_in(n, str(201 + n)) for n in range(5)))
    lines = []
    for n in range(20):
        call = {"callid": f"c{n}", "user": str(900 + n)}
        first = failed(60 + n, "", OFFICE, kind="unknown-user", proven=False)
        lines.append(replace(first, fields=call))
        proof = failed(60 + n + 0.1, "", OFFICE)
        lines.append(replace(proof, rule="proof", fields=call))
    verdicts = bench.all(lines)
    assert verdicts[0].subject == ip(OFFICE)
    assert {each.rule for each in verdicts[0].evidence} == {"proof"}


def test_another_user_tried_by_force_from_a_customers_network_costs_trust() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"))
    verdicts = bench.all(failed(60 + n, "999", OFFICE) for n in range(100))
    assert ip(OFFICE) in {each.subject for each in verdicts}


def test_lost_trust_is_not_earned_anew_at_once() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"))
    bench.trust.lose(OFFICE, START + 10)
    bench.take(got_in(20, "201"))
    assert not bench.trust.is_trusted(OFFICE, START + 30)
    bench.take(got_in(10 + LOST_FOR, "201"))
    assert bench.trust.is_trusted(OFFICE, START + 20 + LOST_FOR)


def test_customers_who_mistype_a_number_are_not_charged() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"))
    calls = (failed(n, "", OFFICE, kind="call-rejected", number=str(400 + n)) for n in range(200))
    assert bench.all(calls) == []


@pytest.mark.parametrize("prefix", ["00", "011", "900", "0000", "+", "9011", "810"])
def test_guests_calls_to_premium_numbers_are_banned_with_the_second(prefix: str) -> None:
    calls = [
        failed(n * 5, "", kind="call-rejected", number=f"{prefix}97259123456{n}", proven=False)
        for n in range(2)
    ]
    assert [each.subject for each in Bench().all(calls)] == [ip(OTHER)]


def test_a_partner_who_dials_a_wrong_extension_is_not_banned() -> None:
    calls = (failed(n * 90, "", kind="call-rejected", number="417") for n in range(60))
    assert Bench().all(calls) == []


def test_guests_calls_to_premium_numbers_are_banned_however_seldom_they_come() -> None:
    calls = [
        failed(n * 20 * MINUTE, "", kind="call-rejected", number=f"00972591234{n:03}", proven=False)
        for n in range(30)
    ]
    (verdict,) = Bench().all(calls[:7])
    assert verdict.subject == ip(OTHER)
    assert verdict.failures == 7


def test_a_number_in_a_uri_is_what_was_called() -> None:
    calls = [
        replace(
            failed(n * 30, "", kind="call-rejected"),
            fields={"uri": f"sip:0097259123456{n}@203.0.113.9;transport=udp"},
        )
        for n in range(2)
    ]
    assert [each.subject for each in Bench().all(calls)] == [ip(OTHER)]


def test_the_number_in_a_security_event_stands_where_the_user_does() -> None:
    calls = [failed(n * 30, f"0097259123456{n}", kind="call-rejected") for n in range(2)]
    assert [each.subject for each in Bench().all(calls)] == [ip(OTHER)]


def test_who_is_known_and_calls_a_number_that_there_is_not_is_not_charged() -> None:
    calls = [failed(n, "", kind="misdialled", number="+493012345") for n in range(500)]
    assert Bench().all(calls) == []
    weighed = Bench(Scrutiny(weights={"misdialled": 1.0}))
    assert weighed.all(calls)
    by_rule = Bench(Scrutiny(weights={"rule": 1.0}))
    assert by_rule.all(calls)


def test_packets_forged_in_the_name_of_a_trunk_that_calls_ban_nobody() -> None:
    bench = Bench()
    forged = [failed(60 + n, str(100 + n), kind="unknown-user", proven=False) for n in range(60)]
    assert Bench().all(forged) != []
    bench.take(failed(0, "", kind="misdialled", number="+493012345"))
    assert bench.all(forged) == []
    assert bench.judge.take_notices() != []


@pytest.mark.parametrize("kind", ["tls", "malformed"])
def test_what_broken_telephones_do_all_day_bans_nobody(kind: str) -> None:
    broken = [failed(n * 12, "", kind=kind) for n in range(2000)]
    assert Bench().all(broken) == []
    office = Bench()
    office.take(got_in(-1, "201", OTHER))
    assert office.all(broken) == []
    # Nobody is let off by them who does something else as well.
    assert office.all(failed(24_100 + n, str(100 + n)) for n in range(20)) != []
    assert Bench().all(failed(n, "", kind=kind) for n in range(20)) != []


def test_it_is_said_where_no_log_tells_who_gets_in() -> None:
    bench = Bench()
    bench.all(failed(n * 60, "207") for n in range(19))
    assert bench.judge.blindness == ""
    bench.take(failed(20 * 60, "207"))
    assert "20 failures" in bench.judge.blindness
    bench.take(got_in(21 * 60, "207"))
    assert bench.judge.blindness == ""


def test_a_rule_that_weighs_nothing_is_not_charged() -> None:
    bench = Bench(Scrutiny(weights={"rule": 0.0}))
    assert bench.all(failed(n, str(n)) for n in range(500)) == []


def test_who_asks_for_one_name_whether_anybody_is_there_is_not_charged() -> None:
    for span in (0.2, 30.0, 7 * MINUTE):
        probes = (failed(n * span, "ping", kind="probe", proven=False) for n in range(3000))
        assert Bench().all(probes) == []


def test_who_asks_for_many_names_whether_they_are_there_is_banned() -> None:
    probes = [failed(n * 20, str(100 + n), kind="probe", proven=False) for n in range(10)]
    assert [each.subject for each in Bench().all(probes)][:1] == [ip(OTHER)]


@pytest.mark.parametrize("every", [20, 35, 55])
def test_a_scan_at_leisure_is_banned_within_a_day_or_so(every: int) -> None:
    tries = (
        failed(n * every * MINUTE, str(100 + n), kind="unknown-user", proven=False)
        for n in range(30)
    )
    (verdict,) = Bench().all(tries)
    assert verdict.subject == ip(OTHER)
    assert verdict.until == verdict.time + DAY


def test_where_the_log_tells_who_gets_in_wrong_passwords_of_many_are_a_scan_as_well() -> None:
    slips = [failed(n * 30 * MINUTE, str(200 + n * 17 % 60)) for n in range(60)]
    assert Bench().all(slips) == []
    bench = Bench()
    bench.take(got_in(0, "201"))
    assert [each.subject for each in bench.all(slips)][:1] == [ip(OTHER)]


@pytest.mark.parametrize("every", [MINUTE, 3 * MINUTE, 11 * MINUTE])
def test_a_phone_that_was_never_in_is_told_of_and_its_office_stays_up(every: float) -> None:
    bench = Bench()
    done = []
    for number in range(int(4 * DAY / every)):
        if number % int(HOUR / every) == 0:
            bench.take(got_in(number * every, "201"))
        done += bench.take(failed(number * every + 1, "299", OFFICE))
    assert done == []
    assert len(bench.judge.take_notices()) in range(1, 6)


def test_who_goes_through_the_users_from_a_trusted_place_is_banned_within_the_day() -> None:
    bench = Bench()
    done = []
    for number in range(100):
        bench.take(got_in(number * 20 * MINUTE, "201"))
        done += bench.take(failed(number * 20 * MINUTE + 1, str(300 + number), OFFICE))
    assert done[0].subject == ip(OFFICE)
    assert done[0].time < START + DAY


def test_a_guest_who_calls_one_extension_all_day_is_told_with_the_number_of_his_calls() -> None:
    calls = (failed(n * MINUTE, "", kind="call-rejected", number="700") for n in range(300))
    (first, *_) = Bench().all(calls)
    assert first.failures >= 100


def test_a_scan_at_leisure_is_let_alone_where_the_day_s_window_is_off() -> None:
    bench = Bench(Scrutiny(slow=Limit(1_000_000, DAY, DAY)))
    tries = (failed(n * 20 * MINUTE, str(n), kind="unknown-user") for n in range(300))
    assert bench.all(tries) == []


def test_in_a_customer_s_network_under_attack_each_is_banned_with_the_second_try() -> None:
    bench = Bench()
    bench.take(got_in(0, "201", "198.51.100.200"))
    tries = [
        failed(10 + n * 10, str(300 + n), f"198.51.100.{n % 40 + 1}", kind="unknown-user")
        for n in range(80)
    ]
    subjects = [each.subject for each in bench.all(tries)]
    assert len(subjects) == 40
    assert {each.kind for each in subjects} == {SubjectKind.IP}
    # One slip of a neighbour's is none of that.
    assert bench.take(failed(900, "201", "198.51.100.201")) == []


def test_a_network_of_those_who_try_for_days_is_charged_as_well() -> None:
    bench = Bench()
    slow = (failed(n * HOUR, "200", "198.51.100.9", kind="unknown-user") for n in range(5))
    assert bench.all(slow) == []
    few = [failed(5 * HOUR + n, "200", f"198.51.100.{n}", kind="unknown-user") for n in range(10)]
    assert [each.subject.kind for each in bench.all(few)] == [SubjectKind.NET]


def test_an_account_attacked_from_many_places_is_protected_and_its_owner_goes_on() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"))
    places = [f"198.51.{100 + n % 50}.{n + 1}" for n in range(100)]
    verdicts = bench.all(failed(60 + n, "201", place) for n, place in enumerate(places))
    assert verdicts == []
    (notice,) = bench.judge.take_notices()
    assert notice.subject == Subject(SubjectKind.USER, user="201")
    assert notice.until == notice.time + HOUR
    # A place that comes again is out, the owner's is not.
    (verdict,) = bench.take(failed(170, "201", places[0]))
    assert verdict.subject == pair("201", places[0])
    assert bench.take(failed(171, "201", OFFICE), failed(172, "201", OFFICE)) == []


def test_an_account_whose_owner_gets_in_nowhere_is_suspended() -> None:
    bench = Bench()
    bench.take(got_in(0, "305"))
    verdicts = bench.all(failed(60 + n, "201", f"198.51.{100 + n}.7") for n in range(30))
    assert [each.subject for each in verdicts] == [Subject(SubjectKind.USER, user="201")]


def test_nobody_is_suspended_everywhere_where_no_log_tells_who_gets_in() -> None:
    bench = Bench()
    assert bench.all(failed(n, "201", f"198.51.{100 + n}.7") for n in range(30)) == []
    assert len(bench.judge.take_notices()) == 1


def test_many_places_of_a_network_add_up() -> None:
    bench = Bench()
    verdicts = bench.all(
        failed(n, str(100 + n), f"198.51.100.{n + 1}", kind="unknown-user") for n in range(10)
    )
    assert [each.subject for each in verdicts] == [ip("198.51.100.0/24")]
    hopping = (
        failed(n, str(100 + n), f"2001:db8:bad:{n:x}::1", kind="unknown-user") for n in range(10)
    )
    assert [each.subject for each in Bench().all(hopping)] == [ip("2001:db8:bad::/56")]


def test_no_network_is_banned_over_a_customer_or_an_exempt_address() -> None:
    def tries(bench: Bench, network: str) -> list[Verdict]:
        return bench.all(failed(n, str(n), f"{network}.{n + 20}") for n in range(60))

    bench = Bench()
    bench.take(got_in(0, "201", "198.51.100.250"))
    assert tries(bench, "198.51.100") == []
    assert tries(bench, "192.0.2") == []
    assert tries(bench, "198.51.101") != []


def test_slips_of_customers_who_get_in_are_nothing_against_their_network() -> None:
    bench = Bench()
    for number in range(60):
        place, user, at = f"198.51.100.{number + 1}", str(200 + number), number * 30.0
        assert bench.take(failed(at, user, place), failed(at + 5, user, place)) == []
        bench.take(got_in(at + 20, user, place))
    # One who does not get in is an offender like any other.
    others = [failed(2000 + n, "201", f"198.51.100.{n + 100}") for n in range(10)]
    assert bench.all(others) == []
    assert bench.take(failed(2020, "202", "198.51.100.100")) != []


def test_a_user_on_the_road_does_not_attack_his_own_account() -> None:
    bench = Bench()
    for number in range(60):
        place = f"198.51.{number}.7"
        bench.take(failed(number * 600, "201", place), got_in(number * 600 + 20, "201", place))
    assert bench.judge.take_notices() == []
    bench.all(failed(40_000 + n, "201", f"192.0.{n + 3}.7") for n in range(20))
    assert len(bench.judge.take_notices()) == 1


def test_so_many_networks_an_hour_and_no_more() -> None:
    bench = Bench()
    verdicts = bench.all(
        failed(n * 10 + m, "201", f"10.0.{n}.{m + 1}") for n in range(40) for m in range(10)
    )
    assert len([each for each in verdicts if each.subject.kind is SubjectKind.NET]) == 20
    assert bench.judge.charging is not None
    assert bench.judge.charging.crowds.network_cap.held == 20


def test_an_hour_s_caps_hold_over_a_restart() -> None:
    def offend(bench: Bench, time: float, network: str) -> int:
        tries = (failed(time + m, "201", f"{network}.{m + 1}") for m in range(10))
        return sum(each.subject.kind is SubjectKind.NET for each in bench.all(tries))

    bench, again = Bench(), Bench()
    assert [offend(bench, n * 10, f"10.0.{n}") for n in range(15)] == [1] * 15
    first = bench.judge.take_dirty()
    assert [offend(bench, 200 + n * 10, f"10.1.{n}") for n in range(5)] == [1] * 5
    for subject, text in {**first, **bench.judge.take_dirty()}.items():
        if text is not None:
            again.judge.restore(subject, str(text))
    assert offend(again, 300, "10.2.0") == 0
    assert offend(again, 15 * 60 + HOUR, "10.2.1") == 1
    assert Subject(SubjectKind.USER) not in bench.judge.take_dirty()


def test_hopping_in_a_network_of_ones_own_is_one_attacker() -> None:
    tries = (failed(n, "201", f"2001:db8:bad:1::{n + 1:x}") for n in range(5))
    assert [each.subject for each in Bench().all(tries)] == [ip("2001:db8:bad:1::/64")]


def test_a_place_may_be_charged_with_nothing() -> None:
    scrutiny = Scrutiny(count_by=frozenset({Unit.USER}))
    assert Bench(scrutiny).all(failed(n, "201") for n in range(100)) == []


def test_extensions_unlike_any_weigh_more_and_a_slip_less() -> None:
    plan = Plan.parse(["7XX"])
    bench = Bench(Scrutiny(plan=plan))
    assert len(bench.take(*(failed(n, "140", kind="unknown-user") for n in range(3)))) == 1
    near = [failed(n, "7011", "198.51.100.67", kind="unknown-user") for n in range(4)]
    assert bench.all(near) == []


def test_a_jail_sets_its_own_weights() -> None:
    weights = {"wrong-password": 5.0}
    assert len(Bench(Scrutiny(weights=weights)).take(failed(0, "201"))) == 1
    free = {"rule": 0.0}
    assert Bench(Scrutiny(weights=free)).all(failed(n, "201") for n in range(90)) == []


def test_trust_ends() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"))
    assert bench.trust.is_trusted(OFFICE, START + TRUST_FOR - 1)
    assert not bench.trust.is_trusted(OFFICE, START + TRUST_FOR)


def test_what_is_known_survives_a_restart() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"))
    bench.all(failed(60 + n * 20, "201", OFFICE) for n in range(6))
    bench.all(failed(60 + n, "202") for n in range(4))
    bench.all(failed(100 + n, "203", f"198.51.{n}.7") for n in range(19))
    again = Bench()
    again.trust.restore(
        {who: text for who, text in bench.trust.take_dirty().items() if text is not None}
    )
    for subject, text in bench.judge.take_dirty().items():
        if text is not None:
            again.judge.restore(subject, str(text))
    bench.judge.take_notices()
    later = [
        failed(300, "202"),
        failed(301, "203", "198.51.77.7"),
        *(failed(310 + n * 0.1, "201", OFFICE) for n in range(20)),
    ]
    assert again.all(later) == bench.all(later) != []
    assert again.judge.take_notices() == bench.judge.take_notices() != []


@pytest.fixture
def in_berlin() -> Iterator[None]:
    """Have the host in another zone than its log."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_an_admin_is_told_where_a_place_stands_and_what_comes_next() -> None:
    bench = Bench()
    bench.take(got_in(0, "201"), got_in(1, "202"))
    bench.all(failed(60 + n * 30, "201", OFFICE) for n in range(6))
    bench.take(failed(300, "999", OFFICE), failed(400, "204"))
    said = "\n".join(bench.judge.explain(ip(OFFICE), START + 500))
    assert f"{OFFICE} is trusted until 2026-11-20 07:00:01" in said
    assert "user 202 is known there" in said
    assert "user 201 is known there, and got in last at 2026-11-20 01:00:00; failed 6" in said
    assert "user 999 has never got in there; failed once since" in said
    assert "weigh 1 of 10" in said
    assert "its network 203.0.113.0/24 can't be banned" in said
    said = "\n".join(bench.judge.explain(ip(OTHER), START + 500))
    assert "weigh 1 of 5" in said
    assert "one more wrong password would make it 2 of 5" in said
    bench.all(failed(501 + n, "204") for n in range(4))
    assert "one more wrong password would ban it" in bench.judge.explain(ip(OTHER), START + 505)[1]
    user = Subject(SubjectKind.USER, user="201")
    assert any("his own places go on" in each for each in bench.judge.explain(user, START))


def test_what_is_dropped_at_a_cap_is_counted_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logban.judging.counting.tracker.MAX_LINES", 10)
    monkeypatch.setattr("logban.judging.scrutiny.customers.MAX_FORGED", 3)
    monkeypatch.setattr("logban.judging.scrutiny.crowds.MAX_BESET", 2)
    bench = Bench(Scrutiny(net=Limit(2, HOUR, HOUR)), max_subjects=20, attempt_fields=("callid",))
    assert set(bench.judge.losses.values()) == {0}
    for n in range(60):
        bench.take(got_in(n, "201", f"203.0.{n}.10"))
        bench.take(failed(n, "9", f"203.0.{n}.10", proven=False))
        bench.all(failed(n, str(n), f"203.0.{n}.{m + 20}") for m in range(4))
    losses = bench.judge.losses
    assert losses["subjects"] == 240 - len(bench.judge.tracker)
    assert all(losses[what] > 0 for what in ("lines", "suspicions"))
    assert bench.judge.dropped == losses["subjects"]
    for day in range(2):
        bench.all(failed(DAY / 2 * (1 + day), "201", f"198.51.{day}.{m}") for m in range(20))
        bench.judge.tidy(START + DAY / 2 * (1 + day) + HOUR)
    assert bench.judge.losses["days"] > 0
