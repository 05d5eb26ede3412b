# SPDX-License-Identifier: MIT
"""What is committed is there again, whole; what can't be is said in a sentence."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from logban.errors import LedgerError, LedgerUnwritable
from logban.ledger.records import MAX_EVIDENCE, Allowed, BanRow, Checkpoint, Stored
from logban.ledger.store import SCHEMA_VERSION, Store
from logban.ledger.writing import AT_ONCE
from logban.model import Ban, BanOrigin, Evidence, Position, Subject, SubjectKind

NOW = 1_795_168_800.25
SOMEBODY = Subject.parse("198.51.100.7")
ANOTHER = Subject.parse("198.51.100.8")
NETWORK = Subject.parse("2001:db8:66::7")
USER = Subject(SubjectKind.USER_IP, "198.51.100.7", "6003 'x' \0é")


def position(inode: int = 7, offset: int = 100, path: str = "/var/log/test") -> Position:
    return Position(path, 64769, inode, offset, bytes(range(32)), 256)


def evidence(*lines: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(NOW + n, "rule", line, "/log") for n, line in enumerate(lines))


def ban(subject: Subject = SOMEBODY, time: float = NOW, *lines: str) -> Ban:
    return Ban("jail", subject, time, time + 600, 5, "rule", evidence(*lines))


def test_all_of_a_checkpoint_comes_back(store: Store) -> None:
    forever = Ban("b", USER, NOW, None, origin=BanOrigin.HAND, reason="a 'reason';--")
    checkpoint = Checkpoint(
        bans=(
            BanRow(ban(SOMEBODY, NOW, "1", "2")),
            BanRow(forever),
            BanRow(ban(NETWORK), NOW, "x"),
        ),
        floors={SOMEBODY: NOW, USER: 0.5},
        allowed={"a.example": Allowed("a.example", NOW, None, "n"), "::1": Allowed("::1", 1, 2.5)},
        tracked={("jail", SOMEBODY): "[1]", ("jail", USER): "[2]"},
        notes={("jail", "places"): "[]", ("jail", "held in /log/\udcff"): "{}"},
        positions=(position(), position(8)),
    )
    store.commit(checkpoint)
    stored = store.load()
    assert set(stored.active) == {ban(), forever}
    assert stored.floors == checkpoint.floors
    assert {item.entry: item for item in stored.allowed} == checkpoint.allowed
    assert stored.tracked == checkpoint.tracked
    assert stored.notes == {("jail", "places"): "[]", ("jail", "held in /log/\\udcff"): "{}"}
    store.commit(Checkpoint(notes={("jail", "places"): None}))
    assert store.load().notes.keys() == {("jail", "held in /log/\\udcff")}
    assert set(stored.positions) == set(checkpoint.positions)
    assert store.count() == 3
    (past,) = store.history(SOMEBODY, 10)
    assert (past.ban, past.ended, past.ended_by) == (ban(SOMEBODY, NOW, "1", "2"), None, "")
    (past,) = store.history(NETWORK, 10)
    assert (past.ended, past.ended_by) == (NOW, "x")


def test_an_empty_database(store: Store) -> None:
    assert store.load() == Stored()
    assert store.count() == 0
    assert store.history(SOMEBODY, 5) == []
    store.commit(Checkpoint())
    assert store.load() == Stored()


def test_bans_that_ended_shortly_before_the_end_are_named(store: Store) -> None:
    ended = [BanRow(ban(Subject(SubjectKind.IP, f"192.0.2.{n}")), NOW + n, "x") for n in (1, 2, 70)]
    store.commit(Checkpoint(bans=(BanRow(ban()), *ended)))
    loaded = store.load()
    assert [each.subject.network for each in loaded.ended] == ["192.0.2.70"]
    assert [each.subject for each in loaded.active] == [ban().subject]


def test_what_changes_takes_the_old_ones_place_and_what_is_gone_goes(store: Store) -> None:
    store.commit(
        Checkpoint(
            bans=(BanRow(ban(SOMEBODY, NOW, "1")),),
            floors={SOMEBODY: NOW, USER: NOW},
            allowed={"::1": Allowed("::1", NOW)},
            tracked={("jail", SOMEBODY): "[1]", ("b", SOMEBODY): "[2]"},
            positions=(position(offset=1), position(8)),
        )
    )
    extended = Ban("jail", SOMEBODY, NOW, NOW + 999, 10, "other", evidence("2"))
    store.commit(
        Checkpoint(
            bans=(BanRow(extended),),
            floors={SOMEBODY: NOW + 1, USER: None},
            allowed={"::1": None},
            tracked={("jail", SOMEBODY): "[3]", ("b", SOMEBODY): None},
            positions=(position(offset=2),),
            retired=(position(8),),
        )
    )
    stored = store.load()
    assert [each.until for each in stored.active] == [NOW + 999]
    assert stored.floors == {SOMEBODY: NOW + 1}
    assert stored.allowed == ()
    assert stored.tracked == {("jail", SOMEBODY): "[3]"}
    assert stored.positions == (position(offset=2),)
    (past,) = store.history(SOMEBODY, 10)
    assert [item.line for item in past.ban.evidence] == ["1", "2"]
    assert past.ban.failures == 10


def test_history_is_the_newest_first_and_old_history_goes(store: Store) -> None:
    for number in range(4):
        store.commit(Checkpoint(bans=(BanRow(ban(SOMEBODY, number, "x"), number + 0.5, "time"),)))
    store.commit(Checkpoint(bans=(BanRow(ban(SOMEBODY, 9.0)),)))
    assert [past.ban.time for past in store.history(SOMEBODY, 3)] == [9, 3, 2]
    assert store.purge(2.5) == 2
    assert [past.ban.time for past in store.history(SOMEBODY, 9)] == [9, 3, 2]
    assert store._query("SELECT count(*) FROM evidence") == [(2,)]
    assert store.purge(1e12) == 2
    assert store.count() == 1


@pytest.mark.parametrize("is_new", [False, True])
def test_what_a_line_weighed_is_kept(store: Store, *, is_new: bool) -> None:
    for number, (line, weight) in enumerate((("a", 1.75), ("b", 0.25))):
        spoken = (Evidence(NOW, "rule", line, "/log", weight),)
        laid = Ban("jail", SOMEBODY, NOW, NOW + 600, 5, "rule", spoken)
        store.commit(Checkpoint(bans=(BanRow(laid, is_new=is_new and not number),)))
    (past,) = store.history(SOMEBODY, 9)
    assert [(item.line, item.weight) for item in past.ban.evidence] == [("a", 1.75), ("b", 0.25)]


def test_evidence_of_one_ban_is_capped_however_often_it_is_stored(store: Store) -> None:
    other = ban(NETWORK, NOW, "kept")
    store.commit(Checkpoint(bans=(BanRow(other),)))
    for number in range(20):
        lines = [f"{number}-{n}" for n in range(10)]
        store.commit(Checkpoint(bans=(BanRow(ban(SOMEBODY, NOW, *lines)),)))
    (past,) = store.history(SOMEBODY, 1)
    assert [item.line for item in past.ban.evidence] == [
        f"{number}-{n}" for number in range(15, 20) for n in range(10)
    ]
    assert len(past.ban.evidence) == MAX_EVIDENCE
    assert len(store.history(NETWORK, 1)[0].ban.evidence) == 1


def test_a_ban_laid_again_for_a_line_of_the_same_time_takes_its_old_place(store: Store) -> None:
    first = ban(SOMEBODY, NOW, "first")
    store.commit(Checkpoint(bans=(BanRow(first, ended=NOW + 1, ended_by="success"),)))
    again, another = ban(SOMEBODY, NOW, "again"), ban(ANOTHER, NOW, "another")
    rows = (BanRow(another, is_new=True), BanRow(again, is_new=True))
    store.commit(Checkpoint(bans=rows))
    assert [each.subject for each in store.load().active] == [SOMEBODY, ANOTHER]
    (known,) = store.history(SOMEBODY, 10)
    assert [each.line for each in known.ban.evidence] == ["first", "again"]
    (known,) = store.history(ANOTHER, 10)
    assert [each.line for each in known.ban.evidence] == ["another"]


@pytest.mark.parametrize("number", [AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE + 1])
def test_many_rows_are_written_as_each_alone_would_be(store: Store, number: int) -> None:
    subjects = [Subject.parse(f"198.51.100.{last}") for last in range(number)]
    tracked = {("jail", each): f"state of {each}" for each in subjects}
    for round_, is_new in enumerate((True, False, False)):
        bans = [ban(each, NOW, *(f"{round_}-{n} {each}" for n in range(20))) for each in subjects]
        rows = tuple(BanRow(each, is_new=is_new) for each in bans)
        store.commit(Checkpoint(bans=rows, tracked=tracked))
    assert {each.subject for each in store.load().active} == set(subjects)
    assert store.load().tracked == tracked
    for each in subjects:
        (past,) = store.history(each, 10)
        lines = [f"{round_}-{n} {each}" for round_ in range(3) for n in range(20)]
        assert [item.line for item in past.ban.evidence] == lines[-MAX_EVIDENCE:]


def test_where_one_of_many_new_bans_is_known_all_are_written(store: Store) -> None:
    subjects = [Subject.parse(f"198.51.100.{last}") for last in range(AT_ONCE + 9)]
    for known in (subjects[AT_ONCE - 3], subjects[AT_ONCE + 3]):
        store.commit(Checkpoint(bans=(BanRow(ban(known, NOW, "first"), NOW + 1, "time"),)))
    rows = tuple(BanRow(ban(each, NOW, "again"), is_new=True) for each in subjects)
    store.commit(Checkpoint(bans=rows))
    assert {each.subject for each in store.load().active} == set(subjects)
    assert store.count() == len(subjects)
    lines = [len(store.history(each, 1)[0].ban.evidence) for each in subjects]
    assert sorted(lines) == [1] * (len(subjects) - 2) + [2, 2]


def test_new_bans_are_numbered_behind_the_old_ones(store: Store) -> None:
    for number in range(3):
        who = (ban(SOMEBODY, NOW + number, f"{number}"), ban(ANOTHER, NOW + number, f"-{number}"))
        store.commit(Checkpoint(bans=tuple(BanRow(each, is_new=True) for each in who)))
        store.purge(0)
    lines = [[e.line for e in each.ban.evidence] for each in store.history(ANOTHER, 10)]
    assert lines == [["-2"], ["-1"], ["-0"]]


def test_undecodable_names_and_great_numbers_are_no_obstacle(store: Store) -> None:
    """What SQLite refuses would otherwise come again with every later checkpoint."""
    hostile = os.fsdecode(b"/var/log/\xff\xfe.log")
    strange = Ban(
        "jail", SOMEBODY, NOW, None, 1, "rule", (Evidence(NOW, "r", "\ud800", hostile),),
        BanOrigin.HAND, "\udcff",
    )  # fmt: skip
    kept = position(2**64 - 1, path=hostile)
    gone = position(2**63, path=hostile)
    user = Subject(SubjectKind.USER, "", "\udcff")
    store.commit(
        Checkpoint(
            bans=(BanRow(strange),),
            floors={user: NOW},
            allowed={"::1": Allowed("::1", NOW, None, "\udcff")},
            tracked={("jail", user): "[]"},
            positions=(kept, gone),
        )
    )
    store.commit(Checkpoint(retired=(gone,)))
    assert store.load().positions == (kept,)
    (past,) = store.history(SOMEBODY, 1)
    assert past.ban.reason == "\\udcff"
    assert past.ban.evidence == (Evidence(NOW, "r", "\\ud800", "/var/log/\\udcff\\udcfe.log"),)
    assert store.load().allowed == (Allowed("::1", NOW, None, "\\udcff"),)


def test_a_commit_that_fails_changes_nothing(store: Store) -> None:
    store.commit(Checkpoint(floors={SOMEBODY: NOW}))
    broken = Checkpoint(
        bans=(BanRow(ban()),),
        floors={USER: NOW},
        tracked={("jail", USER): b"\0"},  # type: ignore[dict-item]  # passes
    )
    store._database.execute(
        "CREATE TRIGGER no BEFORE INSERT ON tracked BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(LedgerError, match=r"can't be written: no"):
        store.commit(broken)
    assert store.load() == Stored(floors={SOMEBODY: NOW})
    store._database.execute("DROP TRIGGER no")
    store.commit(broken)
    assert len(store.load().active) == 1


def test_a_full_disk(store: Store) -> None:
    (pages,) = store._query("PRAGMA page_count")[0]
    store._query(f"PRAGMA max_page_count = {pages}")
    great = Checkpoint(
        tracked={("jail", Subject.parse(f"10.0.{n}.1")): "x" * 9000 for n in range(9)}
    )
    with pytest.raises(LedgerError, match="full"):
        store.commit(great)
    store._query(f"PRAGMA max_page_count = {pages + 100}")
    store.commit(great)
    assert store.load().tracked == great.tracked


def test_a_disk_that_is_full_of_new_bans_is_said_to_be_full(store: Store) -> None:
    (pages,) = store._query("PRAGMA page_count")[0]
    store._query(f"PRAGMA max_page_count = {pages}")
    bans = [ban(Subject.parse(f"10.0.{n}.1"), NOW, "x" * 1000) for n in range(20)]
    new = Checkpoint(bans=tuple(BanRow(each, is_new=True) for each in bans))
    with pytest.raises(LedgerUnwritable, match="full"):
        store.commit(new)
    store._query(f"PRAGMA max_page_count = {pages + 100}")
    store.commit(new)
    assert store.count() == 20


def test_wal_and_full_synchronization(store: Store, path: Path) -> None:
    assert store._query("PRAGMA journal_mode") == [("wal",)]
    assert store._query("PRAGMA synchronous") == [(2,)]
    assert path.with_name(f"{path.name}-wal").exists()


def test_the_database_of_a_newer_logban_is_left_alone(path: Path) -> None:
    Store(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    for _ in range(2):  # nothing of the first attempt is in the second one's way
        with pytest.raises(LedgerError, match="written by a newer one"):
            Store(path)


@pytest.mark.parametrize(
    "content", [b"this is no database\n" * 500, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"can't be opened: .*; check the directory"):
            Store(path)
    assert path.read_bytes() == content


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="can't be made: No such file"):
        Store(tmp_path / "missing" / "logban.sqlite3")


def test_a_database_whose_pages_are_broken(path: Path) -> None:
    store = Store(path)
    store.commit(Checkpoint(tracked={("jail", SOMEBODY): "x" * 100_000}))
    store._query("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    store = Store(path)
    try:
        for broken in (store.load, store.count, lambda: store.history(SOMEBODY, 1)):
            with pytest.raises(LedgerError, match=r"can't be read: .*malformed"):
                broken()
        with pytest.raises(LedgerError, match="can't be written"):
            store.purge(NOW)
        with pytest.raises(LedgerError, match="can't be written"):
            store.commit(Checkpoint(bans=(BanRow(ban()),)))
    finally:
        store.close()


def test_a_second_daemon_is_kept_out(store: Store, path: Path) -> None:
    with pytest.raises(LedgerError, match="another logban uses the ledger"):
        Store(path)
    store.commit(Checkpoint(floors={SOMEBODY: NOW}))


WRITER = """
import sys
from pathlib import Path
from logban.ledger.records import BanRow, Checkpoint
from logban.ledger.store import Store
from logban.model import Ban, Evidence, Position, Subject

