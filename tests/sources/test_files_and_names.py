# SPDX-License-Identifier: MIT
"""Which files names and patterns lead to, while these change."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.sources.older import GRACE
from logban.testing.waiting import run


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_globs(tmp_path: Path, stream) -> None:
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


def test_one_reader_a_file_whatever_leads_to_it(tmp_path: Path, stream) -> None:
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
def test_events_of_another_name_wake_whoever_reads_the_file(
    tmp_path: Path, how: str, stream
) -> None:
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


def test_a_link_that_is_laid_to_another_file(tmp_path: Path, stream) -> None:
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


def test_forgetting_and_following_again(tmp_path: Path, stream) -> None:
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


def test_forgetting_a_file_that_is_about_to_be_read(tmp_path: Path, stream) -> None:
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
