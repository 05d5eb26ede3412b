# SPDX-License-Identifier: MIT
"""The ways to Kamailio, against servers that do all that a server should not."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logban.actions.kamailio.rpc import Answer, Call, Method, Refused, Rpc, Unavailable, call
from logban.actions.kamailio.transports import (
    Datagrams,
    Fifo,
    Http,
    RpcAddress,
    Way,
    open_rpc,
)
from logban.testing.kamailio import Kamailio
from logban.testing.ports import free_port
from logban.testing.waiting import LIMIT

PATIENCE = 0.25
"""Seconds that a client waits here for an answer."""


def get(key: str) -> Call:
    return Call(Method.HTABLE_GET, ("t", key))


# How a server can treat a request: each gives the datagrams that go back.
def _answered(number: int) -> list[bytes]:
    return [json.dumps({"jsonrpc": "2.0", "result": f"for {number}", "id": number}).encode()]


def _refused(number: int) -> list[bytes]:
    return [json.dumps({"error": {"code": 500, "message": "no"}, "id": number}).encode()]


TREATMENTS: dict[str, Callable[[int], list[bytes]]] = {
    "answer": _answered,
    "refusal": _refused,
    "silence": lambda _: [],
    "garbage": lambda _: [b"\x00\xff{[", b""],
    "half": lambda number: [_answered(number)[0][:-3]],
    "wrong id": lambda number: _answered(number + 1),
    "success in looks only": lambda _: [b'{"jsonrpc":"2.0","result":{}}'],
    "late": lambda number: [*_answered(number - 1), *_answered(1), *_answered(number)],
    "giant": lambda number: [
        json.dumps({"result": "x" * 150_000, "id": number}).encode(),
    ],
    "twice": lambda number: _answered(number) * 2,
}
IN_TIME = {"answer", "refusal", "late", "giant", "twice"}


class Server:
    """A datagram server that treats one request after another as it was told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.treatments: list[str] = []
        self.asked: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(1 << 17)
            if data == b"end":
                return
            self.asked.append(data)
            treatment = self.treatments[(len(self.asked) - 1) % len(self.treatments)]
            for answer in TREATMENTS[treatment](json.loads(data)["id"]):
                with suppress(OSError):  # the client has given up
                    self._socket.sendto(answer, client)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.sendto(b"end", str(self.path))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "s")
    try:
        yield made
    finally:
        made.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(sorted(TREATMENTS)), min_size=1, max_size=12), st.integers(1, 20))
def test_a_hostile_server_is_believed_in_nothing_but_answers(
    server: Server, treatments: list[str], number: int
) -> None:
    server.treatments, server.asked = treatments, []
    used = {treatments[index % len(treatments)] for index in range(number)}
    client = Datagrams(str(server.path), timeout=0.05 if used - IN_TIME else LIMIT)
    try:
        answers: Sequence[Answer] = client.call_many([get(str(index)) for index in range(number)])
    except Unavailable:
        assert used - IN_TIME
    else:
        ids = [json.loads(data)["id"] for data in server.asked]
        assert len(ids) == len(answers) == number
        for index, answer in enumerate(answers):
            treatment = treatments[index % len(treatments)]
            if treatment == "refusal":
                assert isinstance(answer, Refused)
            elif treatment == "giant":
                assert answer == "x" * 150_000
            else:
                assert answer == f"for {ids[index]}"
    finally:
        client.close()


def test_the_number_of_a_request_can_not_be_guessed(server: Server) -> None:
    server.treatments = ["answer"]
    client = Datagrams(str(server.path))
    client.call_many([get("a")] * 50)
    client.close()
    ids = [json.loads(data)["id"] for data in server.asked]
    assert len(set(ids)) == 50
    assert max(ids) - min(ids) > 1 << 20


