# SPDX-License-Identifier: MIT
"""Bans and lists of secfilter, in a real Kamailio and in one that can delete entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.kamailio.binrpc import Control
from logban.actions.kamailio.blacklist import Blacklist
from logban.actions.kamailio.listing import Listing
from logban.actions.kamailio.lists import Color, Entry, Kind
from logban.actions.kamailio.printing import print_lists, read_print
from logban.actions.kamailio.rpc import (
    Answer,
    Call,
    Method,
    Refused,
    Rpc,
    Struct,
    Unavailable,
    call,
)
from logban.actions.kamailio.secfilter import Secfilter
from logban.actions.protocols import Missing
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.testing import FakeClock
from logban.testing.kamailio import Kamailio


def ip(address: str) -> Subject:
    return Subject(SubjectKind.IP, address)


def ban(address: str, seconds: float | None = 600, now: float = FakeClock().now()) -> Ban:
    return Ban("kamailio", ip(address), now, None if seconds is None else now + seconds)


class Watching:
    """A client that counts what is called."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self.where = rpc.where
        self.calls: list[Call] = []
        self.answers: dict[Method, Answer] = {}

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        self.calls += calls
        if calls and calls[0].method in self.answers:
            return [self.answers[each.method] for each in calls]
        return self._rpc.call_many(calls)

    def close(self) -> None:
        self._rpc.close()

    def count(self, method: Method) -> int:
        return sum(each.method is method for each in self.calls)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rpc(kamailio: Kamailio) -> Iterator[Watching]:
    client = Watching(kamailio.rpc())
    yield client
    call(client, Method.SECFILTER_RELOAD)
    client.close()


@pytest.fixture
def blacklist(kamailio: Kamailio, rpc: Watching, clock: FakeClock) -> Blacklist:
    return Blacklist(clock, lambda: rpc, lambda: Control(str(kamailio.control)))


@pytest.fixture
def enforcer(blacklist: Blacklist, clock: FakeClock) -> Secfilter:
    made = Secfilter("kamailio", Kind.IP, blacklist, clock)
    made.prepare()
    return made


def printed(kamailio: Kamailio, *kinds: Kind) -> list[str]:
    client = kamailio.rpc()
    found = print_lists(client, lambda: Control(str(kamailio.control)), kinds)
    client.close()
    return sorted(map(str, found))


def test_a_ban_is_in_force_until_it_is_lifted(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, clock: FakeClock
) -> None:
    enforcer.apply([ban("127.0.3.41"), ban("127.0.3.5"), ban("127.0.3.6", -1)])
    assert kamailio.probe("127.0.3.41") == 403
    assert kamailio.probe("127.0.3.5") == 403
    assert kamailio.probe("127.0.3.50") == 403  # it compares beginnings
    assert "127.0.3.5 hits 127.0.3.50 ... 127.0.3.59 (10 in all)" in enforcer.notice
    assert enforcer.read() == {
        each.subject: each.until for each in (ban("127.0.3.41"), ban("127.0.3.5"))
    }
    enforcer.apply([ban("127.0.3.41", 900)])
    assert printed(kamailio, Kind.IP) == ["black ip 127.0.3.41", "black ip 127.0.3.5"]
    enforcer.lift([ban("127.0.3.5")])
    assert kamailio.probe("127.0.3.5") == 200
    assert kamailio.probe("127.0.3.41") == 403
    assert enforcer.notice == ""
    assert rpc.count(Method.SECFILTER_RELOAD) == 1


def test_reloads_are_at_least_ten_seconds_apart(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, clock: FakeClock
) -> None:
    bans = [ban(f"127.0.3.{number}") for number in range(100, 160)]
    enforcer.apply(bans)
    for second in range(60):
        enforcer.lift([bans[second]])
        enforcer.check()
        clock.advance(1)
    reloads = rpc.count(Method.SECFILTER_RELOAD)
    assert 2 <= reloads <= 6
    clock.advance(10)
    enforcer.check()
    assert enforcer.read() == {}
    assert printed(kamailio, Kind.IP) == []
    enforcer.check()
    assert rpc.count(Method.SECFILTER_RELOAD) == reloads + 1


