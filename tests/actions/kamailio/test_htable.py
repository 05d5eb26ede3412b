# SPDX-License-Identifier: MIT
"""Bans as entries of an htable, in a real Kamailio."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.kamailio import calls
from logban.actions.kamailio.htable import Htable, TableSettings
from logban.actions.kamailio.keys import AddressKeys, mark_of
from logban.actions.kamailio.rpc import Call, Method, Refused, Rpc, Struct, Unavailable, call
from logban.actions.kamailio.transports import RpcAddress, Way, open_rpc
from logban.actions.protocols import Missing
from logban.clock import SystemClock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.testing.kamailio import Kamailio
from logban.testing.waiting import LIMIT, wait

CLOCK = SystemClock()
DROPPED = None


def ban(address: str, seconds: float | None = 600.0, jail: str = "kamailio") -> Ban:
    now = CLOCK.now()
    until = None if seconds is None else now + seconds
    return Ban(jail, Subject(SubjectKind.IP, address), now, until)


def many(number: int, seconds: float = 600.0) -> list[Ban]:
    return [ban(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", seconds) for n in range(number)]


def subject(address: str) -> Subject:
    return Subject(SubjectKind.IP, address)


@pytest.fixture
def make(kamailio: Kamailio) -> Iterator[Callable[..., Htable]]:
    """Give a way to make enforcers; what they have put into tables is taken out again."""
    made: list[Htable] = []

    def enforcer(table: str = "logban", jail: str = "kamailio", **more: object) -> Htable:
        settings = TableSettings(jail, table, kamailio.address, LIMIT)
        made.append(Htable(settings, AddressKeys(), CLOCK, **more))  # type: ignore[arg-type]  # by name
        made[-1].prepare()
        return made[-1]

    yield enforcer
    for each in made:
        each.close()
    rpc = open_rpc(RpcAddress(Way.FIFO, str(kamailio.fifo)), timeout=LIMIT)
    for table in ("logban", "ipban"):
        for key, _ in calls.dump(rpc, table):
            open_and_delete(kamailio, table, key)


def open_and_delete(kamailio: Kamailio, table: str, key: str) -> None:
    rpc = kamailio.rpc()
    call(rpc, Method.HTABLE_DELETE, table, key)
    rpc.close()


@pytest.fixture
def rpc(kamailio: Kamailio) -> Iterator[Rpc]:
    client = kamailio.rpc()
    yield client
    client.close()


def test_a_ban_is_in_force_until_it_is_lifted(
    kamailio: Kamailio, make: Callable[..., Htable]
) -> None:
    enforcer = make()
    assert kamailio.probe("127.0.0.4") == 200
    enforcer.apply([ban("127.0.0.4")])
    assert kamailio.probe("127.0.0.4") is DROPPED
    assert kamailio.probe("127.0.0.40") == 200  # whole addresses are compared
    enforcer.lift([ban("127.0.0.4")])
    assert kamailio.probe("127.0.0.4") == 200
    enforcer.lift([ban("127.0.0.4")])


def test_a_ban_ends_by_itself(kamailio: Kamailio, make: Callable[..., Htable]) -> None:
    enforcer = make()
    for seconds in (1.5, 6.0, 24.0):  # as long as this machine takes to look
        enforcer.apply([ban("127.0.0.5", seconds)])
        if kamailio.probe("127.0.0.5") is DROPPED:
            break
    else:
        pytest.fail("nothing of the ban was to be seen")
    kamailio.wait_for_answer("127.0.0.5", 200)


def test_a_ban_over_a_stream_closes_the_connection(
    kamailio: Kamailio, make: Callable[..., Htable]
) -> None:
    assert kamailio.probe("127.0.0.6", stream=True) == 200
    make().apply([ban("127.0.0.6")])
    assert kamailio.probe("127.0.0.6", stream=True) is DROPPED


def test_what_is_read_back(make: Callable[..., Htable]) -> None:
    enforcer = make()
    bans = [ban("198.51.100.1", 100), ban("198.51.100.2", None), ban("2001:db8::5", 3600)]
    over = [ban("198.51.100.3", -1)]
    enforcer.apply([*bans, *over])
    found = enforcer.read()
    assert found.keys() == {each.subject for each in bans}
    assert found[bans[1].subject] is None
    for each in (bans[0], bans[2]):
        end = found[each.subject]
        assert end is not None
        assert each.until is not None
        assert abs(end - each.until) < 3


def test_a_ban_of_decades_does_not_become_a_short_one(make: Callable[..., Htable]) -> None:
    enforcer = make()
    enforcer.apply([ban("198.51.100.1", 3e9)])
    assert enforcer.read() == {subject("198.51.100.1"): None}


def test_a_ban_is_extended_and_shortened(make: Callable[..., Htable]) -> None:
    enforcer = make()
    for seconds in (100, 5000, 50):
        wanted = ban("198.51.100.1", seconds)
        enforcer.apply([wanted])
        (end,) = enforcer.read().values()
        assert end is not None
        assert wanted.until is not None
        assert abs(end - wanted.until) < 3


def test_what_has_ended_is_forgotten(make: Callable[..., Htable], rpc: Rpc) -> None:
    call(rpc, Method.HTABLE_SETXI, "ipban", "198.51.100.2", 1, 300)
    enforcer = make("ipban")
    enforcer.apply([ban("198.51.100.1", 1), ban("198.51.100.2", 1)])

    def is_over() -> bool:
        enforcer.check()
        return not enforcer.read()

    wait(is_over)
    enforcer.check()
    assert not enforcer._claims
    assert not enforcer._yielded


def test_bans_of_an_earlier_run_are_found(make: Callable[..., Htable]) -> None:
    make().apply([ban("198.51.100.1"), ban("198.51.100.2")])
    again = make()
    assert again.read().keys() == {subject("198.51.100.1"), subject("198.51.100.2")}
    again.lift([ban("198.51.100.1")])
    assert again.read().keys() == {subject("198.51.100.2")}


def test_entries_of_others_are_never_touched(
    kamailio: Kamailio, make: Callable[..., Htable], rpc: Rpc
) -> None:
    # What pike's rule of the stock script leaves there.
    for key in ("127.0.0.7", "127.0.0.8"):
        call(rpc, Method.HTABLE_SETXI, "ipban", key, 1, 300)
    enforcer = make("ipban")
    assert enforcer.read() == {}
    enforcer.apply([ban("127.0.0.7", 100), ban("127.0.0.9", 100)])
    assert enforcer.read().keys() == {subject("127.0.0.7"), subject("127.0.0.9")}
    enforcer.lift([ban("127.0.0.7"), ban("127.0.0.8"), ban("127.0.0.9")])
    entries = dict(calls.dump(rpc, "ipban"))
    assert entries["127.0.0.7"] == entries["127.0.0.8"] == 1
    assert "127.0.0.9" not in entries
    assert kamailio.probe("127.0.0.7") is DROPPED
    assert kamailio.probe("127.0.0.9") == 200


def test_a_ban_takes_over_when_the_entry_of_another_ends(
    kamailio: Kamailio, make: Callable[..., Htable], rpc: Rpc
) -> None:
    call(rpc, Method.HTABLE_SETXI, "ipban", "127.0.0.10", 1, 1)
    enforcer = make("ipban")
    enforcer.apply([ban("127.0.0.10", 100)])
    kamailio.wait_for_answer("127.0.0.10", 200)  # pike's entry has ended
    enforcer.check()
    assert kamailio.probe("127.0.0.10") is DROPPED
    assert dict(calls.dump(rpc, "ipban"))["127.0.0.10"] == mark_of("kamailio")


def test_jails_share_a_table(kamailio: Kamailio, make: Callable[..., Htable]) -> None:
    one, other = make(jail="one"), make(jail="other")
    one.apply([ban("127.0.0.11", 1000)])
    other.apply([ban("127.0.0.11", 100), ban("127.0.0.12", 100)])
    assert one.read().keys() == {subject("127.0.0.11")}
    assert other.read().keys() == {subject("127.0.0.11"), subject("127.0.0.12")}
    one.lift([ban("127.0.0.11")])
    other.check()
    assert kamailio.probe("127.0.0.11") is DROPPED
    other.lift([ban("127.0.0.11"), ban("127.0.0.12")])
    one.apply([ban("127.0.0.12")])
    other.apply([ban("127.0.0.12", 5000)])
    one.lift([ban("127.0.0.12")])
    assert kamailio.probe("127.0.0.12") is DROPPED  # the longer one has taken the entry over


def test_a_lost_entry_is_not_read(make: Callable[..., Htable], rpc: Rpc) -> None:
    enforcer = make()
    enforcer.apply([ban("198.51.100.1"), ban("198.51.100.2")])
    call(rpc, Method.HTABLE_DELETE, "logban", "198.51.100.1")
    call(rpc, Method.HTABLE_SETXI, "logban", "not an address", mark_of("kamailio"), 60)
    enforcer.check()
    assert enforcer.read().keys() == {subject("198.51.100.2")}
    assert make().read().keys() == {subject("198.51.100.2")}


def test_a_flush_is_noticed(kamailio: Kamailio, make: Callable[..., Htable], rpc: Rpc) -> None:
    enforcer = make()
    enforcer.apply([ban("198.51.100.1")])
    enforcer.check()
    for key, _ in calls.dump(rpc, "logban"):
        call(rpc, Method.HTABLE_DELETE, "logban", key)
    with pytest.raises(Missing, match="restarted or the table was flushed"):
        enforcer.check()
    with pytest.raises(Missing):
        enforcer.read()


def test_ten_thousand_bans_take_no_longer_each_than_a_thousand(
    kamailio: Kamailio, make: Callable[..., Htable], record_property: Callable[[str, object], None]
) -> None:
    enforcer = make()
    bans = many(10_000)
    times = []
    for batch in (bans[:1000], bans):
        begun = time.process_time() + kamailio.cpu_seconds()
        enforcer.apply(batch)
        times.append(time.process_time() + kamailio.cpu_seconds() - begun)
        enforcer.lift(batch[:1000])
    record_property("seconds", round(times[1], 2))
    assert times[1] < 40 * max(times[0], 0.05)  # the kernel counts in hundredths
    enforcer.apply(bans[:1000])
    assert len(enforcer.read()) == 10_000
    # A dump of so many does not fit into a datagram: it comes by the FIFO beside it.
    assert len(make().read()) == 10_000
    enforcer.lift(bans)
    assert enforcer.read() == {}


def test_without_a_fifo_a_large_table_is_not_listed(
    kamailio: Kamailio, make: Callable[..., Htable], caplog: pytest.LogCaptureFixture
) -> None:
    enforcer = make()
    enforcer.apply(many(2000, 60))
    hidden = kamailio.fifo.with_suffix(".hidden")
    kamailio.fifo.rename(hidden)
    try:
        again = make()
        assert "too many to be listed" in caplog.text
        assert again.read() == {}
        again.apply(many(3, 60))
        again.lift(many(1, 60))
        assert len(again.read()) == 2
    finally:
        hidden.rename(kamailio.fifo)
    assert len(make(connect=lambda: open_rpc(RpcAddress(Way.FIFO, str(kamailio.fifo)))).read())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("nowhere", "Kamailio has no htable 'nowhere'; it has"),
        ("eternal", "the htable 'eternal' has no autoexpire, so no ban in it would ever end"),
    ],
)
def test_a_table_that_can_not_hold_bans(make: Callable[..., Htable], table: str, said: str) -> None:
    with pytest.raises(ActionError, match=said):
        make(table)


def test_networks_and_users_are_not_taken(make: Callable[..., Htable]) -> None:
    enforcer = make()
    assert enforcer.notice == ""
    assert enforcer.takes(subject("198.51.100.1"))
    assert not enforcer.takes(Subject(SubjectKind.USER, user="6003"))
    assert enforcer.notice == ""
    for number in range(150):
        assert not enforcer.takes(Subject(SubjectKind.NET, f"2001:db8:{number:x}::/64"))
    assert "can't be banned there: add the lines for /64" in enforcer.notice
    assert "and 97 more" in enforcer.notice
    enforcer.apply([Ban("kamailio", Subject(SubjectKind.NET, "192.0.2.0/24"), 0.0, None)])
    assert enforcer.read() == {}


def test_a_stopped_kamailio_is_told_of(kamailio: Kamailio) -> None:
    enforcer = Htable(TableSettings("k", "logban", kamailio.address, 0.2), AddressKeys(), CLOCK)
    enforcer.prepare()
    kamailio.send(signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match=r"has not answered within 0\.2 s: it is stopped"):
            enforcer.apply([ban("198.51.100.9")])
    finally:
        kamailio.send(signal.SIGCONT)
    enforcer.lift([ban("198.51.100.9")])  # it may have been set all the same
    assert enforcer.read() == {}
    enforcer.close()
    with pytest.raises(Missing, match="has not been looked for yet"):
        enforcer.check()


def test_a_restart_is_noticed(kamailio: Kamailio, make: Callable[..., Htable]) -> None:
    enforcer = make()
    enforcer.apply([ban("198.51.100.1")])
    kamailio.kill()
    with pytest.raises(Unavailable, match=r"nobody listens at .* left it behind"):
        enforcer.check()
    kamailio.start()
    with pytest.raises(Missing):
        enforcer.check()
    enforcer.prepare()
    assert enforcer.read() == {}


def test_kamailio_in_another_zone(script: str) -> None:
    before = os.environ.get("TZ")
    proxy = Kamailio.of(script)
    (proxy.directory / "logban.list").write_text("")
    os.environ["TZ"] = "Asia/Kathmandu"  # 5:45 h ahead
    try:
        proxy.start()
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
    try:
        enforcer = Htable(TableSettings("k", "logban", proxy.address, LIMIT), AddressKeys(), CLOCK)
        enforcer.prepare()
        wanted = ban("198.51.100.1", 5000)
        enforcer.apply([wanted])
        (end,) = enforcer.read().values()
        assert end is not None
        assert wanted.until is not None
        assert abs(end - wanted.until) < 3
        enforcer.close()
    finally:
        proxy.remove()


class Answers:
    """An RPC that answers from a script."""

    where = "nowhere"

    def __init__(self, **answers: object) -> None:
        self._answers = answers

    def call_many(self, asked: list[Call]) -> list[object]:
        return [self._answers[each.method.name] for each in asked]

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"HTABLE_SETXI": {}}, "which is not what it answers when it has done it"),
        ({"HTABLE_SETXI": "Done"}, "which is not what it answers"),
        ({"HTABLE_SETXI": "refused"}, "Kamailio has no htable 'logban' any more"),
        ({"HTABLE_GET": {}}, "which is not what it answers"),
        ({"HTABLE_GET": "absent"}, "is not there a moment later"),
        ({"HTABLE_SETEX": None}, "which is not what it answers"),
        ({"HTABLE_STATS": "x"}, "which is not what it answers"),
        ({"HTABLE_TABLES": "wrong"}, "which is not what it answers"),
        ({"HTABLE_DUMP": "wrong"}, "which is not what it answers"),
    ],
)
def test_answers_that_only_look_like_success(change: dict[str, object], said: str) -> None:
    def struct(**pairs: object) -> Struct:
        return Struct(tuple(pairs.items()))  # type: ignore[arg-type]  # values as they come

    setxi = Call(Method.HTABLE_SETXI, ("logban", "k", 1, 1))
    shapes: dict[tuple[str, object], object] = {
        ("HTABLE_SETXI", "refused"): Refused(setxi, 500, "Failed to set the item"),
        ("HTABLE_GET", "absent"): Refused(setxi, 500, "Key name doesn't exist in htable."),
        ("HTABLE_TABLES", "wrong"): [struct(name="logban", expire="600")],
        ("HTABLE_DUMP", "wrong"): [struct(slot=[struct(name=7, value=1)])],
    }
    change = {
        name: struct() if value == {} else shapes.get((name, str(value)), value)
        for name, value in change.items()
    }
    item = struct(name="x", value=1, expire="NEVER")
    answers: dict[str, object] = {
        "HTABLE_TABLES": [struct(name="logban", expire=600)],
        "HTABLE_STATS": [struct(name="logban", all=0)],
        "HTABLE_SETXI": "Ok. Key set to new value.",
        "HTABLE_SETEX": "Ok",
        "HTABLE_GET": struct(item=item),
        "HTABLE_DUMP": [],
    }
    client = Answers(**{**answers, **change})
    settings = TableSettings("k", "logban", RpcAddress(Way.DATAGRAM, "/x"), 1.0)
    enforcer = Htable(settings, AddressKeys(), CLOCK, lambda: client)  # type: ignore[arg-type,return-value]  # as much of one as is used
    with pytest.raises(ActionError, match=said):
        enforcer.prepare()


def test_a_jail_asks_for_it(kamailio: Kamailio, tmp_path: Path) -> None:
    written = {"table": "ipban", "socket": str(kamailio.socket), "timeout": "1s"}
    spec = catalogue.parse("k", "kamailio-htable", written)
    enforcer = catalogue.build(spec, CLOCK)
    assert isinstance(enforcer, Htable)
    enforcer.prepare()
    enforcer.close()
    default = catalogue.parse("k", "kamailio-htable", {})
    assert str(default.parameters["socket"]) == "/run/kamailio/kamailio_rpc.sock"
    assert catalogue.target_of(default) != catalogue.target_of(spec)
