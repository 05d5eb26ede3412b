# SPDX-License-Identifier: MIT
"""How a directory is watched, and how where that can't be."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from logban.sources import polling
from logban.sources.inotify import Inotify
from logban.sources.mounts import Mount
from logban.sources.polling import Polling
from logban.sources.watcher import Backend, Wanted, Watching
from logban.testing.waiting import run


def wanted(*names: str, backend: Backend = Backend.AUTO) -> Wanted:
    return Wanted(frozenset(names or ["*"]), backend)


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
def test_polling(
    tmp_path: Path, monkeypatch, options, backend: Backend, reason: str, woken
) -> None:
    monkeypatch.setattr(polling, "_EVERY", 0.05)

    async def story() -> None:
        log = tmp_path / "log"
        async with woken(**options) as told:
            told.watcher.watch({str(tmp_path): wanted(backend=backend)})
            assert told.watcher.watching(str(tmp_path)) == Watching("polling", reason)
            log.write_bytes(b"1\n")
            await told.wait_for(log)

    run(story)


def test_inotify_by_order_on_a_shared_file_system(tmp_path: Path, woken) -> None:
    async def story() -> None:
        async with woken(mounts=lambda: (Mount("/", "nfs4"),)) as told:
            told.watcher.watch({str(tmp_path): wanted(backend=Backend.INOTIFY)})
            assert told.watcher.watching(str(tmp_path)) == Watching("inotify")

    run(story)


class Refusing(Inotify):
    """An instance that the kernel refuses its watches to."""

    def add(self, directory: str) -> None:
        raise OSError(28, "no watch is left", directory)


def test_polling_where_inotify_cannot_be_had(tmp_path: Path, monkeypatch, woken) -> None:
    monkeypatch.setattr(polling, "_EVERY", 0.05)

    async def story() -> None:
        async with woken(inotify=Refusing) as told:
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching(
                "polling", "inotify can't be had: no watch is left"
            )
            (tmp_path / "log").touch()
            await told.wait_for(tmp_path / "log")

    run(story)


def test_inotify_is_taken_as_soon_as_it_can_be_had(
    tmp_path: Path, monkeypatch, caplog, woken
) -> None:
    caplog.set_level("INFO")

    async def story() -> None:
        async with woken() as told:
            with monkeypatch.context() as short:
                short.setattr(Inotify, "add", Refusing.add)
                for _ in range(3):
                    told.watcher.watch({str(tmp_path): wanted()})
                assert told.watcher.watching(str(tmp_path)).method == "polling"
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching("inotify")
            assert str(tmp_path) not in told.watcher._polling
            (tmp_path / "log").touch()
            await told.wait_for(tmp_path / "log")

    run(story)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize(
    "refusal", [OSError(12, "no memory is left"), RuntimeError("no memory is left")]
)
def test_rescanning_where_nothing_can_be_had(
    tmp_path: Path, monkeypatch, refusal: Exception, woken
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(Polling, "add", refuse)

    async def story() -> None:
        async with woken(inotify=Refusing) as told:
            told.watcher.watch({str(tmp_path): wanted()})
            how = told.watcher.watching(str(tmp_path))
            assert how.method == "rescan"
            assert "inotify can't be had" in how.reason
            assert "polling can't be had: no memory is left" in how.reason
            told.watcher.watch({})

    run(story)


def test_a_directory_that_cannot_be_read(tmp_path: Path, monkeypatch, woken) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    async def story() -> None:
        async with woken() as told:
            told.watcher.watch({str(tmp_path): wanted()})
            assert told.watcher.watching(str(tmp_path)) == Watching(
                "rescan", "the directory can't be read"
            )

    run(story)


def test_inotify_is_heard_without_a_thread(tmp_path: Path, woken) -> None:
    before = set(threading.enumerate())

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
            log.rename(tmp_path / "log.1")
            await told.wait_for(tmp_path / "log.1")
            assert told.names_changed
            assert set(threading.enumerate()) <= before

    run(story)


@pytest.mark.parametrize("which", ["the one that looks", "the one that tells"])
def test_a_polling_thread_that_has_ended_is_replaced(
    tmp_path: Path, monkeypatch, caplog, which: str, woken
) -> None:
    monkeypatch.setattr(polling, "_EVERY", 0.05)

    async def story() -> None:
        async with woken() as told:
            directories = {str(tmp_path): wanted(backend=Backend.POLLING)}
            told.watcher.watch(directories)
            told.watcher.watch(directories)
            assert not caplog.records
            observer = told.watcher._polling._observers[str(tmp_path)]
            (emitter,) = observer.emitters
            thread = emitter if which == "the one that looks" else observer
            thread.stop()
            thread.join()
            told.watcher.watch(directories)
            (said,) = caplog.messages
            assert said == f"'{tmp_path}' is not polled any more: a thread has ended; begun anew"
            assert told.watcher.watching(str(tmp_path)).method == "polling"
            (tmp_path / "log").touch()
            await told.wait_for(tmp_path / "log")

    run(story)


def test_what_is_wanted_can_change(tmp_path: Path, woken) -> None:
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