def test_what_is_to_go_is_not_read_and_can_come_back(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, clock: FakeClock
) -> None:
    enforcer.apply([ban("127.0.3.71"), ban("127.0.3.72"), ban("127.0.3.73")])
    enforcer.lift([ban("127.0.3.71")])
    enforcer.lift([ban("127.0.3.72"), ban("127.0.3.73")])
    assert enforcer.read() == {}
    enforcer.apply([ban("127.0.3.73")])
    clock.advance(11)
    enforcer.check()
    assert printed(kamailio, Kind.IP) == ["black ip 127.0.3.73"]


def test_entries_of_others_outlive_the_reload(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    call(rpc, Method.SECFILTER_ADD_BL, "ua", "sipcli")
    call(rpc, Method.SECFILTER_ADD_WL, "ip", "127.0.3.9")
    call(rpc, Method.SECFILTER_ADD_DST, 88213)
    call(rpc, Method.SECFILTER_ADD_DST, "88213")  # stored as 0
    enforcer.apply([ban("127.0.3.81")])
    enforcer.lift([ban("127.0.3.81")])
    assert printed(kamailio, *Kind) == ["black dst 88213", "black ua sipcli", "white ip 127.0.3.9"]
    assert "black dst 0, is lost by its reload" in caplog.text


def test_without_ctl_bans_work_and_are_not_doubled(
    kamailio: Kamailio, rpc: Watching, clock: FakeClock, tmp_path: Path
) -> None:
    blacklist = Blacklist(clock, lambda: rpc, lambda: Control(str(tmp_path / "none")))
    enforcer = Secfilter("kamailio", Kind.IP, blacklist, clock)
    enforcer.prepare()
    enforcer.apply([ban("127.0.3.91"), ban("127.0.3.92")])
    assert enforcer.read() is None
    enforcer.apply([ban("127.0.3.91"), ban("127.0.3.92")])
    assert printed(kamailio, Kind.IP) == ["black ip 127.0.3.91", "black ip 127.0.3.92"]
    enforcer.lift([ban("127.0.3.91")])
    assert printed(kamailio, Kind.IP) == ["black ip 127.0.3.92"]


def test_what_ended_without_being_lifted_is_taken_out(
    kamailio: Kamailio, enforcer: Secfilter, clock: FakeClock
) -> None:
    enforcer.apply([ban("127.0.3.33", 60), ban("127.0.3.34", 600)])
    clock.advance(100)
    assert enforcer.read() == {ip("127.0.3.34"): ban("127.0.3.34").until}
    assert printed(kamailio, Kind.IP) == ["black ip 127.0.3.34"]


def test_bans_of_an_earlier_run_are_not_doubled(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, clock: FakeClock
) -> None:
    enforcer.apply([ban("127.0.3.93")])
    again = Blacklist(clock, lambda: rpc, lambda: Control(str(kamailio.control)))
    later = Secfilter("kamailio", Kind.IP, again, clock)
    later.prepare()
    later.apply([ban("127.0.3.93"), ban("127.0.3.94")])
    assert len(printed(kamailio, Kind.IP)) == 2
    lines = call(Control(str(kamailio.control)), Method.SECFILTER_PRINT, "ip")
    assert repr(lines).count("127.0.3.93") == 1


def test_what_an_earlier_run_has_left_is_taken_out_where_its_ban_has_ended(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, clock: FakeClock
) -> None:
    enforcer.apply([ban("127.0.3.93"), ban("127.0.3.95"), ban("127.0.3.96")])
    call(rpc, Method.SECFILTER_ADD_BL, "ip", "127.0.3.98")
    again = Blacklist(clock, lambda: rpc, lambda: Control(str(kamailio.control)))
    later = Secfilter("kamailio", Kind.IP, again, clock)
    other = Secfilter("other", Kind.IP, again, clock)
    later.recall([ban(f"127.0.3.{number}") for number in (93, 94, 95, 96)])
    later.prepare()
    other.prepare()
    later.apply([ban("127.0.3.95")])
    other.apply([ban("127.0.3.96")])
    later.check()
    assert printed(kamailio, Kind.IP) == [f"black ip 127.0.3.{number}" for number in (95, 96, 98)]
    later.check()
    assert rpc.count(Method.SECFILTER_RELOAD) == 1


def test_a_ban_that_would_hit_an_exempt_one_is_refused(enforcer: Secfilter) -> None:
    enforcer.exempt_by(lambda who: "198.51.100.40" if who == ip("198.51.100.40") else "")
    assert enforcer.takes(ip("198.51.100.40"))  # whether it is exempt itself is the ledger's
    assert not enforcer.takes(ip("198.51.100.4"))
    assert enforcer.takes(ip("198.51.100.5"))
    assert (
        "198.51.100.4 would hit 198.51.100.40 as well, which is exempt (198.51.100.40)"
        in enforcer.notice
    )
    assert enforcer.notice.endswith("kamailio-htable bans exactly whom it is to")
    enforcer.exempt_by(lambda _: "")
    assert enforcer.takes(ip("198.51.100.4"))
    assert enforcer.notice == ""
    assert not enforcer.takes(Subject(SubjectKind.NET, "2001:db8::/64"))
    assert "2001:db8::/64 is a network" in enforcer.notice
    assert not enforcer.takes(Subject(SubjectKind.USER, user="6003"))


def test_remarks_are_bounded(enforcer: Secfilter) -> None:
    enforcer.exempt_by(lambda _: "everybody")
    for number in range(150):
        enforcer.takes(ip(f"198.51.{number}.4"))
    assert enforcer.notice.startswith("100 bans can't be kept by secfilter: 198.51.149.4 would")


def test_users_are_banned(kamailio: Kamailio, blacklist: Blacklist, clock: FakeClock) -> None:
    enforcer = Secfilter("kamailio", Kind.USER, blacklist, clock)
    enforcer.prepare()
    user = Subject(SubjectKind.USER, user="6003")
    assert enforcer.takes(user)
    assert not enforcer.takes(ip("127.0.3.1"))
    assert not enforcer.takes(Subject(SubjectKind.USER, user="a\nb"))
    assert not enforcer.takes(Subject(SubjectKind.USER_IP, "192.0.2.1", "6003"))
    assert "6003@192.0.2.1 is a user at one address" in enforcer.notice
    enforcer.apply([Ban("kamailio", user, clock.now(), None)])
    assert kamailio.probe("127.0.3.20", user="6003") == 403
    assert kamailio.probe("127.0.3.20", user="7003") == 200
    assert enforcer.read() == {user: None}
    enforcer.lift([Ban("kamailio", user, clock.now(), None)])
    assert kamailio.probe("127.0.3.20", user="6003") == 200


def test_lists_are_pushed_and_kept_true(
    kamailio: Kamailio, blacklist: Blacklist, rpc: Watching, clock: FakeClock
) -> None:
    entries = [
        Entry.parse(Kind.UA, "friendly-scanner"),
        Entry.parse(Kind.IP, "127.0.3.30", Color.WHITE),
    ]
    listing = Listing("manual", entries, blacklist, clock)
    listing.prepare()
    assert not listing.takes(ip("127.0.3.30"))
    listing.apply([])
    listing.lift([])
    assert listing.read() == {}
    assert kamailio.probe("127.0.3.31", agent="friendly-scanner 1.0") == 403
    assert kamailio.probe("127.0.3.31", agent="telephone") == 200
    call(rpc, Method.SECFILTER_RELOAD)  # somebody empties the lists
    assert kamailio.probe("127.0.3.31", agent="friendly-scanner 1.0") == 200
    listing.check()
    clock.advance(31)
    listing.check()
    assert kamailio.probe("127.0.3.31", agent="friendly-scanner 1.0") == 403
    # A changed list: another object takes the same owner's entries over.
    changed = Listing("manual", entries[1:], blacklist, clock)
    changed.prepare()
    clock.advance(11)
    changed.check()
    assert printed(kamailio, *Kind) == ["white ip 127.0.3.30"]
    listing.close()
    changed.close()


def test_a_restart_is_noticed_by_all(
    kamailio: Kamailio, enforcer: Secfilter, blacklist: Blacklist, clock: FakeClock
) -> None:
    listing = Listing("manual", [Entry.parse(Kind.UA, "sipcli")], blacklist, clock)
    listing.prepare()
    enforcer.apply([ban("127.0.3.95")])
    since = blacklist._since
    while blacklist._since == since:  # what tells two starts apart has seconds for its finest
        kamailio.kill()
        with pytest.raises(Unavailable, match="nobody listens"):
            enforcer.check()
        kamailio.start()
        try:
            enforcer.check()
        except Missing:
            break
    with pytest.raises(Missing, match="Kamailio was restarted"):
        listing.check()
    listing.prepare()
    enforcer.prepare()
    assert enforcer.read() == {}
    enforcer.apply([ban("127.0.3.95")])
    assert printed(kamailio, *Kind) == ["black ip 127.0.3.95", "black ua sipcli"]


class Newer:
    """A Kamailio of 6.1: its secfilter deletes by beginnings, and prints by JSON-RPC."""

    where = "newer"

    def __init__(self) -> None:
        self.entries: list[tuple[Color, Kind, str]] = []
        self.reloads = 0
        self.answers: dict[Method, Answer] = {}

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        return [self.answers.get(each.method) or self._call(each) for each in calls]

    def close(self) -> None: ...

    def _call(self, asked: Call) -> Answer:
        match asked.method:
            case Method.METHODS:
                return [Method.SECFILTER_ADD_BL.value, Method.SECFILTER_DEL_BL.value]
            case Method.UPTIME:
                return Struct((("up_since", "Fri Nov 20"),))
            case Method.SECFILTER_ADD_BL:
                kind, value = asked.parameters
                self.entries.append((Color.BLACK, Kind(str(kind)), str(value)))
                return f"Values ({kind}, {value}) inserted into blacklist"
            case Method.SECFILTER_DEL_BL:
                kind, value = asked.parameters
                self.entries = [
                    each
                    for each in self.entries
                    if each[1] != kind or not each[2].startswith(str(value))
                ]
                return f"Values ({kind}, {value}) deleted from blacklist"
            case Method.SECFILTER_PRINT:
                lines = [each[2] for each in self.entries if each[1] == asked.parameters[0]]
                texts = ["[+] Blacklisted", *(f"    0001 -> {each}" for each in lines)]
                return Struct(tuple(("Value", each) for each in texts))
        raise AssertionError(asked)


@pytest.fixture
def newer(clock: FakeClock) -> tuple[Newer, Secfilter]:
    server = Newer()
    blacklist = Blacklist(clock, lambda: server, lambda: Control("/nowhere"))
    enforcer = Secfilter("kamailio", Kind.IP, blacklist, clock)
    enforcer.prepare()
    return server, enforcer


def test_siblings_come_back_after_a_deletion(newer: tuple[Newer, Secfilter]) -> None:
    server, enforcer = newer
    server.entries.append((Color.BLACK, Kind.IP, "203.0.113.49"))  # an admin's
    enforcer.apply([ban("203.0.113.4"), ban("203.0.113.40"), ban("203.0.113.5")])
    enforcer.lift([ban("203.0.113.4")])
    assert sorted(each[2] for each in server.entries) == [
        "203.0.113.40",
        "203.0.113.49",
        "203.0.113.5",
    ]
    found = enforcer.read()
    assert found is not None
    assert found.keys() == {ip("203.0.113.40"), ip("203.0.113.5")}
    enforcer.lift([ban("203.0.113.99")])
    enforcer.close()


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        (Method.SECFILTER_DEL_BL, Struct(()), "which is not what it answers"),
        (Method.SECFILTER_DEL_BL, "refused", "Kamailio refused"),
        (Method.UPTIME, Struct(()), "which is not what it answers"),
    ],
)
def test_answers_that_only_look_like_success(
    newer: tuple[Newer, Secfilter], method: Method, answer: Answer, said: str
) -> None:
    server, enforcer = newer
    enforcer.apply([ban("203.0.113.4")])
    refused = Refused(Call(method), 500, "no")
    server.answers[method] = refused if answer == "refused" else answer

    def lift() -> None:
        enforcer.lift([ban("203.0.113.4")])
        enforcer.check()

    with pytest.raises(ActionError, match=said):
        lift()


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        (Method.SECFILTER_RELOAD, Struct(()), "which is not what it answers"),
        (Method.SECFILTER_RELOAD, "x", "Kamailio refused secfilter.reload: x"),
        (Method.SECFILTER_ADD_BL, Struct(()), "which is not what it answers"),
        (Method.SECFILTER_ADD_BL, "x", "Kamailio refused secfilter.add_bl"),
        (Method.METHODS, [], "has not loaded its module secfilter"),
        (Method.METHODS, Struct(()), "which is not what it answers"),
    ],
)
def test_faults_of_the_older_one(
    enforcer: Secfilter, rpc: Watching, method: Method, answer: Answer, said: str
) -> None:
    enforcer.apply([ban("127.0.3.96")])
    rpc.answers[method] = Refused(Call(method), 500, "x") if answer == "x" else answer

    def work() -> None:
        enforcer.lift([ban("127.0.3.96")])
        enforcer.apply([ban("127.0.3.97")])
        enforcer.prepare()

    with pytest.raises(ActionError, match=said):
        work()
    rpc.answers.clear()


