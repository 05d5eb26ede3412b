# SPDX-License-Identifier: MIT
"""Keys in a real Redis, of the test's own: scanned, asked for, lost, and held while it is away."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from logban.errors import ConfigurationError
from logban.judging.exemptions import redis as module
from logban.judging.exemptions.enquiries import Enquiries
from logban.judging.exemptions.lists import Listing
from logban.judging.exemptions.redis import SCAN_EVERY, RedisList
from logban.model import Subject, SubjectKind, Verdict
from logban.testing.clock import FakeClock
from logban.testing.redis_server import RedisServer
from logban.testing.waiting import LIMIT

WHO = Subject.parse("198.51.100.7")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host with much else to do, a Redis may take more than a second to come to its turn."""
    monkeypatch.setattr(module, "ANSWERS_WITHIN", LIMIT)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path / "r")
    made.start()
    yield made
    made.stop()


def verdict(subject: Subject = WHO) -> Verdict:
    return Verdict("pbx", subject, 1000.0, 1600.0, 5, "rule")


def story(url: str, tell: Callable[[RedisList, FakeClock], Awaitable[None]]) -> None:
    async def limited() -> None:
        clock = FakeClock(1000.0)
        kept = RedisList(url, "white_list:", clock)
        try:
            async with asyncio.timeout(LIMIT):
                await tell(kept, clock)
        finally:
            await kept.close()

    asyncio.run(limited())


def entries(listing: Listing | None) -> set[str]:
    assert listing is not None
    return {
        each.entry
        for address in ("198.51.100.7", "203.0.113.9", "2001:db8::7")
        if (each := listing.networks.find_subject(Subject.parse(address, 128)))
    }


def test_the_keys_hold_to_their_ends(server: RedisServer) -> None:
    async def tell(kept: RedisList, clock: FakeClock) -> None:
        with server.keys() as keys:
            keys.set("white_list:198.51.100.7", 1, ex=3600)
            keys.set("white_list:203.0.113.0/24", 1)
            keys.set("white_list:2001:DB8:0:0:0:0:0:7", 1, px=250_000)
            keys.set("white_lists:192.0.2.1", 1)
            listing = await kept.refresh()
            assert entries(listing) == {"198.51.100.7", "203.0.113.0/24", "2001:db8::7"}
            assert not kept.problem
            assert listing is not None
            found = listing.networks.find_subject(WHO)
            assert found is not None
            assert found.until == pytest.approx(4600, abs=30)
            assert found.origin == f"white_list:198.51.100.7 in unix://{server.socket}"
            hold = listing.networks.find("203.0.113.1")
            assert hold is not None
            assert hold.until is None
            assert len(listing.networks) == 3
            assert await kept.refresh() is None
            keys.delete("white_list:203.0.113.0/24")
            clock.advance(SCAN_EVERY)
            # Redis's own clock stands where it was, so the third key is still there.
            assert entries(await kept.refresh()) == {"198.51.100.7", "2001:db8::7"}
            keys.expire("white_list:198.51.100.7", 9999)
            clock.advance(SCAN_EVERY)
            again = await kept.refresh()
            assert again is not None
            longer = again.networks.find_subject(WHO)
            assert longer is not None
            assert longer.until == pytest.approx(clock.now() + 9999, abs=30)

    story(server.url, tell)


def test_while_redis_is_away_what_was_known_holds_to_its_end(server: RedisServer) -> None:
    async def tell(kept: RedisList, clock: FakeClock) -> None:
        with server.keys() as keys:
            keys.set("white_list:198.51.100.7", 1, ex=60)
            keys.set("white_list:203.0.113.9", 1)
        assert entries(await kept.refresh()) == {"198.51.100.7", "203.0.113.9"}
        server.stop()
        clock.advance(50)
        assert await kept.refresh() is None
        assert "can't be read" in kept.problem
        assert kept.problem.endswith("those known last hold to their ends")
        clock.advance(11)
        assert entries(await kept.refresh()) == {"203.0.113.9"}
        with pytest.raises(OSError, match=r"."):
            await kept.ask(verdict())
        server.start()
        clock.advance(SCAN_EVERY)
        assert entries(await kept.refresh()) == set()
        assert not kept.problem

    story(server.url, tell)


def test_before_a_ban_the_key_is_asked_for(server: RedisServer) -> None:
    async def tell(kept: RedisList, clock: FakeClock) -> None:
        enquiries = Enquiries(clock, time_limit=LIMIT)
        enquiries.set_everywhere([kept])
        await kept.refresh()
        assert (await enquiries.ask(verdict())).exemption is None
        with server.keys() as keys:
            keys.set("white_list:198.51.100.7", 1, ex=60)
            keys.set("white_list:2001:db8:0:0:0:0:0:7", 1)
        for subject, until in ((WHO, 1060.0), (Subject.parse("2001:db8::7", 128), None)):
            found = (await enquiries.ask(verdict(subject))).exemption
            assert found is not None
            assert found.until == (None if until is None else pytest.approx(until, abs=30))
        # What was found so holds at once, before the next scan.
        assert entries(await kept.refresh()) == {"198.51.100.7", "2001:db8::7"}
        assert not kept.concerns(verdict(Subject(SubjectKind.USER, "", "6003")))
        assert kept.concerns(verdict(Subject(SubjectKind.USER_IP, "198.51.100.7", "6003")))

    story(server.url, tell)


