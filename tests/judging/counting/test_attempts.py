# SPDX-License-Identifier: MIT
"""One attempt counts once, however many lines it writes, and no attempt hides behind another."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from logban.addresses import CanonicalAddress
from logban.judging.counting.attempt import MAX_LINES, MAX_OPEN, SPAN
from logban.judging.counting.attempts import Attempts
from logban.model import Failure

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


@dataclass
class Known:
    """An attempt as the rule says what one is, without any short cut."""

    time: float
    values: dict[str, str]
    lines: list[tuple[str, str]]
    proven: bool

    def takes(self, line: Failure, time: float) -> bool:
        both = [name for name in TELLING if name in self.values and name in line.fields]
        if abs(time - self.time) > SPAN or any(
            self.values[name] != line.fields[name] for name in both
        ):
            return False
        if sum(source == line.source for _, source in self.lines) >= MAX_LINES:
            return False
        is_same = any(name in ("callid", "session") for name in both)
        return is_same or (line.rule, line.source) not in self.lines


class Model:
    """What the attempts are to be, as long as they are few."""

    def __init__(self) -> None:
        self.known: dict[str, list[Known]] = {}

    def is_repeat(self, line: Failure, time: float) -> tuple[bool, bool]:
        """Tell whether a line is of a known attempt, and whether it proves that."""
        known = self.known.setdefault(line.address, [])
        for attempt in reversed(known):
            if attempt.takes(line, time):
                proves = line.proven and not attempt.proven
                attempt.proven = attempt.proven or line.proven
                attempt.values = {**line.fields, **attempt.values}
                attempt.lines.append((line.rule, line.source))
                return True, proves
        fields = {name: line.fields[name] for name in TELLING if name in line.fields}
        known.append(Known(time, fields, [(line.rule, line.source)], line.proven))
        return False, False


lines = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {"user": st.sampled_from("xy")},
            optional={
                "callid": st.sampled_from("ab"),
                "session": st.sampled_from("ab"),
                "port": st.sampled_from("12"),
            },
        ),
        st.sampled_from(["sip", "security"]),
        st.sampled_from([FULL, SECURITY]),
        st.booleans(),
        st.sampled_from([0.0, 0.5, 1.0, 1.5, -0.7, -2.0]),
    ),
    max_size=60,
)
Told = tuple[dict[str, str], str, str, bool, float]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["198.51.100.7", "198.51.100.8"]), lines), max_size=3))
def test_few_attempts_are_told_apart_as_the_rule_says(
    stories: list[tuple[str, list[Told]]],
) -> None:
    attempts, model = Attempts(TELLING), Model()
    time = 100.0
    for address, told in stories:
        for fields, rule, source, proven, gap in told:
            time += gap
            where = CanonicalAddress(address)
            line = Failure(where, time, rule, fields, "a line", source, 0, "", proven)
            expected, proves = model.is_repeat(line, time)
            assert attempts.is_repeat(line, time) == expected
            if expected:
                assert attempts.proves == proves
            if len(model.known[address]) >= MAX_OPEN // 2:
                return  # from here on the oldest may be forgotten


def test_long_values_are_told_apart_and_take_little() -> None:
    attempts = Attempts(TELLING)
    told = [
        replace(failure("pjsip", callid="x" * 5000 + end), line="y" * 6000)
        for end in ("a", "b", "a")
    ]
    tracemalloc.start()
    try:
        repeats = [attempts.is_repeat(each, 10.0) for each in told]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert repeats == [False, False, True]
    assert taken < 5000


def test_addresses_are_counted_that_were_forgotten_too_soon() -> None:
    attempts = Attempts(TELLING, 4)
    for number in range(9):
        attempts.is_repeat(failure("sip", address=f"198.51.100.{number}"), 10.0 * number)
    assert attempts.dropped == 0
    for number in range(9):
        attempts.is_repeat(failure("sip", address=f"198.51.100.{100 + number}"), 100.0)
    assert attempts.dropped > 0