def test_a_rebuild_that_failed_half_way_is_done_again(
    kamailio: Kamailio, enforcer: Secfilter, rpc: Watching, clock: FakeClock
) -> None:
    call(rpc, Method.SECFILTER_ADD_BL, "ua", "theirs")
    enforcer.apply([ban("127.0.3.98"), ban("127.0.3.99")])
    rpc.answers[Method.SECFILTER_ADD_BL] = Refused(Call(Method.SECFILTER_ADD_BL), 500, "full")
    with pytest.raises(ActionError, match="full"):
        enforcer.lift([ban("127.0.3.98")])
    assert printed(kamailio, *Kind) == []
    rpc.answers.clear()
    clock.advance(11)
    rpc.answers[Method.SECFILTER_RELOAD] = Refused(
        Call(Method.SECFILTER_RELOAD), 500, "ongoing reload"
    )
    enforcer.check()
    rpc.answers.clear()
    clock.advance(11)
    enforcer.check()
    assert printed(kamailio, *Kind) == ["black ip 127.0.3.99", "black ua theirs"]


def test_what_is_printed_for_people_is_read() -> None:
    lines = [
        "",
        "User-agent",
        "[+] Blacklisted",
        "    0001 -> a -> b",
        "    0002 -> ",
        "[+] Whitelisted",
        "    12345 -> c",
    ]
    assert read_print(lines, Kind.UA) == {
        Entry(Color.BLACK, Kind.UA, "a -> b"),
        Entry(Color.WHITE, Kind.UA, "c"),
    }


