# SPDX-License-Identifier: MIT
"""Ends that come as local time without a zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from logban.actions.kamailio.expiry import Ends


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_an_end_in_this_hosts_zone() -> None:
    ends = Ends()
    ends.calibrate("2026-11-20 10:13:28", epoch("2026-11-20 09:13:28"))
    assert ends.read("2026-11-20 10:13:28") == epoch("2026-11-20 09:13:28")
    assert ends.read("2027-07-01 10:00:00") == epoch("2027-07-01 08:00:00")
    assert ends.read("NEVER") is None


def test_an_hour_that_comes_twice() -> None:
    ends = Ends()
    first, second = epoch("2026-10-25 00:30:00"), epoch("2026-10-25 01:30:00")
    assert ends.read("2026-10-25 02:30:00", first + 2) == first
    assert ends.read("2026-10-25 02:30:00", second - 2) == second


def test_an_end_in_another_zone() -> None:
    ends = Ends()
    ends.calibrate("2026-11-20 14:58:28", epoch("2026-11-20 09:13:30"))  # 5:45 h ahead
    assert ends.read("2026-11-20 16:00:00") == epoch("2026-11-20 10:15:00")
    ends.calibrate("2026-11-20 10:13:28", epoch("2026-11-20 09:13:28"))
    assert ends.read("2026-11-20 10:13:28") == epoch("2026-11-20 09:13:28")


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01 00:00:00", "0001-01-01 00:00:00"])
def test_what_is_no_end(text: str) -> None:
    with pytest.raises(ValueError):
        Ends().read(text)


def test_a_clock_that_is_wrong() -> None:
    with pytest.raises(ValueError, match="its clock shows"):
        Ends().calibrate("2026-11-20 14:50:28", epoch("2026-11-20 09:13:30"))