def test_the_late_answer_to_an_earlier_request_is_discarded(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "s"))
        client = Datagrams(str(tmp_path / "s"), timeout=0.05)
        with pytest.raises(Unavailable, match=r"has not answered within 0\.05 s"):
            call(client, Method.UPTIME)
        data, sender = bound.recvfrom(1 << 16)
        bound.sendto(_answered(json.loads(data)["id"])[0], sender)
        answers: list[object] = []
        asking = threading.Thread(
            target=lambda: answers.append(
                Datagrams.call_many(client, [Call(Method.VERSION)])  # the same socket
            )
        )
        client._timeout = LIMIT
        asking.start()
        data, sender = bound.recvfrom(1 << 16)
        number = json.loads(data)["id"]
        bound.sendto(_answered(number)[0], sender)
        asking.join()
        client.close()
    assert answers == [[f"for {number}"]]


def test_a_stopped_server_is_noticed_when_it_takes_nothing_more(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "s"))
        client = Datagrams(str(tmp_path / "s"), timeout=PATIENCE)
        said = []
        for _ in range(4):
            with pytest.raises(Unavailable) as raised:
                client.call_many([get("a")] * 8)
            said.append(str(raised.value))
        client.close()
    assert "it is stopped, hangs or is too busy" in said[0]
    assert "its queue is full" in said[-1]


def test_nothing_but_garbage_is_told_of(server: Server) -> None:
    server.treatments = ["success in looks only"]
    asked_until_told(server.path, "1 times, was no answer to what it had been asked")


def test_a_flood_of_strays_does_not_hold_the_client_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "s"))
        is_over = threading.Event()

        def flood() -> None:
            _, sender = bound.recvfrom(1 << 16)
            bound.settimeout(0.01)  # the client's queue is full once it has given up
            while not is_over.is_set():
                with suppress(OSError):
                    bound.sendto(b'{"result":"Ok","id":1}', sender)
                with suppress(OSError):  # it may ask again, with more patience
                    _, sender = bound.recvfrom(1 << 16, socket.MSG_DONTWAIT)

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            asked_until_told(tmp_path / "s", "was no answer")
        finally:
            is_over.set()
            flooding.join()


def asked_until_told(path: Path, said: str) -> None:
    """Ask with more and more patience, as a busy machine may want, until that is what is told."""
    told = []
    for seconds in (PATIENCE, 1.0, 4.0, 16.0, 64.0):
        client = Datagrams(str(path), timeout=seconds)
        with pytest.raises(Unavailable) as raised:
            call(client, Method.UPTIME)
        client.close()
        told.append(str(raised.value))
        if said in told[-1]:
            return
    pytest.fail(f"{said!r} is not in {told}")


def test_a_path_for_answers_is_made_and_removed(server: Server, tmp_path: Path) -> None:
    server.treatments = ["answer"]
    path = tmp_path / "reply"
    path_before = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path_before.bind(str(path))  # what a crash has left
    path_before.close()
    client = open_rpc(RpcAddress(Way.DATAGRAM, str(server.path)), reply=path)
    call(client, Method.UPTIME)
    assert path.stat().st_mode & 0o777 == 0o666
    client.close()
    assert not path.exists()
    path.write_text("somebody's")
    with pytest.raises(Unavailable, match="Address already in use"):
        call(client, Method.UPTIME)
    assert path.read_text() == "somebody's"


@pytest.mark.parametrize("way", [Way.DATAGRAM, Way.FIFO, Way.HTTP])
def test_every_way_gets_the_same_answers(kamailio: Kamailio, way: Way) -> None:
    target = {
        Way.DATAGRAM: str(kamailio.socket),
        Way.FIFO: str(kamailio.fifo),
        Way.HTTP: kamailio.url,
    }[way]
    client = open_rpc(RpcAddress(way, target))
    key = f"k-{way}"
    asked = [
        Call(Method.HTABLE_SETXI, ("ipban", key, 7, 60)),
        get("x"),
        Call(Method.HTABLE_DELETE, ("ipban", key)),
        Call(Method.HTABLE_DELETE, ("ipban", key)),
    ]
    answers = client.call_many(asked)
    client.close()
    assert answers[0] == "Ok. Key set to new value."
    assert answers[2] == "Ok. Key deleted."
    errors = [answer for answer in answers if isinstance(answer, Refused)]
    assert [(error.code, error.text) for error in errors] == [
        (500, "No such htable"),
        (404, "Key not found in htable."),
    ]


