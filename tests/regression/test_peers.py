# SPDX-License-Identifier: MIT
"""What other programs of this kind got wrong, each by the name that its users gave it.

f2b is fail2ban, the numbers are of the public threads.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logban.ledger.ledger import Ledger
from logban.ledger.records import BanRow, Checkpoint
from logban.ledger.store import Store
from logban.model import Ban, ChangeKind, Subject, Verdict
from logban.testing.kernel_sets import ends_with_ban
from logban.testing.lines import wrong_password
from logban.testing.namespaces import BAD, BAD6, FAR, HOST, NEIGHBOUR

SMTP_SERVER = Path(__file__).parents[1] / "actions" / "smtp_server.py"


def test_a_ban_covers_tcp_only(host) -> None:
    """siphon-ai#100: SIP is UDP."""
    host.jail()
    host.server.start()
    assert host.network.arrives(BAD)
    assert host.network.connects(BAD)
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    assert not host.network.arrives(BAD)
    assert not host.network.connects(BAD)


def test_an_established_udp_flow_survives_the_ban(host) -> None:
    """f2b#2948, #2503, #3652: the firewall accepts what conntrack knows before it looks further."""
    space = host.network.host
    space.run(
        ["nft", "-f", "-"],
        "table inet usual { chain input { type filter hook input priority filter;"
        " ct state established,related accept; }; }\n",
    )
    host.jail()
    host.server.start()
    with space.udp(HOST, 5060) as here, host.network.peer.udp(BAD, 5060) as there:
        there.connect((HOST, 5060))
        there.send(b"hello")
        assert here.recvfrom(10) == (b"hello", (BAD, 5060))
        here.sendto(b"answer", (BAD, 5060))
        assert there.recv(10) == b"answer"
        host.log.fail(BAD, 5)
        host.server.ban_of(BAD)
        there.send(b"more")
        with host.network.peer.udp(FAR) as honest:
            honest.sendto(b"marker", (HOST, 5060))
        assert here.recv(10) == b"marker"


@pytest.mark.parametrize("action", ["nftables", "iptables"])
def test_the_timeout_is_not_extended_on_a_second_add(action: str, host) -> None:
    """cs-firewall-bouncer#509, #243: kernels up to 6.11 keep an element's first timeout."""
    host.jail(action=action)
    host.server.start()
    assert host.server.client("ban", BAD, "--jail", "pbx", "--for", "10s").code == 0
    assert host.server.client("ban", BAD, "--jail", "pbx", "--for", "1h").code == 0
    ban = host.server.ban_of(BAD)
    assert host.server.wait(lambda: ends_with_ban(host.network.host, BAD, ban["until"]))


def test_a_foreign_set_without_timeouts_is_used(host) -> None:
    """cs-firewall-bouncer#82, firewalld#699: bans in it would never end."""
    host.network.host.run(
        ["nft", "-f", "-"], "table inet logban { set pbx-ipv4 { type ipv4_addr; }; }\n"
    )
    host.jail()
    host.server.start()

    def refusing() -> object:
        action = host.server.jail("pbx")["actions"][0]
        return action["state"] == "retrying" and action["error"]

    assert "made by somebody else" in str(host.server.wait(refusing))
    host.log.fail(BAD, 5)
    host.server.wait(host.server.bans)
    assert (
        host.network.host.run(["nft", "list", "set", "inet", "logban", "pbx-ipv4"]).count(".") == 0
    )


def test_bans_are_shown_though_they_could_not_be_applied(host) -> None:
    """fail2ban-rs 1.4: phantom bans."""
    test_a_foreign_set_without_timeouts_is_used(host)
    assert host.server.bans()[BAD]["in_force"] is False
    assert host.network.arrives(BAD)
    host.network.host.run(["nft", "delete", "table", "inet", "logban"])
    host.server.ban_of(BAD)
    assert not host.network.arrives(BAD)


