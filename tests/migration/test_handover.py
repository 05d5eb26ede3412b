# SPDX-License-Identifier: MIT
"""Bans enter the database of a daemon that does not run, with their own times."""

from __future__ import annotations

from pathlib import Path

from logban.config.settings import JailSettings
from logban.ledger.ledger import Ledger
from logban.ledger.store import Store
from logban.migration.bans import FoundBan
from logban.migration.handover import LedgerReceiver, hand_over
from logban.model import Ban, Origin, Subject

NOW = 1_800_000_000.0
JAILS = {
    "pbx": JailSettings("pbx", Origin("t", 1), ignore=("192.0.2.0/24",)),
    "wide": JailSettings("wide", Origin("t", 1), ipv6_prefix=128),
}


def handed(state: Path, *bans: FoundBan) -> tuple[int, int, dict[str, str]]:
    receiver = LedgerReceiver(state, JAILS, NOW)
    try:
        taken, known, refused = hand_over(bans, receiver)
    finally:
        receiver.close()
    return taken, known, {note.what: note.why for note in refused}


def found(who: str, jail: str = "pbx", seconds: float | None = 600.0) -> FoundBan:
    until = None if seconds is None else NOW + seconds
    return FoundBan(jail, who, NOW - 60, until, 5)


def stored(state: Path) -> dict[str, Ban]:
    store = Store(state / "logban.sqlite3")
    try:
        return {str(ban.subject): ban for ban in store.load().active}
    finally:
        store.close()


def test_bans_keep_their_times(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert handed(state, found("198.51.100.7"), found("198.51.100.8", seconds=None)) == (2, 0, {})
    bans = stored(state)
    ban = bans["198.51.100.7"]
    assert (ban.jail, ban.time, ban.until, ban.failures) == ("pbx", NOW - 60, NOW + 600, 5)
    assert ban.reason == "taken over from fail2ban"
    assert bans["198.51.100.8"].until is None
    assert (state.stat().st_mode & 0o777) == 0o750


def test_a_second_time_all_is_known(tmp_path: Path) -> None:
    assert handed(tmp_path, found("198.51.100.7"))[:2] == (1, 0)
    assert handed(tmp_path, found("198.51.100.7"))[:2] == (0, 1)
    assert handed(tmp_path, found("198.51.100.7", seconds=900.0))[:2] == (1, 0)
    assert handed(tmp_path, found("198.51.100.7", seconds=300.0))[:2] == (0, 1)
    assert stored(tmp_path)["198.51.100.7"].until == NOW + 900


def test_an_exempt_address_is_not_banned(tmp_path: Path) -> None:
    taken, _, refused = handed(tmp_path, found("192.0.2.9"), found("127.0.0.1"))
    assert taken == 0
    assert "exempt by '192.0.2.0/24'" in refused["192.0.2.9"]
    assert "this host's own address" in refused["127.0.0.1"]


def test_what_is_no_address_or_of_no_jail_is_told(tmp_path: Path) -> None:
    bans = (found("someone"), found("198.51.100.7", jail="sshd"))
    taken, _, refused = handed(tmp_path, *bans)
    assert taken == 0
    assert refused == {
        "someone": "it is no address, and logban bans addresses",
        "198.51.100.7": "there is no jail 'sshd'",
    }


def test_ipv6_is_banned_as_the_jail_counts_it(tmp_path: Path) -> None:
    handed(tmp_path, found("2001:db8:1::9"), found("2001:db8:2::9", jail="wide"))
    assert stored(tmp_path).keys() == {"2001:db8:1::/64", "2001:db8:2::9"}


def test_who_was_let_in_since_stays_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "logban.sqlite3")
    ledger = Ledger(lambda *_: None)
    ledger.lift(Subject.parse("198.51.100.7"), NOW, jail=None, by="hand")
    store.commit(ledger.checkpoint())
    store.close()
    taken, _, refused = handed(tmp_path, found("198.51.100.7"))
    assert taken == 0
    assert "it was lifted here" in refused["198.51.100.7"]


def test_many_go_in_portions(tmp_path: Path) -> None:
    many = [found(f"198.18.{number // 256}.{number % 256}") for number in range(1201)]
    assert handed(tmp_path, *many) == (1201, 0, {})
    assert len(stored(tmp_path)) == 1201
