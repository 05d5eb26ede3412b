# SPDX-License-Identifier: MIT
"""Bans as attackers feel them: real lines, the real kernel, real packets."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from logban.testing.kernel_sets import ends_with_ban
from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, FAR6, NEIGHBOUR, NEIGHBOUR6, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]
NET6 = "2001:db8:66::/64"


@pytest.mark.parametrize("action", ["nftables", "nftables[library=no]", "iptables"])
def test_a_ban_begins_with_the_fifth_failure_and_ends_in_time(
    action: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(action=action)
    server.start()
    assert network.arrives(BAD)
    log.fail(BAD, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    assert server.bans() == {}
    assert network.arrives(BAD)
    log.fail(BAD)
    ban = server.ban_of(BAD)
    assert not network.arrives(BAD)
    assert not network.connects(BAD)
    assert network.arrives(NEIGHBOUR)
    assert ban["failures"] == 5
    assert ban["rule"] == "sip-register"
    assert ends_with_ban(network.host, BAD, float(str(ban["until"])))
    server.ban_briefly(NEIGHBOUR, "pbx", lambda: not network.arrives(NEIGHBOUR))
    network.wait_until_arrives(NEIGHBOUR)
    server.wait(lambda: server.bans().keys() == {BAD})
    assert network.connects(NEIGHBOUR)
    log.fail(NEIGHBOUR, 5)
    server.ban_of(NEIGHBOUR)
    assert not network.arrives(NEIGHBOUR)


@pytest.mark.parametrize("action", ["nftables", "iptables"])
def test_who_goes_on_stays_banned(
    action: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(action=action)
    server.start()
    now = time.time()
    log.fail(BAD, 5, when=now - 20)
    first = server.ban_of(BAD)
    log.fail(BAD, 5, when=now)
    ban = server.wait(lambda: (ban := server.bans()[BAD])["failures"] == 10 and ban)
    until = float(str(ban["until"]))
    assert until == pytest.approx(float(str(first["until"])) + 20)
    server.wait(lambda: ends_with_ban(network.host, BAD, until))
    assert not network.arrives(BAD)


def test_ipv6_is_counted_and_banned_by_its_network(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    for last in range(5):
        log.fail(f"2001:db8:66::{last:x}:1")
    server.ban_of(NET6)
    assert not network.arrives(BAD6)
    assert not network.arrives(NEIGHBOUR6)
    assert network.arrives(FAR6)
    assert network.arrives(BAD)
    assert server.client("banned", BAD6).code == 0
    assert server.client("banned", FAR6).code == 1
