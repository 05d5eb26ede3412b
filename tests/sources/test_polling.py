# SPDX-License-Identifier: MIT
"""Directories that are looked at again and again."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.events import FileClosedEvent, FileSystemEvent

from logban.sources import polling as module
from logban.sources.polling import Polling

Told = tuple[str, str, bool]


class Noted(queue.Queue[Told]):
    """What was told, in a thread."""

    def note(self, *told: object) -> None:
        self.put(told)  # type: ignore[arg-type]  # as Notice says

    def wait_for(self, *told: object) -> None:
        while self.get(timeout=20) != told:
            pass


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
def polling(noted: Noted, monkeypatch: pytest.MonkeyPatch) -> Iterator[Polling]:
    monkeypatch.setattr(module, "_EVERY", 0.02)
    made = Polling(noted.note)
    yield made
    made.close()


def test_what_grows_comes_and_goes(polling: Polling, noted: Noted, tmp_path: Path) -> None:
    directory, log = str(tmp_path), tmp_path / "log"
    polling.add(directory)
    log.touch()
    noted.wait_for(directory, "log", True)
    log.write_bytes(b"1\n")
    noted.wait_for(directory, "log", False)
    log.rename(tmp_path / "log.1")
    noted.wait_for(directory, "log", True)
    noted.wait_for(directory, "log.1", True)


def test_a_directory_that_is_removed_is_told_of(
    polling: Polling, noted: Noted, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    polling.add(str(gone))
    assert str(gone) in polling
    gone.rmdir()
    noted.wait_for(str(gone), "", True)
    polling.remove(str(gone))
    polling.remove(str(gone))
    assert str(gone) not in polling


def test_what_says_nothing_new_is_kept_from_the_loop(noted: Noted, tmp_path: Path) -> None:
    handler = module._Handler(str(tmp_path), noted.note)
    closed: Callable[[str], FileSystemEvent] = FileClosedEvent
    handler.dispatch(closed(f"{tmp_path}/log"))
    assert noted.empty()


def test_a_directory_that_is_not_there(polling: Polling, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        polling.add(str(tmp_path / "none"))
    assert str(tmp_path / "none") not in polling