def test_an_abuser_loses_the_key(server: RedisServer) -> None:
    async def tell(kept: RedisList, clock: FakeClock) -> None:
        with server.keys() as keys:
            keys.set("white_list:198.51.100.7", 1, ex=60)
            await kept.refresh()
            assert kept.drop("198.51.100.7")
            assert not kept.drop("198.51.100.7")
            assert entries(kept.listing()) == set()
            # What Redis says until the key is deleted does not count.
            assert await kept.ask(verdict()) is None
            await kept.delete("198.51.100.7")
            assert not keys.exists("white_list:198.51.100.7")
            # A portal may let the customer in again.
            keys.set("white_list:198.51.100.7", 1, ex=60)
            clock.advance(SCAN_EVERY)
            assert entries(await kept.refresh()) == {"198.51.100.7"}

    story(server.url, tell)


def test_a_key_that_could_not_be_deleted_is_deleted_later(server: RedisServer) -> None:
    async def tell(kept: RedisList, clock: FakeClock) -> None:
        with server.keys() as keys:
            keys.set("white_list:198.51.100.7", 1, ex=60)
        await kept.refresh()
        server.stop()
        kept.drop("198.51.100.7")
        await kept.delete("198.51.100.7")
        server.start()
        with server.keys() as keys:
            keys.set("white_list:198.51.100.7", 1, ex=60)
            clock.advance(SCAN_EVERY)
            await kept.refresh()
            assert entries(kept.listing()) == set()
            assert not keys.exists("white_list:198.51.100.7")

    story(server.url, tell)


def test_what_names_no_address_and_what_is_too_many_is_told(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tell(kept: RedisList, clock: FakeClock) -> None:
        with server.keys() as keys:
            keys.set("white_list:nobody\x1b[2J", 1)
            keys.set("white_list:198.51.100.7", 1)
            assert entries(await kept.refresh()) == {"198.51.100.7"}
            assert "nobody\\x1b[2J" in kept.problem
            keys.mset({f"white_list:192.0.2.{number}": 1 for number in range(20)})
        monkeypatch.setattr(module, "MAX_KEYS", 10)
        clock.advance(SCAN_EVERY)
        listing = await kept.refresh()
        assert listing is not None
        assert len(listing.networks) == 10
        assert "10 are taken up" in kept.problem

    story(server.url, tell)


def test_many_keys_among_others(server: RedisServer) -> None:
    async def tell(kept: RedisList, _: FakeClock) -> None:
        with server.keys() as keys:
            keys.mset({f"session:{number}": 1 for number in range(20_000)})
            keys.mset({f"white_list:10.0.{n // 256}.{n % 256}": 1 for n in range(5000)})
        listing = await kept.refresh()
        assert listing is not None
        assert len(listing.networks) == 5000

    story(server.url, tell)


def test_a_prefix_is_no_pattern(server: RedisServer) -> None:
    async def tell(_: RedisList, clock: FakeClock) -> None:
        kept = RedisList(server.url, "a*[b]?:", clock)
        with server.keys() as keys:
            keys.set("a*[b]?:198.51.100.7", 1)
            keys.set("axbx:203.0.113.9", 1)
        assert entries(await kept.refresh()) == {"198.51.100.7"}
        assert not kept.problem
        await kept.close()

    story(server.url, tell)


def test_a_password_is_not_shown() -> None:
    async def tell(kept: RedisList, _: FakeClock) -> None:
        await kept.refresh()
        assert "redis://127.0.0.1:1/0" in kept.problem
        assert "secret" not in kept.problem

    story("redis://user:secret@127.0.0.1:1/0", tell)


def test_an_address_that_means_nothing() -> None:
    with pytest.raises(ConfigurationError, match="redis = redis://host:x"):
        RedisList("redis://host:x/0", "white_list:", FakeClock())


@contextmanager
def hostile(*answers: bytes, pause: float = 0.0) -> Iterator[str]:
    """Serve all who come in the place of Redis, each question with these for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def converse(client: socket.socket) -> None:
        with client, suppress(OSError):  # cut off
            while (asked := client.recv(1 << 16)) and not over.is_set():
                if b"SCAN" not in asked:  # redis-py introduces itself
                    client.sendall(b"-ERR unknown\r\n" * max(1, asked.count(b"\r\n*") + 1))
                    continue
                client.sendall(answers[0])
                while len(answers) > 1 and not over.wait(pause):
                    client.sendall(answers[1])

    def accept() -> None:
        with suppress(OSError):  # closed at the end
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}?protocol=2"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    ("answers", "pause", "said"),
    [
        ((b"$1000000000\r\n", b"x" * 65536), 0.0, "more than 4194304 bytes"),
        ((b"+", b"x" * 65536), 0.0, "more than 4194304 bytes"),
        ((b"$1000\r\n", b"x"), 0.01, ""),
        ((b"*2\r\n$1\r\n7\r\n*0\r\n",), 0.0, "more keys than can be looked at"),
        ((b"*1\r\n" * 100_000,), 0.0, ""),
        ((b":1\r\n",), 0.0, "none of Redis's"),
        ((b"*2\r\n$1\r\nx\r\n*0\r\n",), 0.0, "none of Redis's"),
        ((b"-\x1b[2J go \xff away\r\n",), 0.0, r"\\x1b\[2J go"),
        ((b"\x1b\x00\r\n",), 0.0, ""),
    ],
)
def test_a_hostile_redis(
    answers: tuple[bytes, ...], pause: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that it says takes for ever, or all the memory, or gets out as it is."""
    monkeypatch.setattr(module, "SCAN_WITHIN", 0.2)
    if pause:
        monkeypatch.setattr(module, "ANSWERS_WITHIN", 0.5)

    async def tell(kept: RedisList, _: FakeClock) -> None:
        assert await kept.refresh() is None
        assert "can't be read: " in kept.problem
        assert kept.problem.isprintable()
        assert re.search(said, kept.problem), kept.problem

    with hostile(*answers, pause=pause) as url:
        story(url, tell)