def test_before_it_is_prepared(clock: FakeClock) -> None:
    blacklist = Blacklist(clock, Newer, lambda: Control("/nowhere"))
    with pytest.raises(Missing, match="has not been looked for yet"):
        blacklist.check("x")


def test_jails_share_one_blacklist(kamailio: Kamailio, tmp_path: Path) -> None:
    (tmp_path / "x.list").write_text("black ua sipcli\n")
    where = {"socket": str(kamailio.socket), "ctl": str(kamailio.control)}
    one = catalogue.build(catalogue.parse("a", "kamailio-secfilter", where), FakeClock())
    two = catalogue.build(
        catalogue.parse("b", "kamailio-secfilter", {**where, "type": "user"}), FakeClock()
    )
    lists = {**where, "lists": str(tmp_path)}
    three = catalogue.build(catalogue.parse("c", "kamailio-lists", lists), FakeClock())
    assert isinstance(one, Secfilter)
    assert isinstance(two, Secfilter)
    assert isinstance(three, Listing)
    assert one._blacklist is two._blacklist is three._blacklist
    one.prepare()
    two.prepare()
    one.close()
    two.close()


def test_what_a_jail_can_not_ask_for() -> None:
    with pytest.raises(ValueError, match="type"):
        catalogue.parse("k", "kamailio-secfilter", {"type": "dst"})
