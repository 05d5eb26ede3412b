# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.mail.whois`, against a real server at a port of the loopback."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logban.actions.mail.server import Endpoint
from logban.actions.mail.whois import PROGRAM, Whois
from logban.testing.clock import FakeClock
from logban.testing.ports import free_port

ANSWER = b"inetnum:\t198.51.100.0 - 198.51.100.255\r\nnetname:  TEST-NET-2\r\n"
SHOWN = "inetnum:        198.51.100.0 - 198.51.100.255\nnetname:  TEST-NET-2"


class Server(socketserver.ThreadingTCPServer):
    """Answers each question by ``answer``, and keeps the questions."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Conversation)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.server_address[1])


class Conversation(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.asked.append(self.rfile.readline())
        with suppress(OSError):  # who asked has gone
            self.server.answer(self.connection)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[Server]:
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def saying(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def endlessly(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"remarks: on and on\n" * 100)


def trickling(connection: socket.socket) -> None:
    while True:
        connection.sendall(b".")
        time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side goes


def test_a_server_is_asked_and_its_answer_made_readable() -> None:
    with serving(saying(ANSWER)) as server:
        whois = Whois(FakeClock(), server=server.endpoint)
        assert whois.lookup("198.51.100.7") == SHOWN
        assert server.asked == [b"198.51.100.7\r\n"]


def test_the_real_program_is_asked() -> None:
    with serving(saying(ANSWER)) as server:
        program = ("whois", "-h", "127.0.0.1", "-p", str(server.endpoint.port))
        whois = Whois(FakeClock(), program=program)
        assert whois.lookup("198.51.100.7") == SHOWN
        assert server.asked == [b"198.51.100.7\r\n"]


def test_the_real_program_is_ended_when_it_says_too_much() -> None:
    with serving(endlessly) as server:
        program = ("whois", "-h", "127.0.0.1", "-p", str(server.endpoint.port))
        lines = Whois(FakeClock(), program=program).lookup("198.51.100.7").split("\n")
        assert lines[-1] == "[whois: the answer is longer than this]"
        assert len(lines) == 201


def test_the_real_program_is_ended_when_it_takes_too_long() -> None:
    with serving(silent) as server:
        program = ("whois", "-h", "127.0.0.1", "-p", str(server.endpoint.port))
        whois = Whois(FakeClock(), program=program, timeout=0.5)
        assert whois.lookup("198.51.100.7").startswith("whois: no answer within ")


def test_the_real_program_tells_why_it_has_no_answer() -> None:
    port = free_port()
    whois = Whois(FakeClock(), program=("whois", "-h", "127.0.0.1", "-p", str(port)))
    text = whois.lookup("198.51.100.7")
    assert text.startswith("whois: the program failed (")
    assert "refused" in text


@pytest.mark.parametrize(
    "form",
    [
        "ReferralServer: rwhois://127.0.0.1:{}/",
        "ReferralServer: whois://127.0.0.1:{}",
        "% referto: whois -h 127.0.0.1 -p {} as 1",
        "ReferralServer: whois://whois.ripe.net.example.org:{}",
    ],
)
def test_an_answer_refers_to_nobody_of_its_own_choice(form: str) -> None:
    """Whoever has a network may write such a line; the program as it is would go there."""
    with serving(saying(b"secret: of this host\n")) as inside:
        line = form.format(inside.endpoint.port)
        with serving(saying(f"netname: EVIL\n{line}\n".encode())) as server:
            asked = ("-h", "127.0.0.1", "-p", str(server.endpoint.port))
            whois = Whois(FakeClock(), program=(*PROGRAM, *asked))
            assert whois.lookup("198.51.100.7") == f"netname: EVIL\n{line}"
            assert len(server.asked) == 1
        assert inside.asked == []


def test_a_registry_that_an_answer_refers_to_is_asked(tmp_path: Path) -> None:
    """ARIN's answer about what it has given to RIPE says no more than that."""
    program = tmp_path / "whois"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >>{tmp_path}/asked\n'
        'if [ "$1" = -h ]; then echo "netname: OF-RIPE"; else\n'
        'echo "NetName: TRANSFERRED"; echo "ReferralServer:  whois://whois.ripe.net"; fi\n'
    )
    program.chmod(0o755)
    whois = Whois(FakeClock(), program=[str(program)])
    assert whois.lookup("198.51.100.7") == "netname: OF-RIPE"
    asked = (tmp_path / "asked").read_text().split("\n")
    assert asked == ["198.51.100.7", "-h whois.ripe.net 198.51.100.7", ""]


