# SPDX-License-Identifier: MIT
"""All followed files as one stream, woken by real events."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from logban.model import Block, Position
from logban.sources import files as module
from logban.sources.files import FileSources
from logban.sources.mounts import Mount
from logban.sources.older import GRACE
from logban.sources.report import SourceReport, SourceState
from logban.testing import FakeClock
from logban.testing.waiting import LIMIT


class Stream:
    """Sources, and what they give, taken as a daemon takes it."""

    def __init__(self, positions: Iterable[Position] = ()) -> None:
        self.clock = FakeClock()
        self.sources = FileSources(clock=self.clock, positions=positions)
        self._blocks: AsyncIterator[Block] | None = None

    async def block(self) -> Block:
        if self._blocks is None:
            self._blocks = self.sources.blocks()
        return await anext(self._blocks)

    async def data(self, length: int) -> dict[str, bytes]:
        """Take blocks until there are that many bytes; give them by the names of the files."""
        found: dict[str, bytes] = {}
        while sum(map(len, found.values())) < length:
            block = await self.block()
            name = Path(block.source).name
            found[name] = found.get(name, b"") + block.data
        return found

    async def settle(self) -> None:
        """Let everything that is ready be read, where nothing is expected."""
        waiting = asyncio.ensure_future(self.block())
        await asyncio.sleep(0)
        # However many turns the stream leaves to others, and whatever events come meanwhile.
        while self.sources._ready or self.sources._woken.is_set():  # noqa: ASYNC110  # being idle is no event
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        self._blocks = None

    def report(self, path: Path) -> SourceReport:
        return {report.path: report for report in self.sources.report()}[str(path)]


@asynccontextmanager
async def stream(positions: Iterable[Position] = ()) -> AsyncIterator[Stream]:
    stream = Stream(positions)
    try:
        yield stream
    finally:
        stream.sources.close()


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), LIMIT)

    asyncio.run(bounded())


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_what_is_there_and_what_comes(tmp_path: Path) -> None:
    async def story() -> None:
        log = tmp_path / "log"
        append(log, b"1\n")
        async with stream() as taken:
            taken.sources.follow([str(log)])
            block = await taken.block()
            assert (block.data, block.live, block.source) == (b"1\n", False, str(log))
            append(log, b"2\n")
            block = await taken.block()
            assert (block.data, block.live) == (b"2\n", True)

    run(story)


def test_events_alone_are_enough_for_rotation_and_new_directories(tmp_path: Path) -> None:
    async def story() -> None:
        log = tmp_path / "new" / "log"
        async with stream() as taken:
            taken.sources.follow([str(log)])
            waiting = asyncio.ensure_future(taken.block())
            await asyncio.sleep(0)
            log.parent.mkdir()
            append(log, b"1\n")
            assert (await waiting).data == b"1\n"
            old = log.rename(f"{log}.1")
            append(old, b"2\n")
            append(log, b"3\n")
            assert await taken.data(4) == {"log": b"2\n3\n"}
            append(old, b"4\n")
            assert await taken.data(2) == {"log": b"4\n"}

    run(story)


def test_globs(tmp_path: Path) -> None:
    async def story() -> None:
        for name in ("a.log", "b.log", "c.txt"):
            append(tmp_path / name, name.encode() + b"\n")
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/*.log"])
            assert await taken.data(12) == {"a.log": b"a.log\n", "b.log": b"b.log\n"}
            append(tmp_path / "d.log", b"d.log\n")
            block = await taken.block()
            assert (block.data, block.live) == (b"d.log\n", True)
            (tmp_path / "a.log").unlink()
            taken.sources.rescan()
            await taken.settle()
            taken.clock.advance(GRACE)
            taken.sources.rescan()
            await taken.settle()
            taken.sources.rescan()
            assert [Path(report.path).name for report in taken.sources.report()] == [
                "b.log",
                "d.log",
            ]

    run(story)


def test_one_reader_a_file_whatever_leads_to_it(tmp_path: Path) -> None:
    async def story() -> None:
        log, link, hard = tmp_path / "log", tmp_path / "link", tmp_path / "other"
        append(log, b"1\n")
        link.symlink_to(log)
        async with stream() as taken:
            taken.sources.follow([str(log), str(link)])
            taken.sources.follow([f"{tmp_path}/lo*", str(hard)])
            block = await taken.block()
            assert block.source == str(log)
            hard.hardlink_to(log)
            taken.sources.rescan()
            await taken.settle()
            assert taken.sources.patterns_of(str(log)) == {
                str(log),
                str(link),
                f"{tmp_path}/lo*",
                str(hard),
            }
            assert taken.report(log).patterns == (str(link), f"{tmp_path}/lo*", str(log))
            assert taken.report(hard).reason == f"it is being read as {log}"
            assert taken.sources.patterns_of("/none") == frozenset()

    run(story)


@pytest.mark.parametrize("how", ["rotated", "linked"])
def test_events_of_another_name_wake_whoever_reads_the_file(tmp_path: Path, how: str) -> None:
    """No rescan comes: only the kernel's word of the name that was written to."""

    async def story() -> None:
        log, other = tmp_path / "log", tmp_path / "log.1"
        append(log, b"1\n")
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/*"])
            assert await taken.data(2) == {"log": b"1\n"}
            if how == "linked":
                other = tmp_path / "another"
                other.hardlink_to(log)
            else:
                log.rename(other)
                append(log, b"2\n")
                log.rename(f"{log}.2")
                append(log, b"3\n")
                assert await taken.data(4) == {"log": b"2\n3\n"}
            taken.sources.rescan()
            await taken.settle()
            assert taken.report(other).reason == f"it is being read as {log}"
            append(other, b"late\n")
            assert await taken.data(5) == {"log": b"late\n"}

    run(story)


def test_a_link_that_is_laid_to_another_file(tmp_path: Path) -> None:
    async def story() -> None:
        one, two, link = tmp_path / "one", tmp_path / "two", tmp_path / "link"
        append(one, b"1\n")
        link.symlink_to(one)
        async with stream() as taken:
            taken.sources.follow([str(link)])
            assert await taken.data(2) == {"one": b"1\n"}
            append(two, b"2\n")
            link.unlink()
            link.symlink_to(two)
            append(one, b"late\n")
            assert await taken.data(7) == {"one": b"late\n", "two": b"2\n"}
            assert taken.sources.patterns_of(str(one)) == {str(link)}
            taken.clock.advance(GRACE)
            taken.sources.rescan()
            await taken.settle()
            taken.sources.rescan()
            assert [report.path for report in taken.sources.report()] == [str(two)]

    run(story)


def test_every_file_has_its_turn(tmp_path: Path) -> None:
    async def story() -> None:
        for name in "abc":
            append(tmp_path / name, b"x" * 99 + b"\n")
        append(tmp_path / "big", (b"x" * 99 + b"\n") * 50_000)
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/big", f"{tmp_path}/?"])
            first = [Path((await taken.block()).source).name for _ in range(5)]
            assert sorted(first[:4]) == ["a", "b", "big", "c"]
            assert first[4] == "big"

    run(story)


def test_the_loop_turns_between_two_blocks(tmp_path: Path) -> None:
    async def story() -> None:
        append(tmp_path / "log", (b"x" * 99 + b"\n") * 50_000)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/log"])
            for _ in range(10):
                await taken.block()
        counting.cancel()
        assert turns >= 9

    run(story)


def test_forgetting_and_following_again(tmp_path: Path) -> None:
    async def story() -> None:
        log, other = tmp_path / "log", tmp_path / "other"
        append(log, b"1\n")
        append(other, b"1\n")
        async with stream() as taken:
            taken.sources.follow([str(log), str(other), f"{tmp_path}/o*"])
            await taken.data(4)
            taken.sources.forget([str(log), str(other)])
            assert [report.path for report in taken.sources.report()] == [str(other)]
            append(log, b"2\n")
            await taken.settle()
            taken.sources.follow([str(log)])
            assert await taken.data(2) == {"log": b"2\n"}

    run(story)


def test_forgetting_a_file_that_is_about_to_be_read(tmp_path: Path) -> None:
    async def story() -> None:
        log, other = tmp_path / "log", tmp_path / "other"
        append(log, b"1\n")
        async with stream() as taken:
            taken.sources.follow([str(log)])
            taken.sources.forget([str(log)])
            append(other, b"2\n")
            taken.sources.follow([str(other)])
            assert await taken.data(2) == {"other": b"2\n"}

    run(story)


def test_restart(tmp_path: Path) -> None:
    async def story() -> None:
        log, quiet = tmp_path / "log", tmp_path / "quiet"
        append(log, b"1\n")
        append(quiet, b"1\n")
        async with stream() as taken:
            taken.sources.follow([str(log)])
            taken.sources.follow([str(quiet)], start="tail")
            await taken.data(2)
            saved = taken.sources.take_changed()
            assert taken.sources.take_changed() == ()
            assert taken.sources.take_retired() == ()
        append(log, b"2\n")
        log.rename(f"{log}.1")
        append(log, b"3\n")
        append(quiet, b"2\n")
        async with stream(saved) as taken:
            taken.sources.follow([str(log)])
            taken.sources.follow([str(quiet)], start="tail")
            assert await taken.data(6) == {"log": b"2\n3\n", "quiet": b"2\n"}

    run(story)


def test_head_wins_over_tail(tmp_path: Path) -> None:
    async def story() -> None:
        append(tmp_path / "log", b"1\n")
        async with stream() as taken:
            taken.sources._followed[f"{tmp_path}/l*"] = module._Followed(
                module.Backend.AUTO, module.Start.TAIL
            )
            taken.sources.follow([f"{tmp_path}/log"])
            assert await taken.data(2) == {"log": b"1\n"}

    run(story)


def test_blocks_can_be_begun_anew(tmp_path: Path) -> None:
    async def story() -> None:
        append(tmp_path / "log", b"1\n")
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/log"])
            async for block in taken.sources.blocks():
                assert block.data == b"1\n"
                break
            append(tmp_path / "log", b"2\n")
            async for block in taken.sources.blocks():
                assert block.data == b"2\n"
                break

    run(story)


def test_close_ends_the_stream(tmp_path: Path) -> None:
    async def story() -> None:
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/log"])
            waiting = asyncio.ensure_future(taken.block())
            await asyncio.sleep(0)
            taken.sources.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    run(story)


def test_report(tmp_path: Path) -> None:
    async def story() -> None:
        log = tmp_path / "log"
        append(log, (b"x" * 99 + b"\n") * 10_000)
        async with stream() as taken:
            taken.sources.follow([str(log), f"{tmp_path}/none/log"])
            await taken.block()
            report = taken.report(log)
            assert report.state is SourceState.CATCHING_UP
            assert report.size == report.offset + report.lag == 1_000_000
            assert 0.02 < report.progress < 0.3
            await taken.data(report.lag)
            report = taken.report(log)
            assert (report.state, report.lag, report.lines) == (SourceState.FOLLOWING, 0, 10_000)
            assert report.progress == 1.0
            assert (report.watching, report.watching_reason) == ("inotify", "")
            waiting = taken.report(tmp_path / "none" / "log")
            assert waiting.state is SourceState.WAITING
            assert waiting.reason == "there is no such file"
            assert waiting.watching == "rescan"
            assert waiting.progress == 1.0
            assert (report.was_read, waiting.was_read) == (True, False)
            positions = taken.sources.take_changed()
        log.unlink()
        async with stream(positions) as taken:
            taken.sources.follow([str(log), f"{tmp_path}/other"])
            assert taken.report(log).was_read
            assert not taken.report(tmp_path / "other").was_read

    run(story)


def test_the_backend_can_be_chosen(tmp_path: Path) -> None:
    async def story() -> None:
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/a"], backend="inotify")
            assert taken.report(tmp_path / "a").watching == "inotify"
            taken.sources.follow([f"{tmp_path}/b"], backend="polling")
            report = taken.report(tmp_path / "a")
            assert (report.watching, report.watching_reason) == (
                "polling",
                "the configuration says so",
            )

    run(story)


def test_mounts_are_handed_in(tmp_path: Path) -> None:
    async def story() -> None:
        sources = FileSources(clock=FakeClock(), mounts=lambda: (Mount("/", "nfs"),))
        sources.follow([f"{tmp_path}/log"])
        assert sources.report()[0].watching == "polling"
        sources.close()

    run(story)


def test_progress_of_a_big_first_read_is_logged(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(module, "_BIG", 500_000)
    caplog.set_level(logging.INFO, "logban.sources.files")

    async def story() -> None:
        log = tmp_path / "log"
        append(log, (b"x" * 99 + b"\n") * 10_000)
        async with stream() as taken:
            taken.sources.follow([str(log)])
            await taken.data(500_000)
            taken.sources.rescan()
            taken.clock.advance(5)
            taken.sources.rescan()
            await taken.data(taken.report(log).lag)
            taken.sources.rescan()
            taken.sources.rescan()

    run(story)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert said[0].endswith("log': 0 of 1 MB, 0 %")
    assert re.search(r" [5-9]\d %$", said[1])
    assert said[2].endswith("caught up, 10000 lines")
