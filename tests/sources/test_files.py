# SPDX-License-Identifier: MIT
"""All followed files as one stream, woken by real events."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import pytest

from logban.sources import files as module
from logban.sources.files import FileSources
from logban.sources.mounts import Mount
from logban.sources.report import SourceState
from logban.testing import FakeClock
from logban.testing.waiting import run


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_what_is_there_and_what_comes(tmp_path: Path, stream) -> None:
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


def test_events_alone_are_enough_for_rotation_and_new_directories(tmp_path: Path, stream) -> None:
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


def test_every_file_has_its_turn(tmp_path: Path, stream) -> None:
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


def test_the_loop_turns_between_two_blocks(tmp_path: Path, stream) -> None:
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


def test_restart(tmp_path: Path, stream) -> None:
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


def test_head_wins_over_tail(tmp_path: Path, stream) -> None:
    async def story() -> None:
        append(tmp_path / "log", b"1\n")
        async with stream() as taken:
            taken.sources._followed[f"{tmp_path}/l*"] = module._Followed(
                module.Backend.AUTO, module.Start.TAIL
            )
            taken.sources.follow([f"{tmp_path}/log"])
            assert await taken.data(2) == {"log": b"1\n"}

    run(story)


def test_blocks_can_be_begun_anew(tmp_path: Path, stream) -> None:
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


def test_close_ends_the_stream(tmp_path: Path, stream) -> None:
    async def story() -> None:
        async with stream() as taken:
            taken.sources.follow([f"{tmp_path}/log"])
            waiting = asyncio.ensure_future(taken.block())
            await asyncio.sleep(0)
            taken.sources.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    run(story)


def test_report(tmp_path: Path, stream) -> None:
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


def test_the_backend_can_be_chosen(tmp_path: Path, stream) -> None:
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


def test_progress_of_a_big_first_read_is_logged(
    tmp_path: Path, monkeypatch, caplog, stream
) -> None:
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
