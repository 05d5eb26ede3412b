# SPDX-License-Identifier: MIT
"""Old logs: read once from beginning to end, matched, judged, in their own time."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.config.settings import JailSettings, ServerSettings
from logban.errors import UsageError
from logban.matching.definition import Expression, FilterDefinition, Rule
from logban.matching.matcher import Matcher
from logban.model import Change, ChangeKind, Origin
from logban.offline.replay import Replay
from logban.offline.trying import Log, Matched, Missed, Sought, try_filter
from logban.policy.bantime import Growth
from logban.sources import offline
from logban.sources.offline import BLOCK_SIZE, MAX_LINE, open_log, read_blocks

ORIGIN = Origin("test", 1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
TEN = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
FILTER = FilterDefinition(
    "test",
    ORIGIN,
    (Rule("refused", Expression("refused <F-USER>\\S+</F-USER> from <HOST>", ORIGIN)),),
)


class Trickle(io.RawIOBase):
    """A stream that gives as much at a time as it is told to."""

    def __init__(self, data: bytes, sizes: Iterator[int]) -> None:
        self._left = io.BytesIO(data)
        self._sizes = sizes

    def read(self, size: int = -1) -> bytes:
        return self._left.read(min(size, next(self._sizes, size)))


def lines_of(stream: IO[bytes]) -> list[tuple[int, bytes]]:
    """Give every line with its offset."""
    lines = []
    for block in read_blocks(stream, "x", offline.BLOCK_SIZE):
        assert block.data.endswith(b"\n")
        assert not block.live
        offset = block.offset
        for line in block.data.split(b"\n")[:-1]:
            lines.append((offset, line))
            offset += len(line) + 1
    return lines


def expected(data: bytes, limit: int) -> list[tuple[int, bytes]]:
    lines = []
    offset = 0
    for line in data.removesuffix(b"\n").split(b"\n") if data else []:
        lines.append((offset, line[:limit]))
        offset += len(line) + 1
    return lines


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" ")), max_size=8),
    st.booleans(),
    st.lists(st.integers(1, 40), max_size=30),
)
def test_every_line_comes_once_and_at_its_offset(
    lines: list[bytes], ended: bool, sizes: list[int]
) -> None:
    """Long ones are cut, however the stream comes in pieces."""
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offline, "MAX_LINE", 10)
        patch.setattr(offline, "BLOCK_SIZE", 7)
        found = lines_of(Trickle(data, iter(sizes)))  # type: ignore[arg-type]  # all that is asked of it
    assert found == expected(data, 10)


def test_lines_at_the_limit() -> None:
    """What lies behind a line that is too long is whole again."""
    lines = [b"a" * MAX_LINE, b"b" * (MAX_LINE + 1), b"c", b"d" * (3 * MAX_LINE + 7), b"e"]
    data = b"\n".join(lines)
    found = lines_of(io.BytesIO(data))
    assert found == expected(data, MAX_LINE)
    assert [len(line) for _, line in found] == [MAX_LINE, MAX_LINE, 1, MAX_LINE, 1]


def test_blocks_are_small() -> None:
    data = b"a line of a log\n" * 100_000
    sizes = [len(block.data) for block in read_blocks(io.BytesIO(data), "x")]
    assert sum(sizes) == len(data)
    assert max(sizes) <= BLOCK_SIZE + 16


def test_a_log_may_be_compressed_or_come_from_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, packed = tmp_path / "a.log", tmp_path / "a.log.gz"
    plain.write_bytes(b"one\ntwo")
    packed.write_bytes(gzip.compress(b"one\ntwo"))
    for path in (plain, packed):
        with open_log(str(path)) as stream:
            assert lines_of(stream) == [(0, b"one"), (4, b"two")]
    with plain.open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        with open_log("-") as stream:
            assert lines_of(stream) == [(0, b"one"), (4, b"two")]
        assert not text.closed


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.log", None, "No such file"),
        ("text.gz", b"not compressed at all", "[Nn]ot a gzipped file"),
        ("short.gz", gzip.compress(b"x" * 9999)[:30], "ended before"),
        ("broken.gz", gzip.compress(bytes(range(256)) * 99)[:60] + b"\0" * 200, "."),
        ("directory", b"", "directory"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if name == "directory":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{name}: .*{message}"), open_log(str(path)) as stream:
        list(read_blocks(stream, str(path)))


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_filter_over_a_file(tmp_path: Path) -> None:
    filler = ["all is well"] * 20_000  # more than a block
    path = write(
        tmp_path / "a.log",
        "[Nov 20 10:00:00] refused bob from 198.51.100.7",
        "[Nov 20 10:00:00] denied bob 198.51.100.8",
        *filler,
        "[Nov 20 10:00:01] failed \x1b[2J 198.51.100.9",
        "[Nov 20 10:00:02] refused eve from 198.51.100.9: scanner",
    )
    read: list[int] = []
    found = list(
        try_filter(Matcher(FILTER, zone=UTC), Log(path), NOW, read.append, missed=Sought.SUSPECT)
    )
    assert [(each.number, type(each)) for each in found] == [
        (1, Matched),
        (2, Missed),
        (20_003, Missed),
        (20_004, Matched),
    ]
    last = found[-1]
    assert isinstance(last, Matched)
    assert (last.failure.address, last.failure.time) == ("198.51.100.9", TEN + 2)
    assert last.failure.fields == {"user": "eve"}
    missed = found[1]
    assert isinstance(missed, Missed)
    assert missed.line == "[Nov 20 10:00:00] denied bob 198.51.100.8"
    assert sum(read) == Path(path).stat().st_size

    only = list(try_filter(Matcher(FILTER, zone=UTC), Log(path), NOW, read.append))
    assert [each.number for each in only] == [1, 20_004]


def settings(**others: object) -> JailSettings:
    chosen: dict[str, object] = {
        "filter": FILTER, "maxretry": 2, "findtime": 60.0, "bantime": 300.0, "time_zone": "UTC",
    } | others  # fmt: skip
    return JailSettings("jail", ORIGIN, **chosen)  # type: ignore[arg-type]  # as named


def replayed(paths: Sequence[str], **others: object) -> list[Change]:
    replay = Replay(settings(**others), ServerSettings(), NOW)
    return list(replay.run(paths, lambda _: None))


def refused(seconds: int, address: str = "198.51.100.7") -> str:
    moment = datetime.fromtimestamp(TEN + seconds, UTC)
    return f"[{moment:%b %d %H:%M:%S}] refused bob from {address}"


def story(changes: Sequence[Change]) -> list[tuple[str, str, float, float | None]]:
    return [
        (
            change.kind.value,
            str(change.ban.subject),
            change.time - TEN,
            None if change.ban.until is None else change.ban.until - TEN,
        )
        for change in changes
    ]


def test_a_jail_over_an_old_log(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.log",
        refused(0),
        refused(1, "198.51.100.8"),
        refused(30),
        "[Nov 20 10:01:00] all is well",
        refused(100, "198.51.100.8"),
        refused(200),
        refused(210),
        refused(1000, "198.51.100.8"),
        refused(1000, "127.0.0.1"),
        refused(1001, "127.0.0.1"),
        refused(1002, "203.0.113.7"),
        refused(1003, "203.0.113.7"),
    )
    changes = replayed([path], ignore=("203.0.113.0/24",))
    assert story(changes) == [
        ("ban", "198.51.100.7", 30, 330),
        ("extend", "198.51.100.7", 210, 510),
        ("lift", "198.51.100.7", 510, 510),
    ]
    assert [item.line for item in changes[0].ban.evidence] == [refused(0), refused(30)]


def test_bans_grow_and_repeat_offenders_are_banned(tmp_path: Path) -> None:
    failures = (refused(1000 * n + m) for n in range(3) for m in range(2))
    path = write(tmp_path / "a.log", *failures)
    again = JailSettings(
        "again", ORIGIN, maxretry=3, findtime=5000.0, bantime=9000.0, recidive=True
    )
    grown = settings(growth=Growth(multipliers=(1, 2, 3)))
    replay = Replay(grown, ServerSettings(), NOW, [again])
    changes = list(replay.run([path], lambda _: None))
    assert [
        (each.ban.jail, *row[2:]) for each, row in zip(changes, story(changes), strict=True)
    ] == [
        ("jail", 1, 301),
        ("jail", 301, 301),
        ("jail", 1001, 1601),
        ("jail", 1601, 1601),
        ("jail", 2001, 2901),
        ("again", 2001, 11001),
    ]
    assert [each.ban.offence for each in changes] == [1, 1, 2, 2, 3, 1]


def test_several_logs_are_read_as_one(tmp_path: Path) -> None:
    first = write(tmp_path / "a.log", refused(0), refused(500))
    second = write(tmp_path / "b.log", refused(10), refused(520))
    expected_story = [
        ("ban", "198.51.100.7", 10, 310),
        ("lift", "198.51.100.7", 310, 310),
        ("ban", "198.51.100.7", 520, 820),
    ]
    assert story(replayed([first, second])) == expected_story
    assert story(replayed([second, first])) == expected_story


def test_a_log_whose_clock_was_set_back(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", refused(0), refused(1000, "198.51.100.8"), refused(1))
    assert story(replayed([path])) == []
    path = write(tmp_path / "a.log", refused(0), refused(50, "198.51.100.8"), refused(10))
    assert story(replayed([path])) == [("ban", "198.51.100.7", 10, 310)]


def test_lines_without_a_date_are_as_old_as_the_failure_before(tmp_path: Path) -> None:
    undated = "refused bob from 198.51.100.7"
    assert story(replayed([write(tmp_path / "a.log", refused(5), undated)])) == [
        ("ban", "198.51.100.7", 5, 305)
    ]
    (change,) = replayed([write(tmp_path / "b.log", undated, undated)])
    assert change.time == NOW


def test_for_ever_and_without_a_filter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", refused(0), refused(1), refused(9000, "198.51.100.8"))
    (change,) = replayed([path], bantime=None)
    assert (change.kind, change.ban.until) == (ChangeKind.BAN, None)
    assert replayed([path], filter=None) == []


def test_a_log_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        replayed([str(tmp_path / "missing.log")])
