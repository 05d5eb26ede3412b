# SPDX-License-Identifier: MIT
"""What other programs got wrong in reading logs, in exemptions, and beside other programs.

The names are those of test_peers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from logban.health.rhythm import Rhythm
from logban.testing.lines import asterisk_line
from logban.testing.namespaces import BAD, FAR, HOST, NEIGHBOUR, Namespace, connect

CONTAINER, GATEWAY = "192.0.2.2", "192.0.2.1"


@pytest.fixture
def container(host) -> Iterator[Namespace]:
    """A container that the host forwards to."""
    space = Namespace()
    try:
        connect(host.network.host, space, [f"{GATEWAY}/24"], [f"{CONTAINER}/24"])
        host.network.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        space.run(["ip", "route", "add", "default", "via", GATEWAY])
        host.network.peer.run(["ip", "route", "add", "192.0.2.0/24", "via", HOST])
        yield space
    finally:
        space.remove()


def test_a_ban_misses_what_is_forwarded_to_a_container(host, container: Namespace) -> None:
    """crazy-max/docker-fail2ban#36, #41, #11, #157: it stood in the chain for the host alone."""

    def first_to_arrive() -> bytes:
        with container.udp(CONTAINER, 5060) as server:
            for sender, text in ((BAD, b"bad"), (FAR, b"marker")):
                with host.network.peer.udp(sender) as client:
                    client.sendto(text, (CONTAINER, 5060))
            return server.recv(100)

    assert first_to_arrive() == b"bad"
    host.jail()
    host.server.start()
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    assert first_to_arrive() == b"marker"


def test_another_program_empties_the_firewall(host) -> None:
    """f2b#2480, #2313, #2055, #1680: the bans were only thought to be in force."""
    host.jail()
    host.server.start()
    host.log.fail(BAD, 5)
    host.server.ban_of(BAD)
    assert not host.network.arrives(BAD)
    host.network.host.run(["nft", "flush", "ruleset"])
    host.network.wait_until_dropped(BAD)


def test_an_exemption_holds_for_the_jail_that_was_named_and_no_other(host) -> None:
    """FreePBX#963: a script left the jail's name out, and nobody was exempt."""
    host.jail()
    host.jail("other")
    host.server.start()
    assert host.server.client("allow", "add", BAD).code == 0
    told = host.server.client("set", "nosuchjail", "addignoreip", BAD)
    assert told.code == 5
    assert "nosuchjail" in told.err
    host.log.fail(BAD, 9)
    host.log.fail(NEIGHBOUR, 5)
    host.server.wait(lambda: len(host.server.bans()) == 1)
    assert set(host.server.bans()) == {NEIGHBOUR}


def test_the_senders_own_text_names_who_is_banned(host) -> None:
    """f2b#1927, #1000, #1328, #432, #3724, #249: a From header; text behind a greedy expression."""
    host.jail()
    host.server.start()
    for number in range(5):
        name = f"x' failed for '{NEIGHBOUR}:5060' - Wrong password"
        host.log.write(
            asterisk_line(
                f"chan_sip.c: Registration from '\"{name}\" <sip:{number}@{NEIGHBOUR}>' failed for "
                f"'{BAD}:{40000 + number}' - Wrong password"
            )
        )
    host.server.ban_of(BAD)
    assert set(host.server.bans()) == {BAD}


def test_an_expression_that_takes_any_address_is_taken(host) -> None:
    """f2b#432, #3724: with .* on both sides of <HOST> the last address wins, whosever it is."""
    host.server.write("filters.d/open.conf", "[Definition]\nfailregex = .*failed.*<HOST>.*\n")
    host.jail("open", filter="open")
    assert "filters.d/open.conf:2: unanchored" in host.server.check().err


def test_an_upgrade_changes_a_message_and_nobody_notices(host) -> None:
    """NethServer#5849, f2b#1561, #2532, crowdsec-hub#1073."""
    host.jail()
    host.server.start()
    text = f"chan_sip.c: Registration of '<sip:201@pbx>' from {BAD} failed - Wrong secret"
    for _ in range(3):
        host.log.write(asterisk_line(text))
    host.server.wait(lambda: "Wrong secret" in host.server.client("unmatched").out)


def test_colours_of_a_console_hide_the_attack(host) -> None:
    """NethServer#7481, f2b#2621."""
    host.jail()
    host.server.start()
    for number in range(5):
        host.log.write(
            f"[{datetime.now(UTC):%Y-%m-%d %H:%M:%S}] \x1b[1;33mNOTICE\x1b[0m[19675]: "
            "\x1b[1;37mchan_sip.c\x1b[0m:\x1b[1;37m28926\x1b[0m "
            "\x1b[1;37mhandle_request_register\x1b[0m: Registration from '<sip:201@pbx>' "
            f"failed for '{BAD}:{40000 + number}' - Wrong password\n"
        )
    host.server.ban_of(BAD)


def test_a_log_without_a_year_is_of_last_year(host) -> None:
    """f2b#2814, #2485: failures on both sides of midnight, and no year to tell."""
    for number in range(6):
        moment = datetime(2025, 12, 31, 23, 59, 57, tzinfo=UTC).timestamp() + number
        at = datetime.fromtimestamp(moment, UTC)
        host.log.write(
            f"[{at:%b} {at.day:2} {at:%H:%M:%S}] NOTICE[1967] chan_sip.c: Registration from "
            f"'<sip:{number}@pbx>' failed for '{BAD}:{40000 + number}' - Wrong password\n"
        )
    host.jail()
    words = ("replay", str(host.log.path), "--jail", "pbx", "--now", "2026-01-01T00:05:00+00:00")
    told = host.server.client(*words)
    assert told.code == 0
    assert f"00:00:00  ban    {BAD} until" in told.out


def test_a_log_that_has_gone_silent_is_not_told_of() -> None:
    """f2b#3246, f2b#3396: the reader was deaf for weeks."""
    rhythm = Rhythm(0.0, 0)
    now = 0.0
    for lines in range(1000):
        now += 20
        rhythm.note(now, lines)
    assert not rhythm.is_unusual(now + 60)
    assert rhythm.is_unusual(now + 86400)