def test_a_restart_with_many_bans_takes_minutes(host, figures: list[str]) -> None:
    """f2b#2479, #1382, #4192, #3164."""
    number = 20_000
    now = time.time()
    host.server.state.mkdir()
    store = Store(host.server.state / "logban.sqlite3")
    addresses = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(number - 1)]
    bans = [Ban("pbx", Subject.parse(each), now, now + 3600) for each in [*addresses, BAD]]
    store.commit(Checkpoint(bans=tuple(BanRow(ban) for ban in bans)))
    store.close()
    host.jail()

    def in_force() -> bool:
        return bool(host.server.jail("pbx")["actions"][0]["in_force"] == number)

    taken = []
    for _ in range(2):  # from the ledger, and into a kernel that holds them already
        begun = time.monotonic()
        host.server.start()
        host.server.wait(in_force)
        taken.append(f"{time.monotonic() - begun:.1f} s")
        host.server.stop()
        assert not host.network.arrives(BAD)
    figures.append(f"{number} bans in force after a start {' and after a restart '.join(taken)}")


def test_bans_are_restored_before_the_firewall_is_set_up(host) -> None:
    """fail2ban-rs 1.4."""
    host.jail()
    host.server.start()
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    host.server.stop()
    host.network.host.run(["nft", "flush", "ruleset"])
    host.server.start()
    host.server.ban_of(BAD)
    assert not host.network.arrives(BAD)


def test_the_unbanned_returns_after_a_restart(host) -> None:
    """f2b#972, #2615: the log is read again from its beginning."""
    host.jail()
    host.server.start()
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    assert host.server.client("unban", BAD).code == 0
    host.server.stop()
    # The worst case: nobody knows any more how far the log was read.
    store = Store(host.server.state / "logban.sqlite3")
    store.commit(Checkpoint(retired=store.load().positions))
    store.close()
    host.server.start()
    host.server.wait(lambda: host.server.jail("pbx")["failures_total"] == 5)
    assert host.server.bans() == {}
    assert host.network.arrives(BAD)


def test_the_unbanned_is_banned_again_by_his_next_failure(host) -> None:
    """fail2ban-rs 1.4."""
    host.jail()
    host.server.start()
    host.log.fail(BAD, 9)
    host.server.ban_of(BAD)
    host.server.wait(lambda: host.server.jail("pbx")["failures"] == 4)
    assert host.server.client("unban", BAD).code == 0
    host.log.fail(BAD)
    host.server.wait(lambda: host.server.jail("pbx")["failures"] == 1)
    assert host.server.bans() == {}


def test_a_missing_log_file_stops_the_service(host, tmp_path: Path) -> None:
    """f2b#2756, #1246, NethServer#5518."""
    host.jail()
    host.jail("other", logpath=str(tmp_path / "missing" / "log"))
    host.server.start()
    assert host.server.jail("other")["state"] == "waiting"
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)


def test_the_host_bans_itself(host) -> None:
    """f2b#1927, #1718, jabali#802."""
    host.jail()
    host.server.start()
    host.log.fail(HOST, 9)
    host.server.wait(lambda: host.server.jail("pbx")["exempted_total"] == 9)
    # An address that comes later is found without a restart.
    (interface,) = {
        line.split()[1]
        for line in host.network.host.run(["ip", "-o", "-4", "address", "show"]).splitlines()
        if HOST in line
    }
    host.network.host.run(["ip", "address", "add", "203.0.113.2/24", "dev", interface])
    assert host.server.client("reload").code == 0
    host.log.fail("203.0.113.2", 9)
    host.server.wait(lambda: host.server.jail("pbx")["exempted_total"] == 18)
    assert host.server.bans() == {}


