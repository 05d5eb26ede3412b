# SPDX-License-Identifier: MIT
"""What is read of fail2ban's database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from logban.errors import LedgerError
from logban.migration.bans import FoundBan, read_bans
from logban.testing.fail2ban import write_database

NOW = 1_800_000_000


def found(path: Path, **bantimes: float | None) -> dict[str, FoundBan]:
    return {ban.who: ban for ban in read_bans(path, NOW, bantimes)}


def test_what_is_in_force_is_read_with_its_end(tmp_path: Path) -> None:
    rows = [
        ("sshd", "198.51.100.7", NOW - 60, 600, ["a line", "another"]),
        ("sshd", "198.51.100.8", NOW - 601, 600, []),
        ("pbx", "198.51.100.9", NOW - 99999, -1, []),
        ("pbx", "2001:DB8::0001", NOW, 5, []),
    ]
    bans = found(write_database(tmp_path / "f2b", rows))
    assert set(bans) == {"198.51.100.7", "198.51.100.9", "2001:db8::1"}
    first = bans["198.51.100.7"]
    assert (first.jail, first.time, first.until) == ("sshd", NOW - 60, NOW + 540)
    assert first.failures == 2
    assert [item.line for item in first.evidence] == ["a line", "another"]
    assert bans["198.51.100.9"].until is None


def test_an_old_database_has_the_jails_bantime(tmp_path: Path) -> None:
    rows = [
        ("sshd", "198.51.100.7", NOW - 900, 0, []),
        ("sshd", "198.51.100.7", NOW - 60, 0, []),
        ("pbx", "198.51.100.8", NOW - 99999, 0, []),
        ("gone", "198.51.100.9", NOW, 0, []),
    ]
    path = write_database(tmp_path / "f2b", rows, old=True)
    bans = found(path, sshd=600.0, pbx=None)
    assert set(bans) == {"198.51.100.7", "198.51.100.8"}
    assert bans["198.51.100.7"].until == NOW + 540
    assert bans["198.51.100.8"].until is None


def test_of_two_bans_of_one_address_the_later_end_counts(tmp_path: Path) -> None:
    rows = [
        ("a", "198.51.100.7", NOW, 900, []),
        ("a", "::ffff:198.51.100.7", NOW, 600, []),
        ("b", "198.51.100.7", NOW, 300, []),
    ]
    bans = read_bans(write_database(tmp_path / "f2b", rows), NOW, {})
    assert [(ban.jail, ban.until) for ban in bans] == [("a", NOW + 900), ("b", NOW + 300)]


def test_lines_parted_around_their_date_are_whole_again(tmp_path: Path) -> None:
    path = write_database(tmp_path / "f2b", [("a", "198.51.100.7", NOW, 600, [])])
    database = sqlite3.connect(path)
    data = '{"matches": [["", "Nov 20 14:00:00", " host failed\\n"], 7, "x"], "failures": "no"}'
    database.execute("UPDATE bips SET data = ?", (data,))
    database.commit()
    database.close()
    ban = found(path)["198.51.100.7"]
    assert [item.line for item in ban.evidence] == ["Nov 20 14:00:00 host failed", "x"]
    assert ban.failures == 0


@pytest.mark.parametrize("data", [None, "", "[]", "{", '{"matches": 5}', b"\xff\xfe", "9" * 9])
def test_odd_details_cost_the_details_alone(tmp_path: Path, data: object) -> None:
    path = write_database(tmp_path / "f2b", [("a", "198.51.100.7", NOW, 600, [])])
    database = sqlite3.connect(path)
    database.execute("UPDATE bips SET data = ?", (data,))
    database.execute("INSERT INTO bips (ip, jail, timeofban) VALUES (NULL, 'x', 'y')")
    database.commit()
    database.close()
    assert found(path)["198.51.100.7"].evidence == ()


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_what_is_no_database_of_fail2bans_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f2b"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="can't be read"):
        read_bans(path, NOW, {})
    with pytest.raises(LedgerError, match="there is no database"):
        read_bans(tmp_path / "none", NOW, {})


def test_nothing_is_written(tmp_path: Path) -> None:
    path = write_database(tmp_path / "f2b", [("a", "198.51.100.7", NOW, 600, [])])
    before = path.read_bytes()
    found(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["f2b"]
