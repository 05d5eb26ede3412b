# SPDX-License-Identifier: MIT
"""Configurations that are broken, and configurations that change under a running daemon."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logban.errors import LogbanError
from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]


def test_a_broken_jail_stops_no_other(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail("good")
    jail("bad", maxretrie="5")
    checked = server.check()
    assert checked.code == 78
    assert "jails.d/bad.conf:8: " in checked.err
    assert "did you mean 'maxretry'?" in checked.err
    server.start()
    broken = server.jail("bad")
    assert broken["state"] == "failed"
    assert "jails.d/bad.conf:8: " in str(broken["reason"])
    log.fail(BAD, 5)
    assert server.ban_of(BAD)["jail"] == "good"
    assert not network.arrives(BAD)
    listed = server.client("status")
    assert listed.code == 0
    assert "jails.d/bad.conf:8" in " ".join(listed.out.split())


def test_a_broken_reload_changes_nothing(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    log.fail(NEIGHBOUR, 3)
    server.wait(lambda: server.jail("pbx")["failures"] == 3)
    jail(maxretry="many")
    told = server.client("reload")
    assert told.code == 78
    assert "jails.d/pbx.conf:5: " in told.err
    server.hang_up()
    server.wait(lambda: "not reloaded: " in server.log)
    assert server.jail("pbx")["settings"]["maxretry"] == 5  # type: ignore[index]  # JSON
    assert not network.arrives(BAD)
    log.fail(NEIGHBOUR, 2)
    assert server.ban_of(NEIGHBOUR)["failures"] == 5


@pytest.mark.parametrize("way", ["signal", "client"])
def test_a_reload_takes_over_what_is_new(
    way: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail("stays")
    jail("goes", maxretry="2")
    server.start()
    log.fail(BAD, 3)
    assert server.ban_of(BAD)["jail"] == "goes"
    server.wait(lambda: server.jail("stays")["failures"] == 3)
    assert not network.arrives(BAD)
    jail("stays", maxretry="4")
    jail("comes", maxretry="4", action="iptables", logpath=f"{log.path}\n  {log.path}.other")
    server.write("jails.d/goes.conf", "[goes]\nenabled = false\n")
    if way == "signal":
        server.hang_up()
        server.wait(lambda: "reloaded: " in server.log)
    else:
        changed = server.client("reload", "--json").json["changed"]
        assert changed == [
            "jail goes is gone; 1 ban lifted",
            "jail comes is new",
            "jail stays has changed",
        ]
    assert network.arrives(BAD)
    with pytest.raises(LogbanError, match="not enabled"):
        server.jail("goes")
    assert "goes-drop" not in network.host.run(["nft", "list", "ruleset"])
    log.fail(BAD)  # 3 were counted before the reload, in the jail that has stayed
    assert server.ban_of(BAD)["jail"] == "stays"
    assert not network.arrives(BAD)
    assert server.jail("comes")["failures_total"] == 1


def test_a_jail_that_is_mended_is_taken_up(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(bantime="long")
    server.start()
    assert server.jail("pbx")["state"] == "failed"
    jail()
    assert server.client("reload").code == 0
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert not network.arrives(BAD)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("nftables[protocol=udp, port=5060]", "nftables[protocol=udp, port=5060:5070]"),
        ("nftables", "iptables"),
        ("iptables[name=one]", "iptables[name=other, protocol=udp]"),
        ("iptables", "nftables"),
    ],
)
def test_a_changed_action_takes_the_bans_over_without_a_gap(
    before: str,
    after: str,
    network: Network,
    server: RunningServer,
    log: LogFile,
    jail: Jail,
    nothing_arrives: Callable[..., object],
) -> None:
    jail(action=before)
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    with nothing_arrives(BAD):  # type: ignore[attr-defined]  # a context manager
        jail(action=after)
        assert server.client("reload").code == 0
        (action,) = server.jail("pbx")["actions"]  # type: ignore[misc]  # JSON
        assert action["in_force"] == 1
    if before.startswith("nftables[") or after.startswith("iptables[name=other"):
        assert not network.arrives(BAD, 5065)
    host = network.host
    if after.startswith("iptables"):
        assert "pbx-drop" not in host.run(["nft", "list", "ruleset"])
    else:
        assert "logban-" not in host.run(["ipset", "list", "-name"])
    assert "logban-one" not in host.run(["iptables-legacy", "-t", "raw", "-S"])
    assert server.client("unban", BAD).code == 0
    assert network.arrives(BAD)


def test_what_has_not_changed_goes_on_as_it_is(
    server: RunningServer, log: LogFile, jail: Jail, tmp_path
) -> None:
    told = tmp_path / "told"
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    script.chmod(0o755)
    command = f"command[ban={script} ban {{{{ ip }}}}, unban={script} unban {{{{ ip }}}}]"
    jail(action=command)
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert server.client("reload", "--json").json["changed"] == []
    jail(action=f"{command}\n  nftables", maxretry="4")
    assert server.client("reload", "--json").json["changed"] == ["jail pbx has changed"]
    assert told.read_text() == f"ban {BAD}\n"
    jail(action="nftables", maxretry="4")
    assert server.client("reload").code == 0
    assert told.read_text() == f"ban {BAD}\nunban {BAD}\n"
    assert server.ban_of(BAD)["actions"] == ["nftables"]


def test_no_configuration_directory(server: RunningServer) -> None:
    for path in sorted(server.config.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    server.config.rmdir()
    checked = server.check()
    assert checked.code == 78
    assert checked.err.startswith("logban-server: there is no configuration directory ")