def test_users_with_strange_names_get_there_and_back(kamailio: Kamailio) -> None:
    client = kamailio.rpc()
    for name in ('a"b\\c', "müller", "电话", "a b::c", "%s$au"):
        call(client, Method.HTABLE_SETXI, "ipban", name, 7, 60)
        found = call(client, Method.HTABLE_GET, "ipban", name)
        assert name in repr(found).replace("\\\\", "\\").replace("\\'", "'"), found
        call(client, Method.HTABLE_DELETE, "ipban", name)
    client.close()


@pytest.mark.parametrize("way", ["datagram", "fifo", "http"])
def test_each_failure_has_its_sentence(tmp_path: Path, way: str) -> None:
    path = tmp_path / "s"
    make: dict[str, Callable[[], Rpc]] = {
        "datagram": lambda: Datagrams(str(path), timeout=PATIENCE),
        "fifo": lambda: Fifo(str(path), timeout=PATIENCE, directory=tmp_path),
        "http": lambda: Http(f"http://127.0.0.1:{free_port()}/RPC", timeout=PATIENCE),
    }
    said = []

    def ask() -> None:
        client = make[way]()
        with pytest.raises(Unavailable) as raised:
            call(client, Method.UPTIME)
        client.close()
        said.append(str(raised.value))

    ask()
    if way == "datagram":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
            left.bind(str(path))
        ask()  # killed, its socket left behind
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(str(path))
            ask()
    if way == "fifo":
        os.mkfifo(path)
        ask()
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        ask()
        os.close(reader)
        path.unlink()
        path.write_text("")
        ask()
    expected = {
        "datagram": ["there is no RPC socket", "nobody listens at", "not of the kind"],
        "fifo": ["there is no RPC socket", "nobody listens", "has not answered", "it is no FIFO"],
        "http": ["nobody listens at"],
    }[way]
    assert len(said) == len(expected)
    for sentence, words in zip(said, expected, strict=True):
        assert words in sentence
    assert list(tmp_path.glob("logban_*")) == []


def test_without_rights_the_sentence_says_which(
    tmp_path: Path, unprivileged: Callable[[Callable[[], None]], str]
) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))
        path.chmod(0o600)

        def ask() -> None:
            call(Datagrams(str(path)), Method.UPTIME)

        said = unprivileged(ask)
    assert "Unavailable: logban may not use" in said
    assert "usermod -aG kamailio logban" in said


def fifo_server(path: Path, directory: Path, answer: Callable[[int], bytes]) -> threading.Thread:
    """Answer one request at a FIFO."""

    def serve() -> None:
        with path.open("rb") as requests:
            request = json.loads(requests.read())
        path_back = directory / request["reply_name"]
        with suppress(BrokenPipeError), path_back.open("wb", buffering=0) as reply:
            reply.write(answer(request["id"]))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: b"x" * 100, "its answer is none to what it was asked"),
        (lambda _: b"", "its answer is none"),
        (lambda number: _answered(number + 1)[0], "its answer is none"),
        (lambda _: b" " * (17 << 20), "more than 16777216 bytes"),
    ],
)
def test_a_hostile_fifo(tmp_path: Path, answer: Callable[[int], bytes], said: str) -> None:
    os.mkfifo(tmp_path / "f")
    serving = fifo_server(tmp_path / "f", tmp_path, answer)
    client = Fifo(str(tmp_path / "f"), timeout=LIMIT, directory=tmp_path)
    with pytest.raises(Unavailable, match=said):
        ask_when_served(client)
    serving.join()
    assert list(tmp_path.glob("logban_*")) == []


def ask_when_served(client: Fifo) -> None:
    while True:
        try:
            call(client, Method.UPTIME)
        except Unavailable as error:
            if "nobody listens" not in str(error):
                raise