def test_a_mail_storm_at_start(host) -> None:
    """f2b#1852, #921, #1141."""
    command = ["ip", "netns", "exec", host.network.host.name, sys.executable, str(SMTP_SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as post:
        assert post.stdout is not None
        place = f"127.0.0.1:{json.loads(post.stdout.readline())['port']}"
        host.jail(action=f"nftables\n  sendmail[smtp={place}, digest=never]")
        host.server.start()
        addresses = [f"203.0.113.{number}" for number in range(100, 120)]
        for address in addresses:
            host.log.fail(address, 5)
        mails = [post.stdout.readline() for _ in addresses]
        assert all('"recipients": ["root"]' in mail for mail in mails)
        host.server.wait(lambda: not host.server.ask("status")["ledger"]["dirty"])
        host.server.kill()
        host.server.start()
        host.server.restart()
        host.log.fail(BAD, 5)
        host.server.ban_of(BAD)
        told = json.loads(post.stdout.readline())
        assert BAD.encode() in base64.b64decode(told["data"])
        host.server.stop()
        post.terminate()
        assert not post.stdout.read()


def test_lines_of_another_zone_are_dropped(host) -> None:
    """f2b#2882, #2814, #3346, #2485."""
    host.jail()
    host.server.start()
    host.log.fail(BAD, 5, when=time.time() - 7200)
    host.server.ban_of(BAD)
    assert host.server.jail("pbx")["clock"]["hint"].endswith("set logtimezone = UTC-0200")


def test_a_timer_of_the_ban_before_unbans_early() -> None:
    """fail2ban-rs 1.4."""
    ledger = Ledger(lambda _jail, _subject: None)
    subject = Subject.parse(BAD)
    ledger.ban("pbx", subject, seconds=10, reason="", now=0)
    ledger.lift(subject, 1, jail=None, by="hand")
    ledger.decide(Verdict("pbx", subject, 2, 3602, 5, "rule"), 2)
    assert ledger.expire(10) == []
    assert ledger.next_end() == 3602
    (change,) = ledger.expire(3602)
    assert change.kind is ChangeKind.EXPIRE


def test_lines_that_are_written_in_pieces_are_lost_or_doubled(host) -> None:
    """fail2ban-rs 1.4."""
    host.jail()
    host.server.start()
    written = 0
    for _ in range(5):
        line = wrong_password(BAD)
        for piece in (line[:30], line[30:100], line[100:-1], line[-1:]):
            host.log.write(piece)
            written += len(piece)
            host.server.wait(lambda: host.server.ask("status")["sources"][0]["size"] == written)  # noqa: B023  # waits within the round
    assert host.server.ban_of(BAD)["failures"] == 5
    assert host.server.jail("pbx")["lines"] == 5


def test_the_last_lines_before_a_rotation_are_lost(host) -> None:
    """fail2ban-rs 1.4, f2b#3396."""
    host.jail()
    host.server.start()
    for number in range(10):
        host.log.fail(f"203.0.113.{100 + number}", 5)
        host.log.path.rename(host.log.path.with_name(f"full.{number}"))
        host.log.reopen()
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    host.server.wait(lambda: len(host.server.bans()) == 11)


def test_a_dry_run_ignores_findtime(host) -> None:
    """fail2ban-rs 1.4."""
    host.jail()
    now = time.time() - 10_000
    for number in range(10):
        host.log.fail(BAD, 1, when=now + 151 * number)
    host.log.fail(NEIGHBOUR, 5, when=now + 1400)
    told = host.server.client("replay", str(host.log.path), "--jail", "pbx", "--json")
    events = [json.loads(line) for line in told.out.splitlines()]
    assert {event["subject"]["ip"] for event in events if event["event"] == "ban"} == {NEIGHBOUR}


def test_a_catastrophic_expression_stops_everything(host) -> None:
    """GHSA-33wh-ccjc-p397."""
    host.server.write("filters.d/slow.conf", "[Definition]\nfailregex = ^\\s*(a|aa)+b <HOST>$\n")
    host.jail("slow", filter="slow")
    host.jail()
    host.server.start()
    for _ in range(3):
        host.log.write(f"{'a' * 60_000} {BAD}\n")
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    assert host.server.jail("slow")["state"] == "running"


def test_whoever_is_allowed_is_still_banned(host) -> None:
    """crowdsec#3462, EvlWatcher#64: two states that do not know of each other."""
    host.jail()
    host.server.start()
    host.log.fail(BAD6, 5)
    host.server.ban_of("2001:db8:66::/64")
    assert not host.network.arrives(BAD6)
    assert host.server.client("allow", "add", "2001:db8:66::/48").code == 0
    assert host.network.arrives(BAD6)
    assert host.server.client("banned", BAD6).code == 1
