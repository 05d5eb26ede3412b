# SPDX-License-Identifier: MIT
"""What others break is repaired; what jails of before have left is cleared away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, NEIGHBOUR, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]
OTHER = "203.0.113.50"
OTHERS = "192.0.2.99"
BAD6_64 = "2001:db8:66::"


def ban_three(server: RunningServer, log: LogFile) -> None:
    for address in (BAD, BAD6, OTHER):
        log.fail(address, 5)
    server.wait(lambda: [ban["in_force"] for ban in server.bans().values()] == [True] * 3)


@pytest.mark.parametrize(
    "breaks",
    [
        "flush ruleset",
        "delete table inet logban",
        "flush chain inet logban pbx-drop; delete set inet logban pbx-ipv4",
        "flush chain inet logban pbx-drop",
        "insert rule inet logban pbx-drop accept",
        "add table inet logban { flags dormant; }",
        f"flush set inet logban pbx-ipv4; delete element inet logban pbx-ipv6 {{ {BAD6_64} }}",
    ],
)
def test_what_others_do_to_nftables_is_repaired_at_once(
    breaks: str,
    network: Network,
    server: RunningServer,
    log: LogFile,
    jail: Jail,
    figures: list[str],
) -> None:
    jail(action="nftables")
    server.start()
    ban_three(server, log)
    network.host.run(["nft", breaks])
    begun = time.monotonic()
    for source in (BAD, BAD6):
        network.wait_until_dropped(source, 30)  # half of the seconds to the next comparison
    took = time.monotonic() - begun
    figures.append(f"all bans back after {breaks.partition(';')[0]!r}: {1000 * took:.0f} ms")
    if "dormant" not in breaks:  # the jail manual may have woken the table for both
        server.wait(lambda: "[pbx] nftables: repaired drift" in server.log)

    def is_well() -> bool:
        (action,) = server.jail("pbx")["actions"]  # type: ignore[misc]  # JSON
        return bool(action["state"] == "ok" and action["in_force"] == 3)  # type: ignore[index]  # JSON

    server.wait(is_well)


def test_bans_that_come_while_everything_is_flushed_again_and_again(
    network: Network, server: RunningServer, log: LogFile, jail: Jail, figures: list[str]
) -> None:
    """As by a firewall that is reloaded, or a script that never gets done."""
    jail(action="nftables")
    server.start()
    attackers = [f"203.0.113.{number}" for number in range(100, 160)]
    over = threading.Event()
    flushes: list[int] = []

    def flush() -> None:
        while not over.is_set():
            network.host.run(["nft", "flush ruleset"])
            flushes.append(1)

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        for address in attackers:
            log.fail(address, 5)
        server.wait(lambda: len(server.bans()) == len(attackers))
    finally:
        over.set()
        thread.join()
    server.wait(lambda: server.client("verify").code == 0)
    ruleset = network.host.run(["nft", "list table inet logban"])
    assert [address for address in attackers if address not in ruleset] == []
    figures.append(f"{len(attackers)} bans laid during {len(flushes)} flushes: all in force")


def test_verify_tells_and_repairs(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(action="iptables")
    server.start()
    ban_three(server, log)
    server.stop()
    network.host.run(["ipset", "add", "logban-pbx-4", OTHERS])
    server.start()
    server.wait(lambda: [each["in_force"] for each in server.bans().values()] == [True] * 3)
    done = server.client("verify", "--json")
    assert done.code == 0, "what is found at the start is left alone until the log has been read"
    server.wait(lambda: OTHERS not in network.host.run(["ipset", "list", "logban-pbx-4"]))
    assert done.json["actions"][0]["checked"] == 3  # type: ignore[index]  # JSON
    network.host.run(["ipset", "del", "logban-pbx-4", BAD])
    network.host.run(["ipset", "add", "logban-pbx-4", NEIGHBOUR])
    done = server.client("verify", "pbx")
    assert done.code == 7
    assert f"not in force: {BAD}" in done.out
    assert f"in force and not in the ledger: {NEIGHBOUR}" in done.out
    done = server.client("verify", "--fix")
    assert done.code == 0
    assert "2 repaired since the start" in done.out
    assert not network.arrives(BAD)
    assert network.arrives(NEIGHBOUR)


@pytest.mark.parametrize(
    "breaks",
    [
        ["iptables-legacy -t raw -F", "iptables-legacy -t raw -X", "ipset destroy logban-pbx-4"],
        ["iptables-legacy -t raw -D PREROUTING -j logban-pbx"],
        ["iptables-legacy -t raw -F logban-pbx"],
        ["ipset flush logban-pbx-4"],
    ],
)
def test_what_others_do_to_ipset_and_iptables_is_repaired_soon(
    breaks: list[str],
    network: Network,
    server: RunningServer,
    log: LogFile,
    jail: Jail,
    figures: list[str],
) -> None:
    jail(action="iptables")
    server.start()
    ban_three(server, log)
    for command in breaks:
        network.host.run(command.split())
    begun = time.monotonic()
    network.wait_until_dropped(BAD, 30)  # half of the seconds to the next comparison
    took = time.monotonic() - begun
    figures.append(f"all bans back after {breaks[0]!r}: {1000 * took:.0f} ms")
    server.wait(lambda: "[pbx] iptables: repaired drift" in server.log)
    assert not network.arrives(BAD6)


@pytest.mark.parametrize(
    ("action", "breaks"),
    [
        ("nftables", "nft flush ruleset"),
        ("iptables", "iptables-legacy -t raw -D PREROUTING -j logban-pbx"),
        ("iptables", "iptables-legacy -t raw -F logban-pbx"),
        ("iptables", f"ipset del logban-pbx-4 {BAD}"),
    ],
)
def test_a_start_repairs(
    action: str, breaks: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(action=action)
    server.start()
    ban_three(server, log)
    server.stop()
    network.host.run(breaks.split())
    assert network.arrives(BAD)
    server.start()
    network.wait_until_dropped(BAD)
    network.wait_until_dropped(BAD6)


def test_nobody_elses_rules_are_touched(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    theirs = "table inet admin { set people { type ipv4_addr; elements = { 192.0.2.1 } }; }\n"
    network.host.run(["nft", "-f", "-"], theirs)
    network.host.run(["ipset", "create", "people", "hash:ip"])
    network.host.run(["iptables-legacy", "-t", "raw", "-N", "people"])
    before = network.host.run(["nft", "list", "table", "inet", "admin"])
    jail(action="nftables\n  iptables")
    server.start()
    ban_three(server, log)
    assert server.client("unban", "--all").code == 0
    server.restart()
    assert network.host.run(["nft", "list", "table", "inet", "admin"]) == before
    assert "people" in network.host.run(["ipset", "list", "-name"]).split()
    assert "-N people" in network.host.run(["iptables-legacy", "-t", "raw", "-S"])


def test_what_a_jail_of_before_has_left_is_removed(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail("old", action="nftables\n  iptables[name=OLD]")
    jail("kept", maxretry="50", action="nftables[name=KEPT]\n  iptables")
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert not network.arrives(BAD)
    server.stop()
    server.write("jails.d/old.conf", "")
    server.write("jails.d/broken.conf", "[broken]\nenabled = perhaps\n")
    server.start()
    host = network.host
    # The broken one has never run, so nothing there can be its own.
    server.wait(lambda: server.log.count("removed what earlier jails have left in") == 2)
    ruleset = host.run(["nft", "list", "ruleset"])
    assert "old-" not in ruleset
    assert "KEPT-drop" in ruleset
    chains = host.run(["iptables-legacy", "-t", "raw", "-S"])
    sets = host.run(["ipset", "list", "-name"]).split()
    assert "logban-OLD" not in chains
    assert "logban-kept" in chains
    assert sorted(sets) == ["logban-kept-4", "logban-kept-6"]
    assert server.bans() == {}
    assert network.arrives(BAD)


@pytest.mark.parametrize("action", ["nftables[name=OTHER]", "iptables"])
def test_of_a_jail_that_cannot_run_bans_stay_and_can_be_lifted(
    action: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail("old", action=action)
    jail(action=action.replace("OTHER", "PBX"))
    server.start()
    for address in (BAD, NEIGHBOUR):
        log.fail(address, 5)
        server.ban_of(address)
    server.stop()
    server.write("jails.d/old.conf", "")
    jail(action=action.replace("OTHER", "PBX"), maxretry="many")
    server.start()
    server.wait(lambda: "removed what earlier jails have left in" in server.log)
    for address in (BAD, NEIGHBOUR):
        assert not network.arrives(address)
    lifted = server.client("unban", "--jail", "pbx", BAD)
    assert (lifted.code, lifted.err) == (0, "")
    assert network.arrives(BAD)
    assert not network.arrives(NEIGHBOUR)
    assert server.bans().keys() == {NEIGHBOUR}
    jail(action=action.replace("OTHER", "PBX"))
    server.restart()
    assert network.arrives(BAD)
    assert not network.arrives(NEIGHBOUR)