def test_what_was_said_first_is_shown_if_the_registry_says_nothing(tmp_path: Path) -> None:
    program = tmp_path / "whois"
    program.write_text(
        '#!/bin/sh\n[ "$1" = -h ] && exit 2\n'
        "printf 'NetName: TRANSFERRED\\r\\nReferralServer: whois://whois.ripe.net\\r\\n'\n"
    )
    program.chmod(0o755)
    whois = Whois(FakeClock(), program=[str(program)])
    assert whois.lookup("198.51.100.7").startswith("NetName: TRANSFERRED\n")


def test_a_missing_program_is_a_sentence() -> None:
    whois = Whois(FakeClock(), program=("/nonexistent/whois",))
    expected = "whois: there is no program '/nonexistent/whois' on this host"
    assert whois.lookup("198.51.100.7") == expected


def test_a_program_that_may_not_be_run_is_a_sentence(tmp_path: Path) -> None:
    whois = Whois(FakeClock(), program=(str(tmp_path),))
    assert "Permission denied" in whois.lookup("198.51.100.7")


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    port = free_port()
    whois = Whois(FakeClock(), server=Endpoint("127.0.0.1", port))
    assert whois.lookup("198.51.100.7") == f"whois: 127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize("answer", [trickling, silent])
def test_a_server_has_so_much_time_in_all(answer: Callable[[socket.socket], None]) -> None:
    """A byte now and then does not buy more of it."""
    with serving(answer) as server:
        whois = Whois(FakeClock(), server=server.endpoint, timeout=0.4)
        assert whois.lookup("198.51.100.7").startswith("whois: no answer within ")


def test_an_endless_answer_is_cut() -> None:
    with serving(endlessly) as server:
        lines = Whois(FakeClock(), server=server.endpoint).lookup("198.51.100.7").split("\n")
        assert lines[-1] == "[whois: the answer is longer than this]"
        assert len(lines) == 201


def test_a_huge_line_is_cut() -> None:
    with serving(saying(b"x" * 1_000_000)) as server:
        line, note = Whois(FakeClock(), server=server.endpoint).lookup("198.51.100.7").split("\n")
        assert len(line) == 200
        assert note.startswith("[whois:")


def test_an_empty_answer_is_a_sentence() -> None:
    with serving(saying(b" \r\n\r\n")) as server:
        whois = Whois(FakeClock(), server=server.endpoint)
        assert whois.lookup("198.51.100.7") == "whois: the answer is empty"


@pytest.mark.parametrize(
    "text", ["-h evil.test", "198.51.100.7\r\nx", "", "host.test", "10.0.0.0/8"]
)
def test_only_addresses_are_asked_for(text: str) -> None:
    """What is handed on can be neither an option nor a second question."""
    with serving(saying(ANSWER)) as server:
        answer = Whois(FakeClock(), server=server.endpoint).lookup(text)
        assert answer.endswith("is no address")
        assert answer.isprintable()
        assert server.asked == []


def test_an_answer_is_kept_for_a_day() -> None:
    clock = FakeClock()
    with serving(saying(ANSWER)) as server:
        whois = Whois(clock, server=server.endpoint)
        for address in ("2001:db8::1", "2001:DB8:0::1", "2001:db8::1"):
            whois.lookup(address)
        assert server.asked == [b"2001:db8::1\r\n"]
        clock.advance(86_399)
        whois.lookup("2001:db8::1")
        assert len(server.asked) == 1
        clock.advance(1)
        assert whois.lookup("2001:db8::1") == SHOWN
        assert len(server.asked) == 2


def test_a_failure_is_kept_for_ten_minutes() -> None:
    """A registry that is down is not asked for the same address again and again."""
    clock = FakeClock()
    with serving(silent) as server:
        whois = Whois(clock, server=server.endpoint, timeout=0.1)
        whois.lookup("198.51.100.7")
        whois.lookup("198.51.100.7")
        assert len(server.asked) == 1
        server.answer = saying(ANSWER)
        clock.advance(600)
        assert whois.lookup("198.51.100.7") == SHOWN


def test_the_oldest_answers_make_room() -> None:
    """An attack from many addresses does not fill the memory."""
    with serving(saying(ANSWER)) as server:
        whois = Whois(FakeClock(), server=server.endpoint)
        for number in range(258):
            whois.lookup(f"198.51.{number // 256}.{number % 256}")
        assert len(whois._cache) == 256
        whois.lookup("198.51.1.1")
        assert len(server.asked) == 258
        whois.lookup("198.51.0.0")
        assert len(server.asked) == 259


@given(st.binary(max_size=3000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_answer_reaches_a_terminal_raw(data: bytes) -> None:
    """Whatever a server says: printable lines, bounded in number and length."""
    with serving(saying(data)) as server:
        shown = Whois(FakeClock(), server=server.endpoint).lookup("198.51.100.7")
    lines = shown.split("\n")
    assert all(line.isprintable() and len(line) <= 200 for line in lines)
    assert len(lines) <= 201
