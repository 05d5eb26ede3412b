# SPDX-License-Identifier: MIT
"""What lines of one connection say together, and what is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logban.matching.captures import Host
from logban.matching.sessions import (
    FORGOTTEN_AFTER,
    MAX_LINES,
    MAX_SESSIONS,
    MAX_USERS,
    Merged,
    Sessions,
)

HOST = Host.of("198.51.100.7")


class Connection:
    """The lines of one connection, numbered."""

    def __init__(self, sessions: Sessions | None = None, name: str = "sshd[1]: ") -> None:
        self.sessions = sessions or Sessions()
        self.name = name
        self.number = 0
        self.time = 1000.0

    def say(self, host: Host = Host(), **fields: str) -> Merged | None:  # noqa: B008  # frozen
        self.number += 1
        fields["mlfid"] = self.name
        return self.sessions.merge(self.name, host, fields, f"line {self.number}", self.time)


def lines(*numbers: int) -> tuple[str, ...]:
    return tuple(f"line {number}" for number in numbers)


def test_a_line_with_all_in_it_is_a_failure_by_itself() -> None:
    found = Connection().say(HOST, user="bob")
    assert found == Merged(HOST, {"mlfid": "sshd[1]: ", "user": "bob"}, lines(1))


def test_the_address_of_one_line_and_the_failure_of_another() -> None:
    connection = Connection()
    assert connection.say(HOST, nofail="Connection from", port="22") is None
    found = connection.say(user="bob")
    assert found is not None
    assert (found.host, found.fields["user"], found.fields["port"]) == (HOST, "bob", "22")
    assert found.lines == lines(1, 2)
    assert "nofail" not in found.fields


def test_a_failure_of_nobody_known_waits_for_the_address() -> None:
    connection = Connection()
    assert connection.say(user="bob") is None
    found = connection.say(HOST, nofail="closed", mlfforget="closed")
    assert found is not None
    assert (found.host, found.fields["user"], found.lines) == (HOST, "bob", lines(1, 2))
    assert connection.say(user="bob") is None, "the connection is over"


def test_a_failure_is_reported_once() -> None:
    connection = Connection()
    assert connection.say(HOST, user="bob") is not None
    second = connection.say(HOST, user="bob")
    assert second is not None
    assert second.lines == lines(2)
    assert connection.say(HOST, nofail="closed") is None


def test_who_gets_in_is_forgiven_what_was_not_counted() -> None:
    connection = Connection()
    assert connection.say(user="bob") is None
    assert connection.say(HOST, mlfgained="Accepted", mlfforget="Accepted", user="bob") is None
    assert connection.say(HOST, nofail="closed") is None


def test_who_gets_in_with_another_name_is_not_forgiven() -> None:
    connection = Connection()
    assert connection.say(HOST, nofail="auth failure", user="root") is None
    assert connection.say(HOST, nofail="auth failure", user="root") is None
    found = connection.say(HOST, mlfgained="Accepted", mlfforget="Accepted", user="known")
    assert found is not None
    assert found.fields["users"] == "root\nknown"
    assert found.lines == lines(1, 2, 3)


def test_connections_do_not_mix() -> None:
    one = Connection()
    other = Connection(one.sessions, "sshd[2]: ")
    one.say(HOST, nofail="Connection from")
    assert other.say(user="bob") is None


def test_an_id_that_comes_again_late_is_another_connections() -> None:
    connection = Connection()
    connection.say(HOST, nofail="Connection from")
    connection.time += FORGOTTEN_AFTER
    assert connection.say(user="bob") is not None
    connection.time += FORGOTTEN_AFTER + 1
    assert connection.say(user="bob") is None


def test_a_forget_of_nobody_known_keeps_nothing() -> None:
    connection = Connection()
    assert connection.say(HOST, nofail="closed", mlfforget="closed", user="a") is None
    assert connection.sessions._known == {}
    assert connection.say(user="b") is None


def test_memory_has_its_bounds() -> None:
    sessions = Sessions()
    for number in range(MAX_SESSIONS + 10):
        Connection(sessions, str(number)).say(HOST, nofail="x")
    assert len(sessions._known) == MAX_SESSIONS
    assert Connection(sessions, "9").say() is None
    assert Connection(sessions, str(MAX_SESSIONS)).say() is not None
    connection = Connection()
    for number in range(MAX_LINES + MAX_USERS + 10):
        connection.say(user=f"user {number}", nofail="x")
    session = connection.sessions._known[connection.name]
    assert len(session.users) == MAX_USERS
    assert len(session.lines) <= MAX_LINES
    assert len(session.harmless_lines) <= MAX_LINES


words = st.sampled_from(["nofail", "mlfgained", "mlfforget"])


@given(
    st.lists(st.tuples(st.sets(words), st.sampled_from(["", "a", "b"]), st.booleans()), max_size=8)
)
def test_a_failure_always_has_a_host_and_its_own_line(
    said: list[tuple[set[str], str, bool]],
) -> None:
    connection = Connection()
    for flags, user, has_host in said:
        fields = dict.fromkeys(flags, "x") | ({"user": user} if user else {})
        found = connection.say(HOST if has_host else Host(), **fields)
        if found is not None:
            assert found.host == HOST
            assert found.lines[-1] == f"line {connection.number}"
            assert len(set(found.lines)) == len(found.lines)
            assert found.fields.keys().isdisjoint(("nofail", "mlfgained", "mlfforget"))
