# SPDX-License-Identifier: MIT
"""Whom Kamailio itself holds for a source of attacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from logban.actions.kamailio import calls
from logban.actions.kamailio.htable import Htable, TableSettings
from logban.actions.kamailio.keys import AddressKeys
from logban.actions.kamailio.pike import HotSource, hot_sources
from logban.actions.kamailio.rpc import Answer, Call, Method, Refused, Rpc, Struct, Value, call
from logban.actions.kamailio.transports import RpcAddress, Way
from logban.clock import SystemClock
from logban.errors import ActionError
from logban.model import Subject, SubjectKind
from logban.testing.kamailio import Kamailio
from logban.testing.waiting import wait


@pytest.fixture
def rpc(kamailio: Kamailio) -> Iterator[Rpc]:
    client = kamailio.rpc()
    yield client
    client.close()


def test_hot_addresses_and_those_in_the_stock_table(kamailio: Kamailio, rpc: Rpc) -> None:
    call(rpc, Method.HTABLE_SETXI, "ipban", "127.0.5.2", 1, 300)

    def found() -> list[HotSource]:
        kamailio.flood("127.0.5.1", 50)
        sources = hot_sources(rpc)
        return sources if any(each.where == "pike" for each in sources) else []

    sources = wait(found)
    states = {(each.address, each.where): each.state for each in sources}
    assert states["127.0.5.1", "pike"] == "HOT"
    assert states["127.0.5.2", "ipban"].startswith("until 20")
    settings = TableSettings("kamailio", "logban", kamailio.address, 2.0)
    enforcer = Htable(settings, AddressKeys(), SystemClock())
    enforcer.prepare()
    call(rpc, Method.HTABLE_SETXI, "logban", "127.0.5.2", 1, 300)
    enforcer.pardon([Subject(SubjectKind.IP, "127.0.5.2"), Subject(SubjectKind.USER, user="x")])
    enforcer.close()
    assert kamailio.probe("127.0.5.2") == 200
    assert "127.0.5.2" not in {each.address for each in hot_sources(rpc)}


class Answers:
    where = "nowhere"

    def __init__(self, pike: Answer, ipban: Answer, entries: int | None = 1) -> None:
        """Answer; ``entries`` None is a Kamailio without the table ipban."""
        table = Struct((("name", "ipban"), ("all", entries)))
        stats: Answer = [] if entries is None else [table]
        if isinstance(ipban, Refused) and ipban.text == "Method Not Found":
            stats = ipban
        self._answers = {
            Method.PIKE_TOP: pike,
            Method.HTABLE_DUMP: ipban,
            Method.HTABLE_STATS: stats,
        }

    def call_many(self, asked: Sequence[Call]) -> list[Answer]:
        return [self._answers[each.method] for each in asked]

    def close(self) -> None: ...


def refused(method: Method, text: str) -> Refused:
    return Refused(Call(method), 500, text)


def test_modules_that_are_not_loaded_hold_nobody() -> None:
    missing = refused(Method.PIKE_TOP, "Method Not Found")
    assert hot_sources(Answers(missing, missing)) == []
    assert hot_sources(Answers(missing, [], None)) == []
    with pytest.raises(ActionError, match="ipban has 501 entries"):
        hot_sources(Answers(missing, [], 501))
    row = Struct((("ip_addr", "192.0.2.1"), ("status", "WARM")))
    shapes: list[Value] = [[row], row, [row, "x"]]
    for rows in shapes:
        found = hot_sources(Answers(Struct((("list", rows),)), missing))
        assert found == [HotSource("192.0.2.1", "pike", "WARM")]
    nothings: list[Value] = [Struct(()), [], None, 7]
    for nothing in nothings:
        assert hot_sources(Answers(Struct((("list", nothing),)), missing)) == []


@pytest.mark.parametrize(
    ("pike", "ipban"),
    [
        (refused(Method.PIKE_TOP, "no"), []),
        ("text", []),
        (Struct(()), refused(Method.HTABLE_DUMP, "no")),
        (Struct(()), "text"),
    ],
)
def test_answers_that_are_none(pike: Answer, ipban: Answer) -> None:
    with pytest.raises(ActionError):
        hot_sources(Answers(pike, ipban))


def test_a_pardon_that_is_refused() -> None:
    class Refusing(Answers):
        def call_many(self, asked: Sequence[Call]) -> list[Answer]:
            return [Refused(each, 500, "no") for each in asked]

    settings = TableSettings("k", "logban", RpcAddress(Way.DATAGRAM, "/x"), 1.0)
    enforcer = Htable(settings, AddressKeys(), SystemClock())
    enforcer._kamailio.connect = lambda: Refusing(None, None)
    enforcer._kamailio.open()
    with pytest.raises(ActionError, match=r"refused htable\.delete"):
        enforcer.pardon([Subject(SubjectKind.IP, "192.0.2.1")])
    assert calls.texts(None) == []
