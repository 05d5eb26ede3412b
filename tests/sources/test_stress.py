# SPDX-License-Identifier: MIT
"""Every line once and in order, whatever rotates, truncates, stops and starts in between."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from logban.clock import SystemClock
from logban.model import Position
from logban.sources.files import FileSources
from logban.sources.follower import FileFollower
from logban.sources.older import GRACE
from logban.testing.waiting import LIMIT


class Program:
    """A program that logs, and all that is done to its log; each line says which file it is in."""

    def __init__(self, bench, chance: random.Random, longest: int) -> None:
        self.bench = bench
        self.longest = longest
        self.chance = chance
        self.written: dict[int, list[bytes]] = {}
        self.file = 0
        self.writers: list[tuple[int, int]] = []
        self.unfinished: dict[int, bytes] = {}
        self.reopen()

    def reopen(self) -> None:
        self.file += 1
        flags = os.O_WRONLY | os.O_CREAT | self.chance.choice([0, os.O_APPEND])
        self.writers.append((self.file, os.open(self.bench.path, flags)))

    def log(self, which: int = -1) -> None:
        """Write some lines, and perhaps a part of one more; ``which``: 0 is the oldest file."""
        file, writer = self.writers[which]
        lines = self.written.setdefault(file, [])
        data = b""
        for _ in range(self.chance.randrange(1, 6)):
            line = b"%d:%d %s" % (file, len(lines), b"x" * self.chance.randrange(self.longest))
            lines.append(line)
            data += line + b"\n"
        data = self.unfinished.pop(writer, b"") + data
        cut = self.chance.choice([len(data), self.chance.randrange(len(data))])
        os.write(writer, data[:cut])
        if cut < len(data):
            self.unfinished[writer] = data[cut:]

    def complete(self, writer: int) -> None:
        os.write(writer, self.unfinished.pop(writer, b""))

    def rename(self) -> None:
        """Shift the older files by one, as logrotate does; at most one of them is written to."""
        if len(self.writers) > 1:
            self.let_go_of_older()
            self.log()
        for number in range(40, 0, -1):
            older = Path(f"{self.bench.path}.{number}")
            if older.exists():
                older.rename(f"{self.bench.path}.{number + 1}")
        self.bench.rotate(".1")
        self.reopen()

    def let_go_of_older(self) -> None:
        for _, writer in self.writers[:-1]:
            self.complete(writer)
            os.close(writer)
        del self.writers[:-1]

    def close(self) -> None:
        self.let_go_of_older()
        self.complete(self.writers[0][1])
        os.close(self.writers[0][1])


class Taker:
    """A follower that is stopped and resumed, and all that it has given."""

    def __init__(self, bench) -> None:
        self.bench = bench
        self.lines: list[bytes] = []
        self.saved: tuple[Position, ...] = ()
        self.follower: FileFollower = bench.follow()

    def take(self, blocks: int = 1_000_000, limit: int = 256 * 1024) -> None:
        for _ in range(blocks):
            block = self.follower.read(limit)
            if block is not None:
                self.lines += block.data[:-1].split(b"\n")
            if self.follower.drained:
                break

    def catch_up(self) -> None:
        self.follower.look()
        self.take()

    def restart(self) -> None:
        self.follower = self.bench.restart()


class Story:
    """What can happen, in any order."""

    def __init__(self, bench, seed: int) -> None:
        self.bench = bench
        self.chance = random.Random(seed)  # noqa: S311  # it need not be secret
        # Where lines are long, what comes before an offset is alike in all files.
        self.program = Program(bench, self.chance, longest=60 if seed % 4 else 3000)
        self.taker = Taker(bench)
        self.taker.catch_up()

    def lines_are_written(self) -> None:
        self.program.log()

    def late_lines_are_written(self) -> None:
        """A program may go on in the file that was renamed, until it reopens its log."""
        self.program.log(which=max(-2, -len(self.program.writers)))
        self.program.log()

    def some_is_read(self) -> None:
        self.taker.follower.look()
        self.taker.take(self.chance.randrange(4), self.chance.choice([100, 300, 256 * 1024]))

    def all_is_read(self) -> None:
        self.taker.catch_up()

    def the_daemon_restarts(self) -> None:
        self.taker.restart()

    def the_log_is_renamed(self) -> None:
        self.program.rename()

    def the_log_is_renamed_again_and_again(self) -> None:
        self.program.log()
        for _ in range(self.chance.randrange(3)):
            self.program.rename()
            self.program.log()

    def the_log_is_truncated(self) -> None:
        """Nobody can read what is truncated before he has looked, so he has."""
        self.program.complete(self.program.writers[-1][1])
        self.taker.catch_up()
        os.truncate(self.bench.path, 0)
        self.program.log()

    def old_files_are_removed(self) -> None:
        self.program.let_go_of_older()
        self.taker.catch_up()
        self.bench.clock.advance(GRACE)
        self.taker.catch_up()
        for older in list(self.bench.path.parent.iterdir()):
            if older != self.bench.path and self.chance.randrange(2):
                older.unlink()


@pytest.mark.parametrize("seed", range(60))
def test_every_line_once_and_in_order(bench, seed: int) -> None:
    story = Story(bench, seed)
    events = [
        *[story.lines_are_written] * 4,
        story.late_lines_are_written,
        story.some_is_read,
        story.all_is_read,
        story.the_daemon_restarts,
        story.the_log_is_renamed,
        story.the_log_is_renamed_again_and_again,
        story.the_log_is_truncated,
        story.old_files_are_removed,
    ]
    for event in story.chance.choices(events, k=150):
        event()
    story.program.close()
    story.taker.catch_up()
    story.taker.catch_up()
    found: dict[int, list[bytes]] = {}
    for line in story.taker.lines:
        found.setdefault(int(line.partition(b":")[0]), []).append(line)
    assert found == story.program.written


WRITER = """
import os, sys, time
path, total, every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
file, rotations = open(path, "ab", buffering=0), 0
for number in range(total):
    file.write(b"%d\\n" % number)
    if number % every == every - 1:
        rotations += 1
        os.rename(path, f"{path}.{rotations}")
        file.write(b"late %d\\n" % rotations)
        file = open(path, "ab", buffering=0)
        if rotations % 4 == 0:
            time.sleep(0.01)
