# SPDX-License-Identifier: MIT
"""Being woken by real events on real directories."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.polling import PollingObserver

from logban.sources import watcher as module
from logban.sources.mounts import Mount
from logban.sources.watcher import Backend, Wanted, Watcher, Watching


class Woken:
    """Collects what a watcher tells."""

    def __init__(self, **options: object) -> None:
        self.paths: set[str] = set()
        self.names_changed = False
        self.calls = 0
        self.event = asyncio.Event()
        self.watcher = Watcher(self.wake, **options)  # type: ignore[arg-type]  # a test's options

    def wake(self, paths: frozenset[str], names_changed: bool) -> None:
        assert paths
        self.paths |= paths
        self.names_changed |= names_changed
        self.calls += 1
        self.event.set()

    async def wait_for(self, path: Path) -> None:
        while str(path) not in self.paths:
            await self.event.wait()
            self.event.clear()

    def forget(self) -> None:
        self.paths.clear()
        self.names_changed = False
        self.calls = 0


@asynccontextmanager
async def woken(**options: object) -> AsyncIterator[Woken]:
    told = Woken(**options)
    told.watcher.attach(asyncio.get_running_loop())
    try:
        yield told
    finally:
        told.watcher.close()


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), 10)

    asyncio.run(bounded())


def wanted(*names: str, backend: Backend = Backend.AUTO) -> Wanted:
    return Wanted(frozenset(names or ["*"]), backend)


def test_growth_wakes(tmp_path: Path) -> None:
    async def story() -> None:
        log = tmp_path / "log"
        log.touch()
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching("inotify")
            log.write_bytes(b"1\n")
            await told.wait_for(log)

    run(story)


def test_names_that_change_are_told_as_such(tmp_path: Path) -> None:
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


def test_reading_and_other_names_wake_nobody(tmp_path: Path) -> None:
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


def test_many_events_in_one_turn_wake_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with woken() as told:
            for number in range(1000):
                told.watcher._notice(f"/{number}", number == 7)
            await told.event.wait()
            assert told.calls == 1
            assert len(told.paths) == 1000
            assert told.names_changed

    run(story)


def test_a_busy_file_wakes_no_more_often_than_every_few_milliseconds(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with woken() as told:
            begun = loop.time()
            while loop.time() - begun < 0.1:
                told.watcher._notice("/log", False)
                await asyncio.sleep(0)
            assert 2 <= told.calls <= 45  # the first few follow each other more closely

    run(story)


def test_what_happened_before_the_loop_ran_is_told(tmp_path: Path) -> None:
    told = Woken()
    told.watcher._notice("/log", False)

    async def story() -> None:
        told.watcher.attach(asyncio.get_running_loop())
        await told.wait_for(Path("/log"))
        told.watcher.close()
        told.watcher._notice("/log", False)

    run(story)
    told.watcher._notice("/log", False)


def test_an_event_after_the_loop_has_been_closed_is_no_error() -> None:
    told = Woken()

    async def story() -> None:
        told.watcher.attach(asyncio.get_running_loop())

    run(story)
    told.watcher._notice("/log", False)
    told.watcher._notice("/log", False)
    assert told.calls == 0


def test_an_event_that_is_on_its_way_when_it_is_closed(tmp_path: Path) -> None:
    async def story() -> None:
        async with woken() as told:
            told.watcher._notice("/log", False)
        await asyncio.sleep(0)
        assert told.calls == 0

    run(story)


@pytest.mark.parametrize(
    ("options", "backend", "reason"),
    [
        ({}, Backend.POLLING, "the configuration says so"),
        (
            {"mounts": lambda: (Mount("/", "nfs4"),)},
            Backend.AUTO,
            "others may write to a file system of type nfs4 unnoticed",
        ),
    ],
)
def test_polling(tmp_path: Path, monkeypatch, options, backend: Backend, reason: str) -> None:
    monkeypatch.setattr(module, "_POLL_EVERY", 0.05)

    async def story() -> None:
        log = tmp_path / "log"
        async with woken(**options) as told:
            told.watcher.watch({str(tmp_path): wanted(backend=backend)})
            assert told.watcher.watching(str(tmp_path)) == Watching("polling", reason)
            log.write_bytes(b"1\n")
            await told.wait_for(log)

    run(story)


def test_inotify_by_order_on_a_shared_file_system(tmp_path: Path) -> None:
    async def story() -> None:
        async with woken(mounts=lambda: (Mount("/", "nfs4"),)) as told:
            told.watcher.watch({str(tmp_path): wanted(backend=Backend.INOTIFY)})
            assert told.watcher.watching(str(tmp_path)) == Watching("inotify")

    run(story)


class Refusing(PollingObserver):
    """An observer that the kernel refuses its watches to."""

    def schedule(self, *_: object, **__: object):
        raise OSError(28, "inotify watch limit reached")


def refusing() -> BaseObserver:
    return Refusing()


def test_polling_where_inotify_cannot_be_had(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_POLL_EVERY", 0.05)

    async def story() -> None:
        async with woken(inotify=refusing) as told:
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching(
                "polling", "inotify can't be had: inotify watch limit reached"
            )
            (tmp_path / "log").touch()
            await told.wait_for(tmp_path / "log")

    run(story)


def test_rescanning_where_nothing_can_be_had(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PollingObserver", lambda **_: Refusing())

    async def story() -> None:
        async with woken(inotify=refusing) as told:
            told.watcher.watch({str(tmp_path): wanted()})
            how = told.watcher.watching(str(tmp_path))
            assert how.method == "rescan"
            assert "inotify can't be had" in how.reason
            assert "polling can't be had" in how.reason
            told.watcher.watch({})

    run(story)


def test_a_directory_that_cannot_be_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    async def story() -> None:
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching(
                "rescan", "the directory can't be read"
            )

    run(story)


def test_a_directory_that_is_made_anew_is_watched_anew(tmp_path: Path) -> None:
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


def test_what_is_wanted_can_change(tmp_path: Path) -> None:
    async def story() -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        async with woken() as told:
            told.watcher.watch({str(one): wanted(), str(two): wanted("log")})
            told.watcher.watch({str(two): wanted("end")})
            assert told.watcher.watching(str(one)).method == "rescan"
            (one / "log").touch()
            (two / "log").touch()
            (two / "end").touch()
            await told.wait_for(two / "end")
            assert told.paths == {str(two / "end")}
            told.watcher.watch({str(two): wanted("end", backend=Backend.POLLING)})
            assert told.watcher.watching(str(two)).method == "polling"

    run(story)


def test_growth_is_heard_of_without_a_thread(tmp_path: Path, monkeypatch) -> None:
    told_by_thread: list[str] = []
    notice = Watcher._notice
    monkeypatch.setattr(
        Watcher,
        "_notice",
        lambda self, *given: told_by_thread.append(given[0]) or notice(self, *given),
    )

    async def story() -> None:
        log = tmp_path / "log"
        log.touch()
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted("log*")})
            for number in range(5):
                told.forget()
                with log.open("ab") as file:
                    file.write(b"%d\n" % number)
                await told.wait_for(log)
                assert not told.names_changed
            (tmp_path / "other").write_bytes(b"1\n")
            log.rename(tmp_path / "log.1")
            told.forget()
            await told.wait_for(tmp_path / "log.1")

    run(story)
    assert str(tmp_path / "log") in told_by_thread  # its new name
    assert len(told_by_thread) <= 2


def test_growth_by_watchdog_where_the_loop_can_not_hear_of_it(tmp_path: Path, monkeypatch) -> None:
    def none() -> None:
        raise OSError(24, "too many")

    monkeypatch.setattr(module, "Inotify", none)

    async def story() -> None:
        log = tmp_path / "log"
        log.touch()
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            log.write_bytes(b"1\n")
            await told.wait_for(log)

    run(story)


def test_growth_with_a_watchdog_that_can_not_choose(tmp_path: Path) -> None:
    """As Debian 12 has it."""

    class Old(InotifyObserver):
        def schedule(self, handler, path, *, recursive=False):  # type: ignore[override, no-untyped-def]  # as it was
            return super().schedule(handler, path, recursive=recursive)

    async def story() -> None:
        log = tmp_path / "log"
        log.touch()
        async with woken(inotify=Old) as told:
            told.watcher.watch({str(tmp_path): wanted()})
            log.write_bytes(b"1\n")
            await told.wait_for(log)
            log.rename(tmp_path / "log.1")
            await told.wait_for(tmp_path / "log.1")
            assert told.names_changed

    run(story)
