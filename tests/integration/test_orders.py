# SPDX-License-Identifier: MIT
"""What an admin orders: bans, their end, exemptions, and the answers that scripts get."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, FAR_HOST, HOST, HOST6, NEIGHBOUR, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]
OFFICE = "203.0.113.80"


@pytest.fixture
def hosts(etc: Path) -> Path:
    """Give the file of names that the host resolves by."""
    path = etc / "hosts"
    path.write_text("127.0.0.1 localhost\n")
    return path


def test_who_is_unbanned_is_not_banned_again_by_old_lines(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    log.fail(BAD, 5)
    ban = server.ban_of(BAD)
    old = float(str(ban["time"])) - 0.5
    assert server.client("unban", BAD).code == 0
    assert network.arrives(BAD)
    log.fail(BAD, 9, when=old)
    server.wait(lambda: server.jail("pbx")["failures_total"] == 14)
    assert network.arrives(BAD)
    told = server.client("why", BAD, "--json")
    assert told.code == 1
    assert float(str(told.json["floor"])) > old
    assert told.json["history"][0]["ended_by"] == "hand"  # type: ignore[index]  # JSON
    server.restart()
    log.fail(BAD, 9, when=old)
    server.wait(lambda: server.jail("pbx")["failures_total"] == 9)
    assert server.bans() == {}
    assert network.arrives(BAD)
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert not network.arrives(BAD)


def test_failures_before_an_unban_are_forgiven(
    server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    log.fail(BAD, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    assert server.client("unban", BAD).code == 1
    assert server.jail("pbx")["failures"] == 0
    log.fail(BAD, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    assert server.bans() == {}


def test_bans_by_hand(network: Network, server: RunningServer, jail: Jail) -> None:
    jail()
    server.start()
    assert server.client("ban", BAD, "--for", "1h", "--reason", "port scan").code == 0
    assert server.client("ban", "2001:db8:66::7", "--for", "forever").code == 0
    assert server.client("ban", "198.51.100.8/31", "--jail", "pbx").code == 0
    for source in (BAD, BAD6, NEIGHBOUR):
        assert not network.arrives(source)
    bans = server.bans()
    assert {name: ban["jail"] for name, ban in bans.items()} == {
        BAD: "manual",
        "2001:db8:66::/64": "manual",
        "198.51.100.8/31": "pbx",
    }
    assert bans[BAD]["reason"] == "port scan"
    assert bans["2001:db8:66::/64"]["until"] is None
    server.restart()
    server.wait(lambda: all(ban["in_force"] for ban in server.bans().values()))
    assert server.client("banned", BAD, NEIGHBOUR).code == 0
    assert server.client("unban", NEIGHBOUR).code == 0
    assert network.arrives(NEIGHBOUR)
    lifted = server.client("unban", "--all", "--json")
    assert lifted.code == 0
    assert len(lifted.json["lifted"]) == 2  # type: ignore[arg-type]  # JSON
    for source in (BAD, BAD6):
        assert network.arrives(source)
    assert server.client("unban", "--all").code == 1


def test_the_exempt_are_not_banned(
    network: Network, server: RunningServer, log: LogFile, jail: Jail, hosts: Path
) -> None:
    hosts.write_text(f"{OFFICE} office.example.test\n2001:db8:66::80 office.example.test\n")
    jail(ignoreip=f"{NEIGHBOUR} 198.51.100.64/28 office.example.test")
    server.start()
    exempt = [NEIGHBOUR, "198.51.100.70", OFFICE, "2001:db8:66::80", HOST, FAR_HOST, HOST6]
    for address in (*exempt, "127.0.0.1", "::1"):
        log.fail(address, 5)
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert set(server.bans()) == {BAD}
    assert server.jail("pbx")["exempted_total"] == 5 * (len(exempt) + 2)
    for address in (*exempt, "198.51.100.0/24", "2001:db8:66::/64"):
        refused = server.client("ban", address, "--jail", "pbx")
        assert refused.code == 1, address
        assert "exempt" in refused.err
    assert server.client("ban", HOST, "203.0.113.7", "--jail", "pbx").code == 6
    assert network.arrives(NEIGHBOUR)
    # A neighbour of an exempt address in its /64 is counted alone.
    log.fail(BAD6, 5)
    server.ban_of(BAD6)
    assert not network.arrives(BAD6)
    hosts.write_text(f"203.0.113.81 office.example.test\n{BAD} office.example.test\n")
    assert server.client("reload").code == 0
    assert network.arrives(BAD)
    assert BAD not in server.bans()
    log.fail(OFFICE, 5)
    server.ban_of(OFFICE)


def test_allowing_lifts_at_once_and_for_a_time(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    added = server.client("allow", "add", BAD, "--for", "1h", "--json")
    assert added.code == 0
    assert len(added.json["lifted"]) == 1  # type: ignore[arg-type]  # JSON
    assert network.arrives(BAD)
    log.fail(BAD, 5)
    server.wait(lambda: server.jail("pbx")["exempted_total"] == 5)
    assert server.client("ban", BAD).code == 1
    entries = server.client("allow", "list", "--json").json["entries"]
    assert [entry["entry"] for entry in entries] == [BAD]  # type: ignore[attr-defined]  # JSON
    begun = time.monotonic()
    assert server.client("allow", "add", BAD, "--for", "1s").code == 0
    server.wait(lambda: server.client("allow", "list", "--json").json["entries"] == [])
    assert time.monotonic() - begun > 1
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert not network.arrives(BAD)


def test_exemptions_by_hand_outlive_a_restart(
    server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    assert server.client("allow", "add", "198.51.100.0/24", "--note", "ours").code == 0
    assert server.client("allow", "add", "203.0.113.9", "--for", "1s").code == 0
    server.stop()
    log.fail(BAD, 5)
    server.start()
    server.wait(lambda: server.jail("pbx")["exempted_total"] == 5)
    assert server.client("allow", "del", "198.51.100.0/24").code == 0
    assert server.client("allow", "del", "198.51.100.0/24").code == 5
    log.fail(BAD, 5)
    server.ban_of(BAD)


def test_exit_codes(server: RunningServer, jail: Jail) -> None:
    assert server.client("ping").code == 3
    jail()
    server.start()
    assert server.client("ping").code == 0
    assert server.client("banned", BAD).code == 1
    assert server.client("ban", "no-address").code == 2
    assert server.client("status", "pbc").code == 5
    assert "did you mean 'pbx'?" in server.client("status", "pbc").err
    assert server.client("ban", BAD, HOST).code == 6
    assert server.client("check").code == 0
    server.write("jails.d/more.conf", "[more]\nenabled = perhaps\n")
    assert server.client("check").code == 78
    server.stop()
    assert server.client("ban", BAD).code == 3


def test_status_answers_under_load(server: RunningServer, log: LogFile, jail: Jail) -> None:
    jail(maxretry="3", judging="plain")  # else whole networks are banned
    server.start()
    attackers = [f"10.0.{number >> 8}.{number & 255}" for number in range(6000)]
    attack = threading.Thread(target=lambda: [log.fail(each, 3) for each in attackers])
    attack.start()
    seen = set[object]()

    def have_all_been_seen() -> bool:
        seen.add(server.jail("pbx")["banned"])
        return len(attackers) in seen

    server.wait(have_all_been_seen)
    attack.join()
    assert len(seen) > 10, "admins are answered while it goes on"
    server.wait(lambda: server.jail("pbx")["actions"][0]["in_force"] == len(attackers))  # type: ignore[index]  # JSON
    assert server.jail("pbx")["lines"] == 3 * len(attackers)