"""


def test_a_program_that_rotates_faster_than_anyone_looks(tmp_path: Path) -> None:
    """Renames come in bursts; the reader is stopped and resumed as it goes."""
    total, every = 30_000, 300
    lines: list[bytes] = []
    rows: dict[tuple[str, int, int], Position] = {}
    log = tmp_path / "log"

    async def take_some(blocks: int, writer: subprocess.Popen[bytes]) -> None:
        sources = FileSources(clock=SystemClock(), positions=rows.values())
        sources.follow([str(log)])

        async def rescan() -> None:
            while True:
                await asyncio.sleep(0.05)
                sources.rescan()
                if writer.poll() is not None and sum(r.lag for r in sources.report()) == 0:
                    sources.close()

        rescanning = asyncio.create_task(rescan())
        try:
            async for block in sources.blocks():
                lines.extend(block.data[:-1].split(b"\n"))
                blocks -= 1
                if not blocks:
                    break
        finally:
            rescanning.cancel()
            sources.close()
        for gone in sources.take_retired():
            rows.pop((gone.path, gone.device, gone.inode), None)
        for at in sources.take_changed():
            rows[at.path, at.device, at.inode] = at

    log.touch()
    sources = FileSources(clock=SystemClock())
    sources.follow([str(log)])
    sources.close()
    rows = {(at.path, at.device, at.inode): at for at in sources.take_changed()}
    with subprocess.Popen([sys.executable, "-c", WRITER, log, str(total), str(every)]) as writer:
        chance = random.Random(1)  # noqa: S311  # it need not be secret
        while writer.poll() is None:
            asyncio.run(asyncio.wait_for(take_some(chance.randrange(1, 60), writer), LIMIT))
        asyncio.run(asyncio.wait_for(take_some(1_000_000, writer), LIMIT))
    assert writer.returncode == 0
    numbers = [int(line) for line in lines if not line.startswith(b"late")]
    late = [int(line.split()[1]) for line in lines if line.startswith(b"late")]
    assert sorted(numbers) == list(range(total))
    assert sorted(late) == list(range(1, total // every + 1))
    of_file: dict[int, int] = {}
    for number in numbers:
        assert of_file.get(number // every, -1) < number
        of_file[number // every] = number
