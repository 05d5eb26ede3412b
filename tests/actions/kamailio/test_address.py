# SPDX-License-Identifier: MIT
"""Bans in the address file, in a real Kamailio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.kamailio.address import AddressFile, AddressSettings
from logban.actions.kamailio.rpc import Call, Refused, Rpc
from logban.actions.protocols import Missing
from logban.clock import SystemClock
from logban.errors import ActionError
from logban.model import Ban, Subject
from logban.testing import FakeClock
from logban.testing.kamailio import Kamailio
from logban.testing.waiting import LIMIT, wait

CLOCK = SystemClock()


@pytest.fixture
def kamailio(script: str) -> Iterator[Kamailio]:
    """Give a proxy of a test's own: how often a file was read is what these are about."""
    proxy = Kamailio.of(script)
    (proxy.directory / "logban.list").write_text("7 192.0.2.99 32 0 carrier\n")
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.remove()


def ban(text: str, seconds: float | None = 600, jail: str = "kamailio") -> Ban:
    now = CLOCK.now()
    until = None if seconds is None else now + seconds
    return Ban(jail, Subject.parse(text, ipv6_prefix=128), now, until)


class Counting:
    """A client that counts, and refuses when told to."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self.where = rpc.where
        self.reloads = 0
        self.refusals: list[str] = []

    def call_many(self, calls: list[Call]) -> list[object]:
        if calls[0].method.name == "ADDRESS_RELOAD":
            self.reloads += 1
            if self.refusals:
                return [Refused(calls[0], 500, self.refusals.pop())]
        return list(self._rpc.call_many(calls))

    def close(self) -> None:
        self._rpc.close()


def make(kamailio: Kamailio, clock: object = CLOCK, jail: str = "kamailio") -> AddressFile:
    file = kamailio.directory / "logban.list"
    settings = AddressSettings(jail, file, 1, kamailio.address, LIMIT)
    counting = Counting(kamailio.rpc())
    return AddressFile(settings, clock, lambda: counting)  # type: ignore[arg-type,return-value]  # fakes


def counting_of(enforcer: AddressFile) -> Counting:
    return enforcer._kamailio.connect()  # type: ignore[return-value]  # made above


def test_addresses_and_networks_are_banned_and_lifted(kamailio: Kamailio) -> None:
    clock = FakeClock(CLOCK.now())
    enforcer = make(kamailio, clock)
    assert kamailio.probe("127.0.2.1") == 200
    enforcer._kamailio.open()  # not prepared: the first reload is the ban's
    bans = [ban("127.0.2.1"), ban("127.5.0.0/16", None), ban("2001:db8:66::/64", 5)]
    enforcer.apply([*bans, ban("127.0.2.9", -5)])
    assert kamailio.probe("127.0.2.1") is None
    assert kamailio.probe("127.5.7.7") is None
    assert kamailio.probe("127.0.2.9") == 200
    found = enforcer.read()
    assert found.keys() == {each.subject for each in bans}
    assert found[bans[1].subject] is None
    enforcer.lift([bans[0]])
    assert kamailio.probe("127.0.2.1") is None  # it is too early for Kamailio
    enforcer.check()
    assert counting_of(enforcer).reloads == 1
    clock.advance(6)
    counting_of(enforcer).refusals = ["ongoing reload"]
    enforcer.check()
    enforcer.check()

    # Kamailio's own clock still runs: it says when it takes the next one.
    def has_been_read() -> bool:
        enforcer.check()
        return not enforcer._is_stale

    wait(has_been_read)
    kamailio.wait_for_answer("127.0.2.1", 200)
    text = (kamailio.directory / "logban.list").read_text()
    assert "7 192.0.2.99 32 0 carrier" in text
    assert "127.0.2.1 " not in text
    enforcer.close()


def test_kamailio_reads_this_very_file(kamailio: Kamailio, tmp_path: Path) -> None:
    enforcer = make(kamailio)
    enforcer.prepare()
    enforcer.check()
    enforcer.close()
    settings = AddressSettings("k", tmp_path / "other.list", 1, kamailio.address, LIMIT)
    other = AddressFile(settings, CLOCK, kamailio.rpc)

    def prepare_again() -> None:
        while True:  # until Kamailio takes another reload
            other.prepare()

    with pytest.raises(ActionError, match=r"Kamailio reads another address file than .*other"):
        prepare_again()
    other.close()


def test_jails_share_the_file(kamailio: Kamailio) -> None:
    one, two = make(kamailio, jail="one"), make(kamailio, jail="two, with a strange name")
    one.prepare()
    two.prepare()
    one.apply([ban("127.0.2.3")])
    two.apply([ban("127.0.2.3", 50), ban("127.0.2.4")])
    assert len(one.read()) == 1
    assert len(two.read()) == 2
    one.lift([ban("127.0.2.3"), ban("127.0.2.4")])
    assert len(one.read()) == 0
    assert len(two.read()) == 2
    again = make(kamailio, jail="two, with a strange name")
    assert again.read() == two.read()
    one.close()
    two.close()


def test_a_restart_is_noticed_and_outlived(kamailio: Kamailio) -> None:
    enforcer = make(kamailio)
    enforcer.prepare()
    enforcer.apply([ban("127.0.2.5")])
    kamailio.kill()
    kamailio.start()
    assert kamailio.probe("127.0.2.5") is None
    enforcer._is_stale = False

    def restart_again() -> None:
        while True:  # what tells two starts apart has seconds for its finest
            kamailio.kill()
            kamailio.start()
            enforcer.check()

    with pytest.raises(Missing, match="was restarted"):
        restart_again()
    enforcer.close()


def test_what_ended_while_logban_was_down_is_taken_out(kamailio: Kamailio) -> None:
    clock = FakeClock(CLOCK.now())
    before = make(kamailio, clock)
    before.prepare()
    before.apply([ban("127.0.2.6", 60), ban("127.0.2.7", 600)])
    before.close()
    clock.advance(100)
    after = make(kamailio, clock)
    after.prepare()
    assert after.read().keys() == {ban("127.0.2.7").subject}
    assert "127.0.2.6" not in (kamailio.directory / "logban.list").read_text()
    after.close()


def test_what_stands_in_the_way(kamailio: Kamailio, tmp_path: Path) -> None:
    def made(file: Path) -> AddressFile:
        settings = AddressSettings("k", file, 1, kamailio.address, LIMIT)
        return AddressFile(settings, CLOCK)

    nowhere = made(tmp_path / "none" / "x")
    with pytest.raises(ActionError, match=r"the directory .*/none .* can't be used: No such file"):
        nowhere.prepare()
    nowhere.close()
    (tmp_path / "folder").mkdir()
    folder = made(tmp_path / "folder")
    with pytest.raises(ActionError, match="can't be used: Is a directory"):
        folder.prepare()
    folder.close()
    with pytest.raises(Missing):
        made(tmp_path / "x").check()


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ("Reload failed.", "could not read its address file: it must name"),
        ("Method Not Found", "load its module permissions"),
    ],
)
def test_a_reload_that_fails(kamailio: Kamailio, refusal: str, said: str) -> None:
    enforcer = make(kamailio)
    counting_of(enforcer).refusals = [refusal]
    with pytest.raises(ActionError, match=said):
        enforcer.prepare()
    enforcer.close()


def test_lines_that_nobody_could_have_meant(kamailio: Kamailio) -> None:
    path = kamailio.directory / "logban.list"
    path.write_text(
        "1 192.0.2.1 32 0 logban/kamailio/soon\n1 nonsense 32 0 logban/kamailio/9e9\n"
        "2 192.0.2.2 32 0 logban/kamailio/9e9\n\xff\n# note\n",
        "latin-1",
    )
    enforcer = make(kamailio)
    assert enforcer.read() == {}
    assert not enforcer.takes(Subject.from_json({"kind": "user", "user": "6003"}))


def test_a_jail_asks_for_it(kamailio: Kamailio) -> None:
    file = str(kamailio.directory / "logban.list")
    written = {"file": file, "group": "3", "socket": str(kamailio.socket)}
    spec = catalogue.parse("k", "kamailio-address", written)
    assert isinstance(catalogue.build(spec, CLOCK), AddressFile)
    for wrong in ("0", "x", "9" * 12):
        with pytest.raises(ValueError, match="is no group"):
            catalogue.parse("k", "kamailio-address", {"group": wrong})
