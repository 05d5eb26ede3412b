# SPDX-License-Identifier: MIT
"""User agents, domains and countries on secfilter's blacklist, in a real Kamailio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from logban.actions import catalogue
from logban.actions.kamailio.binrpc import Control
from logban.actions.kamailio.blacklist import Blacklist
from logban.actions.kamailio.lists import Color, Entry, Kind
from logban.actions.kamailio.printing import print_lists
from logban.actions.kamailio.rpc import Method, Rpc, call
from logban.actions.kamailio.traits import Traits
from logban.actions.protocols import Missing
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.testing import FakeClock
from logban.testing.kamailio import Kamailio


class Said:
    """What the log says of some addresses."""

    def __init__(self, name: str = "agent", **said: str) -> None:
        self.name = name
        self.said = said

    def captures(self, name: str) -> bool:
        return name == self.name

    def fields(self, ban: Ban) -> Mapping[str, str]:
        text = self.said.get("a" + ban.subject.network.rpartition(".")[2])
        return {} if text is None else {self.name: text}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rpc(kamailio: Kamailio) -> Iterator[Rpc]:
    client = kamailio.rpc()
    yield client
    call(client, Method.SECFILTER_RELOAD)
    client.close()


@pytest.fixture
def blacklist(kamailio: Kamailio, rpc: Rpc, clock: FakeClock) -> Blacklist:
    return Blacklist(clock, lambda: rpc, lambda: Control(str(kamailio.control)))


def ban(last: int, seconds: float | None = 600, now: float = FakeClock().now()) -> Ban:
    subject = Subject(SubjectKind.IP, f"198.51.100.{last}")
    return Ban("k", subject, now, None if seconds is None else now + seconds)


def made(kind: Kind, blacklist: Blacklist, clock: FakeClock, said: Said) -> Traits:
    enforcer = Traits("k", kind, blacklist, clock)
    enforcer.inquire_of(said)
    enforcer.prepare()
    return enforcer


def printed(kamailio: Kamailio, rpc: Rpc, kind: Kind) -> list[str]:
    found = print_lists(rpc, lambda: Control(str(kamailio.control)), [kind])
    return sorted(each.value for each in found if each.color is Color.BLACK)


def test_a_user_agent_is_off_while_one_of_its_bans_lasts(
    kamailio: Kamailio, rpc: Rpc, blacklist: Blacklist, clock: FakeClock
) -> None:
    said = Said(a1="dialer 1.0", a2="dialer 1.0", a3="scanner x", a4="scanner y")
    enforcer = made(Kind.UA, blacklist, clock, said)
    bans = [ban(1), ban(2), ban(3, 60), ban(4, -1)]
    enforcer.apply(bans)
    assert printed(kamailio, rpc, Kind.UA) == ["dialer 1.0", "scanner x"]
    assert kamailio.probe("127.0.8.1", agent="dialer 1.0.7") == 403
    assert kamailio.probe("127.0.8.1", agent="telephone") == 200
    assert enforcer.read() == {each.subject: each.until for each in bans[:3]}
    enforcer.lift([ban(1)])
    assert kamailio.probe("127.0.8.1", agent="dialer 1.0") == 403
    enforcer.lift([ban(2)])
    assert kamailio.probe("127.0.8.1", agent="dialer 1.0") == 200
    clock.advance(100)
    assert enforcer.read() == {}
    enforcer.check()
    assert printed(kamailio, rpc, Kind.UA) == []
    enforcer.close()


def test_what_is_not_put_on_the_list(
    kamailio: Kamailio, rpc: Rpc, blacklist: Blacklist, clock: FakeClock
) -> None:
    blacklist.prepare("lists")
    blacklist.put("lists", [Entry.parse(Kind.UA, "Yealink SIP-T", Color.WHITE)])
    said = Said(a2="", a3="abc", a4="Yea", a5="Yealink SIP-T46", a6="yealink", a7="x\udc80yz")
    enforcer = made(Kind.UA, blacklist, clock, said)
    assert enforcer.notice == ""
    for last, why in (
        (1, "is known by no user agent"),
        (2, "is known by no user agent"),
        (3, "calls itself 'abc', as too many others begin"),
        (4, "calls itself 'Yea', as too many others begin"),
        (5, "calls itself 'Yealink SIP-T46', which the white list knows (Yealink SIP-T)"),
        (6, "calls itself 'yealink', which the white list knows (Yealink SIP-T)"),
        (7, "is known by what can't be an entry"),
    ):
        enforcer.apply([ban(last)])
        assert f"1 bans put no user agent on the list: 198.51.100.{last} {why}" in enforcer.notice
        assert enforcer.read() == {ban(last).subject: ban(last).until}
        enforcer.lift([ban(last)])
        assert enforcer.notice == ""
    assert printed(kamailio, rpc, Kind.UA) == []
    enforcer.close()


@pytest.mark.parametrize(
    ("kind", "text", "entry"),
    [(Kind.COUNTRY, "xk", "XK"), (Kind.DOMAIN, "evil.example", "evil.example")],
)
def test_domains_and_countries(
    kamailio: Kamailio,
    rpc: Rpc,
    blacklist: Blacklist,
    clock: FakeClock,
    kind: Kind,
    text: str,
    entry: str,
) -> None:
    enforcer = made(kind, blacklist, clock, Said(kind.value, a1=text))
    enforcer.apply([ban(1)])
    assert printed(kamailio, rpc, kind) == [entry]
    enforcer.lift([ban(1)])
    enforcer.close()


def test_what_an_earlier_run_has_left(
    kamailio: Kamailio, rpc: Rpc, blacklist: Blacklist, clock: FakeClock
) -> None:
    for agent in ("dialer", "scanner", "theirs"):
        call(rpc, Method.SECFILTER_ADD_BL, "ua", agent)
    enforcer = Traits("k", Kind.UA, blacklist, clock)
    enforcer.recall([ban(1), ban(2)])
    enforcer.inquire_of(Said(a1="dialer", a2="scanner", a3="scanner"))
    enforcer.prepare()
    enforcer.apply([ban(3)])
    enforcer.check()
    assert printed(kamailio, rpc, Kind.UA) == ["scanner", "theirs"]
    enforcer.close()
    blacklist._since = ""
    enforcer._blacklist.prepare("x")
    with pytest.raises(Missing, match="Kamailio was restarted"):
        enforcer.check()


def test_a_filter_that_captures_nothing_of_the_kind(blacklist: Blacklist, clock: FakeClock) -> None:
    enforcer = Traits("k", Kind.DOMAIN, blacklist, clock)
    with pytest.raises(ActionError, match="captures no domain, so there is none to ban: write <F"):
        enforcer.prepare()
    enforcer.inquire_of(Said("agent"))
    with pytest.raises(ActionError, match="captures no domain"):
        enforcer.prepare()


def test_a_jail_asks_for_it() -> None:
    spec = catalogue.parse("k", "kamailio-secfilter", {"type": "ua"})
    assert isinstance(catalogue.build(spec, FakeClock()), Traits)
