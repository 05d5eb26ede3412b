# SPDX-License-Identifier: MIT
"""What a stop, a crash and a start do not change."""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]
COUNTED, INNOCENT = "203.0.113.50", "203.0.113.51"


@pytest.mark.parametrize("action", ["nftables", "iptables"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_bans_and_counts_go_on(
    end: signal.Signals,
    action: str,
    network: Network,
    server: RunningServer,
    log: LogFile,
    jail: Jail,
    post,
    nothing_arrives: Callable[..., object],
) -> None:
    jail(action=f"{action}\n  sendmail[smtp={post.place}]")
    server.start()
    log.fail(BAD, 5)
    ban = server.ban_of(BAD)
    assert BAD in post.next()[1]["Subject"]
    server.wait(lambda: not server.ask("status")["ledger"]["dirty"])  # type: ignore[index]  # JSON
    with nothing_arrives(BAD):  # type: ignore[attr-defined]  # a context manager
        for address in (COUNTED, INNOCENT):
            log.fail(address, 3)
        server.wait(lambda: server.jail("pbx")["failures"] == 6)
        server.signal(end)  # what came since the last commit is read again, and counted once
        log.fail(COUNTED)
        server.start()
        log.fail(INNOCENT)
        log.fail(COUNTED)
        again = server.ban_of(COUNTED)
        server.restart()  # at once: what has been decided is told all the same
    assert again["failures"] == 5
    assert server.jail("pbx")["failures"] == 4  # those of the innocent
    assert server.jail("pbx")["banned"] == 2
    assert server.bans()[BAD]["until"] == ban["until"]
    assert COUNTED in post.next()[1]["Subject"]
    server.stop()
    with pytest.raises(queue.Empty):
        post.next(0)
    assert not network.arrives(BAD)


def test_a_ban_ends_though_the_daemon_is_dead(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()

    def is_banned() -> bool:
        server.kill()
        dropped = not network.arrives(BAD)
        if not dropped:  # it was over by then
            server.start()
        return dropped

    server.ban_briefly(BAD, "pbx", is_banned)
    network.wait_until_arrives(BAD)
    server.start()
    server.wait(lambda: not server.bans())


def test_a_changed_bantime_is_for_new_bans(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    log.fail(BAD, 5)
    before = server.ban_of(BAD)
    server.stop()
    jail(bantime="60")
    server.start()
    assert server.ban_of(BAD)["until"] == before["until"]
    log.fail(NEIGHBOUR, 5)
    new = server.ban_of(NEIGHBOUR)
    assert float(str(new["until"])) - float(str(new["time"])) == 60
    assert not network.arrives(BAD)
    assert not network.arrives(NEIGHBOUR)


def test_two_daemons_do_not_share_a_ledger(server: RunningServer, jail: Jail, log: LogFile) -> None:
    jail()
    server.start()
    second = RunningServer(server.namespace, server.state.parent / "second")
    second.state = server.state
    second.launch()
    with pytest.raises(RuntimeError, match="another logban uses the ledger"):
        second.wait(lambda: False)
    assert server.client("ping").code == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_who_was_banned_before_is_banned_longer(
    end: signal.Signals, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    growth = {"increment": "yes", "multipliers": "1 1800 3600"}
    jail(bantime="2", **{f"bantime.{key}": value for key, value in growth.items()})
    jail("recidive", filter="recidive", maxretry="2", logpath="", bantime="1d")
    server.start()
    attacks = 0
    while not server.jail("pbx")["banned_total"]:  # read too late, an attack is no reason to ban
        attacks += 1
        log.fail(BAD, 5)
        server.wait(lambda: server.jail("pbx")["failures_total"] == 5 * attacks)  # noqa: B023  # it is called at once
    server.wait(lambda: not server.bans() and not server.ask("status")["ledger"]["dirty"])  # type: ignore[index]  # JSON
    server.signal(end)
    server.start()
    log.fail(BAD, 5)
    server.wait(lambda: server.jail("recidive")["banned"])
    why = server.ask("why", subject={"kind": "ip", "ip": BAD})
    found = {each["ban"]["jail"]: each for each in why["banned"]}  # type: ignore[attr-defined,index]  # JSON
    assert found["pbx"]["ban"]["offence"] == 2
    assert found["pbx"]["ban"]["until"] - found["pbx"]["ban"]["time"] == pytest.approx(3600)
    assert found["pbx"]["length"] == "1h: 2nd ban, 2s x 1800"
    assert [each["line"] for each in found["recidive"]["evidence"]] == ["banned in jail pbx"] * 2
    assert "how long  1h: 2nd ban, 2s x 1800" in server.client("why", BAD).out
    assert server.client("unban", BAD).code == 0
    log.fail(BAD, 5)
    (again,) = server.wait(server.bans).values()
    assert (again["jail"], again["offence"]) == ("pbx", 1)
