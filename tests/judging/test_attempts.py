# SPDX-License-Identifier: MIT
"""One attempt counts once, however many lines it writes, and no attempt hides behind another."""

from __future__ import annotations

from logban.judging.attempt import MAX_LINES, MAX_OPEN
from logban.judging.attempts import Attempts
from logban.model import CanonicalAddress, Failure

FULL, SECURITY = "/var/log/asterisk/full", "/var/log/asterisk/security"
TELLING = ("callid", "session", "port", "user")


def failure(rule: str, source: str = FULL, address: str = "198.51.100.7", **fields: str) -> Failure:
    return Failure(CanonicalAddress(address), None, rule, fields, "a line", source, 0)


def counted(attempts: Attempts, *failures: tuple[float, Failure]) -> int:
    """Give how many of these count."""
    return sum(not attempts.is_repeat(each, time) for time, each in failures)


def test_six_lines_of_one_pjsip_registration_count_once() -> None:
    call = {"callid": "a1", "port": "5060"}
    notices = [failure("pjsip-unknown", **call), failure("pjsip-unknown", **call)]
    notices.append(failure("pjsip-password", **call))
    events = [failure("security-unknown", session="a1", port="5060") for _ in range(2)]
    events.append(failure("security-password", session="a1", port="5060"))
    lines = [(10.0, each) for each in (*notices, *events)]
    assert counted(Attempts(TELLING, 100), *lines) == 1


def test_a_notice_and_its_security_event_count_once_and_the_next_pair_again() -> None:
    attempts = Attempts(TELLING, 100)
    for number in range(5):
        pair = (
            failure("sip", port="5060"),
            failure("security", port="5060", session=f"0x{number}"),
        )
        assert counted(attempts, *((10.0, each) for each in pair)) == 1


def test_the_same_rule_again_without_a_session_is_another_attempt() -> None:
    guesses = [(10.0, failure("sip", port="5060", user="2001")) for _ in range(20)]
    assert counted(Attempts(TELLING, 100), *guesses) == 20


def test_parallel_attempts_are_told_apart_by_port() -> None:
    ports = ("1", "2", "3")
    notices = [(10.0, failure("sip", port=port)) for port in ports]
    events = [(10.2, failure("security", port=port)) for port in ports]
    assert counted(Attempts(TELLING, 100), *notices, *events) == 3


def test_the_same_lines_in_a_second_file_count_once() -> None:
    first = [(10.0, failure("sip", port="5060")) for _ in range(3)]
    second = [(10.0, failure("sip", SECURITY, port="5060")) for _ in range(3)]
    assert counted(Attempts(TELLING, 100), *first, *second) == 3


def test_an_attempt_is_over_after_a_second() -> None:
    call = {"callid": "a1"}
    lines = [(time, failure("pjsip", **call)) for time in (10.0, 11.0, 11.1)]
    assert counted(Attempts(TELLING, 100), *lines) == 2


def test_calling_all_attempts_the_same_hides_few_of_them() -> None:
    lines = [(10.0, failure("pjsip", callid="a1")) for _ in range(10 * MAX_LINES)]
    assert counted(Attempts(TELLING, 100), *lines) == 10


def test_addresses_have_nothing_to_do_with_each_other() -> None:
    lines = [(10.0, failure("sip", address=f"198.51.100.{number}")) for number in range(9)]
    assert counted(Attempts(TELLING, 100), *lines) == 9


def test_without_telling_fields_every_line_counts() -> None:
    lines = [(10.0, failure("sip")), (10.0, failure("security"))]
    assert counted(Attempts((), 100), *lines) == 2


def test_memory_is_bounded() -> None:
    attempts = Attempts(TELLING, 3)
    many = [(10.0, failure("sip", address=f"198.51.100.{number}")) for number in range(9)]
    assert counted(attempts, *many) == 9
    assert counted(attempts, (10.0, failure("security", address="198.51.100.1"))) == 1
    assert counted(attempts, (10.0, failure("security", address="198.51.100.8"))) == 0
    ports = [(10.0, failure("sip", port=str(port))) for port in range(MAX_OPEN + 1)]
    assert counted(attempts, *ports) == MAX_OPEN + 1
    assert counted(attempts, (10.0, failure("security", port="0"))) == 1
