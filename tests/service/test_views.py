# SPDX-License-Identifier: MIT
"""What the daemon is judged by: the figures of a running one, with a fake kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from logban.judging.exemptions.exemption import Exemption
from logban.model import Subject
from logban.service.views import Views
from logban.testing.machine import NOW, Machine

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_what_is_forgotten_is_a_figure_and_told_of(
    bench: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logban.judging.exemptions.abuse.MAX_COUNTED", 4)
    bench.jail()

    async def story() -> None:
        async with bench.running() as daemon:
            views = Views(daemon)
            assert set(views.figures().losses.values()) == {0}
            for number in range(12):
                guest = Subject.parse(f"198.51.100.{number}")
                hotel = Exemption(str(guest), "allow add", until=NOW + 3600)
                daemon.jails.abuse.note("pbx", guest, hotel, NOW)
            daemon.naming.counters.dropped = 3
            figures = views.figures()
        assert figures.losses["abuses"] == 12 - 4
        assert figures.losses["hosts"] == 3
        text = OPERATIONS.read_text("utf-8")
        of_jails = {what for jail in figures.jails for what in jail.losses}
        assert [what for what in (*figures.losses, *of_jails) if f"`{what}`" not in text] == []

    asyncio.run(story())
