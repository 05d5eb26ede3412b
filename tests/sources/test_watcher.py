# SPDX-License-Identifier: MIT
"""Being woken by real events on real directories."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from logban.sources.inotify import Heard, Inotify
from logban.sources.watcher import Backend, Wanted, Watcher, Watching
from logban.testing.waiting import run


def wanted(*names: str, backend: Backend = Backend.AUTO) -> Wanted:
    return Wanted(frozenset(names or ["*"]), backend)


def test_growth_wakes(tmp_path: Path, woken) -> None:
    async def story() -> None:
        log = tmp_path / "log"
        log.touch()
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching("inotify")
            log.write_bytes(b"1\n")
            await told.wait_for(log)

    run(story)


def test_names_that_change_are_told_as_such(tmp_path: Path, woken) -> None:
    async def story() -> None:
        log = tmp_path / "log"
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            for change in (
                log.touch,
                lambda: log.rename(f"{log}.1"),
                lambda: Path(f"{log}.1").rename(log),
                log.unlink,
            ):
                told.forget()
                change()
                await told.wait_for(log)
                assert told.names_changed

    run(story)


def test_reading_and_other_names_wake_nobody(tmp_path: Path, woken) -> None:
    async def story() -> None:
        log, other = tmp_path / "log", tmp_path / "other"
        log.touch()
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted("log*", "end")})
            other.write_bytes(b"1\n")
            (tmp_path / "dir").mkdir()
            log.read_bytes()
            os.listdir(tmp_path)  # noqa: PTH208  # all that matters is that it is listed
            (tmp_path / "end").touch()
            await told.wait_for(tmp_path / "end")
            assert told.paths == {str(tmp_path / "end")}

    run(story)


def test_many_events_in_one_turn_wake_once(tmp_path: Path, woken) -> None:
    async def story() -> None:
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            for number in range(1000):
                (tmp_path / f"{number}").touch()
            await told.event.wait()
            assert told.calls == 1
            assert len(told.paths) == 1000
            assert told.names_changed

    run(story)


class FakeLoop:
    """A loop whose time goes by when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.due: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, wait: float, call: Callable[[], None]) -> None:
        assert self.due is None
        self.waits.append(wait)
        self.due = call

    def go_on(self) -> None:
        call, self.due = self.due, None
        self.now += self.waits[-1]
        assert call is not None
        call()

    def add_reader(self, *_: object) -> None:
        """Nobody asks it to wait at a descriptor."""

    remove_reader = add_reader


def test_a_busy_file_wakes_less_and_less_often(tmp_path: Path, unattached) -> None:
    told, loop = unattached, FakeLoop()
    told.watcher.attach(loop)  # type: ignore[arg-type]  # what a watcher asks of one
    told.watcher.watch({str(tmp_path): wanted()})
    happen = partial(told.watcher._take, str(tmp_path), "log", False)
    happen()
    assert told.calls == 1
    for _ in range(5):
        for _ in range(3):
            happen()
        loop.go_on()
    assert told.calls == 6
    assert loop.waits == pytest.approx([0.0005, 0.001, 0.002, 0.0025, 0.0025])
    loop.now += 1
    happen()
    assert told.calls == 7
    happen()
    assert loop.waits[-1] == pytest.approx(0.0005)
    told.watcher.close()


@pytest.mark.parametrize(("took", "rest"), [(0.01, 0.04), (1.0, 0.25)])
def test_a_look_that_takes_long_is_not_followed_by_the_next(
    tmp_path: Path, took: float, rest: float
) -> None:
    loop = FakeLoop()
    calls = 0

    def wake(*_: object) -> None:
        nonlocal calls
        calls += 1
        loop.now += took  # among many files

    watcher = Watcher(wake)
    watcher.attach(loop)  # type: ignore[arg-type]  # what a watcher asks of one
    watcher.watch({str(tmp_path): wanted()})
    for number in range(3):
        watcher._take(str(tmp_path), "log", True)
        if number:
            loop.go_on()
    assert calls == 3
    assert loop.waits == pytest.approx([rest, rest])
    watcher.close()


def test_what_happened_before_the_loop_ran_is_told(tmp_path: Path, unattached) -> None:
    told = unattached
    told.watcher.watch({str(tmp_path): wanted()})
    (tmp_path / "log").touch()

    async def story() -> None:
        told.watcher.attach(asyncio.get_running_loop())
        await told.wait_for(tmp_path / "log")
        told.watcher.close()

    run(story)


def test_another_loop(tmp_path: Path, unattached) -> None:
    """Whatever was arranged in the one that is closed never comes."""
    told = unattached
    told.watcher.watch({str(tmp_path): wanted()})

    async def begin() -> None:
        told.watcher.attach(asyncio.get_running_loop())
        (tmp_path / "one").touch()
        await told.wait_for(tmp_path / "one")
        (tmp_path / "two").touch()
        await asyncio.sleep(0)

    async def go_on() -> None:
        told.event = asyncio.Event()
        told.watcher.attach(asyncio.get_running_loop())
        (tmp_path / "three").touch()
        await told.wait_for(tmp_path / "three")
        await told.wait_for(tmp_path / "two")
        told.watcher.close()

    run(begin)
    told.watcher._be_told(str(tmp_path), "log", False)
    run(go_on)


def test_an_event_that_is_on_its_way_when_it_is_closed(tmp_path: Path, woken) -> None:
    async def story() -> None:
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            told.watcher._be_told(str(tmp_path), "log", False)
        told.watcher._be_told(str(tmp_path), "log", False)
        await asyncio.sleep(0)
        assert told.calls == 0

    run(story)


def test_a_directory_that_is_made_anew_is_watched_anew(tmp_path: Path, woken) -> None:
    async def story() -> None:
        directory = tmp_path / "logs"
        directory.mkdir()
        async with woken() as told:
            told.watcher.watch({str(directory): wanted()})
            directory.rename(tmp_path / "moved")
            told.watcher.watch({str(directory): wanted()})
            assert told.watcher.watching(str(directory)).method == "rescan"
            directory.mkdir()
            told.watcher.watch({str(directory): wanted()})
            (directory / "log").touch()
            await told.wait_for(directory / "log")

    run(story)


def test_a_directory_that_goes_is_told_of(tmp_path: Path, woken) -> None:
    async def story() -> None:
        directory = tmp_path / "logs"
        directory.mkdir()
        async with woken() as told:
            told.watcher.watch({str(directory): wanted("log")})
            directory.rmdir()
            await told.event.wait()
            assert told.names_changed

    run(story)


def test_a_directory_that_is_made_anew_with_the_same_inode(
    tmp_path: Path, monkeypatch, woken
) -> None:
    monkeypatch.setattr(Inotify, "__contains__", lambda *_: False)

    async def story() -> None:
        async with woken() as told:
            for _ in range(2):
                told.watcher.watch({str(tmp_path): wanted()})
            (tmp_path / "log").touch()
            await told.wait_for(tmp_path / "log")

    run(story)


def test_what_was_not_told_may_be_anything(tmp_path: Path, woken) -> None:
    class Full(Inotify):
        def read(self) -> Iterator[Heard]:
            if list(super().read()):
                yield Heard("", "", True)

    async def story() -> None:
        async with woken(inotify=Full) as told:
            told.watcher.watch({str(tmp_path): wanted()})
            (tmp_path / "log").touch()
            await told.event.wait()
            assert told.names_changed

    run(story)