store = Store(Path(sys.argv[1]))
start = store.count()
for number in range(start + 1, 1_000_000):
    subject = Subject.parse(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    evidence = tuple(Evidence(number, "r", "x" * 500, "s") for _ in range(5))
    store.commit(
        Checkpoint(
            bans=(BanRow(Ban("jail", subject, number, None, 5, "r", evidence)),),
            floors={subject: float(number)},
            tracked={("jail", subject): f"[{number}]"},
            positions=(Position("/log", 1, 1, number, b"", 0),),
        )
    )
    print(number, flush=True)
"""


def test_after_a_kill_every_checkpoint_is_whole_or_absent(path: Path) -> None:
    """What was reported as committed is there; of the next one there is all or nothing."""
    for kill_behind in (1, 7, 20, 33):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            reported = 0
            for _ in range(kill_behind):
                reported = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            reported = int((writer.stdout.read().split() or [reported])[-1])
        store = Store(path)
        stored = store.load()
        (at,) = stored.positions
        assert reported <= at.offset <= reported + 1
        numbers = set(range(1, at.offset + 1))
        assert {int(each.time) for each in stored.active} == numbers
        assert set(stored.floors.values()) == numbers
        assert {int(text[1:-1]) for text in stored.tracked.values()} == numbers
        assert store._query("SELECT count(*) FROM evidence") == [(5 * len(numbers),)]
        assert store._query("PRAGMA integrity_check") == [("ok",)]
        store.close()
