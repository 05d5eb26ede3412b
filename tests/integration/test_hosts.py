# SPDX-License-Identifier: MIT
"""Hosts that lines name, looked up at a real name server by the system's own resolver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, NEIGHBOUR, Network
from logban.testing.running import RunningServer
from tests.integration.dns_server import NameServer, serve

Jail = Callable[..., None]
FILTER = "[Definition]\nfailregex = failed for '<HOST>:\\d+' - Wrong password$\n"


@pytest.fixture
def names(network: Network, etc: Path) -> Iterator[NameServer]:
    """Run a name server on the host, and let the host ask it."""
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\nsearch example.com\n")
    known = {
        "bad.example.net": [BAD, BAD6],
        "evil.example.net": [NEIGHBOUR, "203.0.113.99"],
        "mail.example.com": [NEIGHBOUR],
    }
    with serve(network.host.udp("127.0.0.1", 53), known) as server:
        yield server


def test_hosts_are_looked_up_and_what_they_point_at_is_banned_unless_it_is_exempt(
    names: NameServer, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    server.write("filters.d/named.conf", FILTER)
    jail(filter="named", usedns="warn", maxretry="2", ignoreip=NEIGHBOUR)
    server.start()
    log.fail("gone.example.net", 2)
    log.fail("mail", 2)  # no search list makes this one's own server
    log.fail("evil.example.net", 2)
    log.fail("bad.example.net", 2)
    # Nobody knows who is answered first.
    server.wait(lambda: len(server.bans()) >= 3)
    for subject in (BAD, "203.0.113.99", "2001:db8:66::/64"):
        server.ban_of(subject)
    server.wait(lambda: len(set(names.asked)) >= 3)
    assert len(server.bans()) == 3
    assert not network.arrives(BAD)
    assert not network.arrives(BAD6)
    assert network.arrives(NEIGHBOUR)
    assert set(names.asked) == {"gone.example.net", "evil.example.net", "bad.example.net"}
    assert "a line names bad.example.net, looked up as" in server.log


def test_without_an_answer_nothing_stalls(
    names: NameServer, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    names.silent = True
    server.write("filters.d/named.conf", FILTER)
    jail(filter="named", usedns="yes", maxretry="2")
    server.start()
    for number in range(100):
        log.fail(f"{number}.example.net", 2)
    log.fail(BAD, 2)
    server.ban_of(BAD)
    assert names.asked
    assert server.ask("ping")["ok"]
    assert server.stop() == 0  # and nobody waits for the resolver at the end
    server.start()


def test_exempt_names_without_an_answer_hold_up_neither_start_nor_end(
    names: NameServer, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    """Each takes the system's resolver ten seconds, and there are more of them than threads."""
    names.silent = True
    jail(maxretry="2", ignoreip=" ".join(f"{number}.example.org" for number in range(40)))
    server.start()
    log.fail(BAD, 2)
    server.ban_of(BAD)
    assert names.asked
    assert server.stop() == 0
    server.start()