def test_a_request_too_long_for_a_fifo_is_not_sent(tmp_path: Path) -> None:
    client = Fifo(str(tmp_path / "f"), directory=tmp_path)
    with pytest.raises(ValueError, match="the FIFO takes 4096"):
        call(client, Method.HTABLE_GET, "t", "x" * 4000, "y" * 200)
    with pytest.raises(Unavailable, match="no RPC socket"):
        call(Fifo("/nowhere", directory=tmp_path / "none"), Method.UPTIME)


@contextmanager
def http_server(*answers: bytes, pause: float = 0.0) -> Iterator[str]:
    """Give a URL at which each connection gets the next of these bytes; ID is the request's."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.settimeout(LIMIT)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        is_over = threading.Event()

        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    return
                with connection, suppress(OSError):
                    data = b""
                    while b'"id": ' not in data:
                        data += connection.recv(1 << 16)
                    number = data.partition(b'"id": ')[2].rstrip(b"}")
                    whole = answer.replace(b"ID", number)
                    if not pause:
                        connection.sendall(whole)
                    for index in range(len(whole) if pause else 0):
                        connection.sendall(whole[index : index + 1])
                        if is_over.wait(pause):
                            break

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/RPC"
        finally:
            is_over.set()
            serving.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = b'{"result":"Ok","id":ID}'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/9 \x1b[2J\xff\r\n\r\n", "BadStatusLine: HTTP/9"),
        (b"\x00\x01garbage\r\n\r\n", "does not speak as Kamailio does: BadStatusLine"),
        (b"", "RemoteDisconnected"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n", "HTTP 403"),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", "none to what it was asked"),
        (HEAD + b"\r\n" + GOOD.replace(b"ID", b"5"), "none to what it was asked"),
        (HEAD + b"Content-Length: 999999999999\r\n\r\n{", "none to what it was asked"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n{", "does not speak"),
        (HEAD + b"\r\n" + b" " * (17 << 20), "more than 16777216 bytes"),
    ],
)
def test_a_hostile_web_server(answer: bytes, said: str) -> None:
    with http_server(answer) as url, pytest.raises(Unavailable, match=said) as caught:
        call(Http(url, timeout=LIMIT), Method.UPTIME)
    assert str(caught.value).isprintable()


def test_a_web_server_sends_nobody_elsewhere() -> None:
    """To another port of this host, for instance."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        place = f"http://127.0.0.1:{inside.getsockname()[1]}/RPC".encode()
        moved = b"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: " + place + b"\r\n\r\n"
        with http_server(moved) as url, pytest.raises(Unavailable, match="HTTP 307"):
            call(Http(url, timeout=LIMIT), Method.UPTIME)
        inside.setblocking(False)
        with pytest.raises(BlockingIOError):
            inside.accept()


def test_a_web_server_that_gives_a_byte_at_a_time_is_left() -> None:
    with (
        http_server(HEAD + b"\r\n" + GOOD, pause=0.05) as url,
        pytest.raises(Unavailable, match="has not answered within"),
    ):
        call(Http(url, timeout=PATIENCE), Method.UPTIME)


def test_each_connection_is_used_as_long_as_it_is_kept() -> None:
    answer = HEAD + b"Connection: close\r\n\r\n" + GOOD
    with http_server(answer, answer) as url:
        client = Http(url)
        assert client.call_many([Call(Method.UPTIME), Call(Method.VERSION)]) == ["Ok", "Ok"]
        client.close()


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("/run/kamailio/kamailio_rpc.sock", Way.DATAGRAM),
        ("fifo:/run/kamailio/kamailio_rpc.fifo", Way.FIFO),
        ("http://127.0.0.1:5060/RPC", Way.HTTP),
        ("http://[::1]:5060/RPC", Way.HTTP),
    ],
)
def test_addresses(text: str, way: Way) -> None:
    address = RpcAddress.parse(f" {text} ")
    assert (address.way, str(address)) == (way, text)
    open_rpc(address).close()


@pytest.mark.parametrize("text", ["", "kamailio.sock", "fifo:x", "https://x/", "http://", "/a\nb"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        RpcAddress.parse(text)
