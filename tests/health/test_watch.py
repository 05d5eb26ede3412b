# SPDX-License-Identifier: MIT
"""The daemon's look at itself: the log, the mail, the metrics, as logban.conf asks for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.mail.delivery import NotAgain
from logban.config.settings import ServerSettings
from logban.errors import ActionError
from logban.health import mail
from logban.health.figures import Figures
from logban.health.watch import LOOK_EVERY, TOLD_AT_ONCE, Watch
from logban.testing.clock import FakeClock
from logban.testing.waiting import LIMIT, until

from .conftest import figures

SPEC = catalogue.parse("logban", "email", {"dest": "ops@example.org"})


class Bench:
    """A watch over figures that a test sets; ``sent`` are the mails, ``faults`` what they meet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.settings = ServerSettings()
        self.figures: Figures = figures()
        self.sent: list[tuple[str, str]] = []
        self.faults: list[Exception] = []
        self.watch = Watch(self.now, self.clock, lambda: self.settings)
        monkeypatch.setattr(mail, "send", self.send)

    def now(self) -> Figures:
        return replace(self.figures, now=self.clock.now())

    def send(self, _spec: object, about: str, text: str, _now: float) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((about, text))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        work = asyncio.create_task(self.watch.run())
        try:
            await asyncio.sleep(0)
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def let_pass(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_EVERY)):
            await until(lambda: self.watch._sending is None and self.clock._sleepers)
            self.clock.advance(LOOK_EVERY)
            await asyncio.sleep(0)
        await until(lambda: self.watch._sending is None and self.clock._sleepers)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def play(story: Callable[[], Coroutine[object, object, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT):
            await story()

    asyncio.run(limited())


def test_the_log_is_told_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.figures = figures(failed={"pbx": "jails.d/pbx.conf:3: unknown key"})
    for _ in range(3):
        bench.watch.look()
    bench.figures = figures()
    bench.watch.look()
    assert [record.getMessage() for record in caplog.records] == [
        "alarm jail-failed: jail pbx: jails.d/pbx.conf:3: unknown key",
        "alarm jail-failed is over: jail pbx: jails.d/pbx.conf:3: unknown key",
    ]


def test_many_alarms_are_no_flood(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.figures = figures(failed={str(number): "broken" for number in range(TOLD_AT_ONCE + 5)})
    bench.watch.look()
    assert len(caplog.records) == TOLD_AT_ONCE + 1
    assert caplog.records[-1].getMessage() == "5 more alarms: logban-client health"


def test_mails(bench: Bench) -> None:
    """The first is sent at once; what happens meanwhile stands in the next, ten minutes later."""
    bench.settings = replace(bench.settings, alarm=SPEC)

    async def story() -> None:
        async with bench.running():
            await bench.let_pass(10)
            assert bench.sent == []
            bench.figures = figures(failed={"pbx": "broken"})
            await bench.let_pass(5)
            (about, text) = bench.sent[0]
            assert about.startswith("[logban] critical: jail pbx: broken on ")
            assert "CRITICAL: jail pbx: broken\n" in text
            assert "  jail-failed: mend the file" in text
            for number in range(20):  # it comes and goes, with another
                bench.figures = figures(failed={} if number % 2 else {"two": "broken as well"})
                await bench.let_pass(25)
            assert len(bench.sent) == 1
            bench.figures = figures()
            await bench.let_pass(120)
            (_, (about, text)) = bench.sent
            assert about.startswith("[logban] all is well again on ")
            assert text.count("CRITICAL: jail two: broken as well\n") == 10
            assert text.count("over: jail two: broken as well\n") == 10
            assert "Nothing is wrong now." in text
            await bench.let_pass(1200)
            assert len(bench.sent) == 2

    play(story)


def test_a_mail_that_cannot_be_sent_is_an_alarm_and_tried_again(bench: Bench) -> None:
    bench.settings = replace(bench.settings, alarm=SPEC)
    bench.faults = [ActionError("mail: refused"), RuntimeError("a fault of ours")]
    bench.figures = figures(failed={"pbx": "broken"})

    async def story() -> None:
        async with bench.running():
            await bench.let_pass(15)
            assert [alarm.kind.name for alarm in bench.watch.alarms] == [
                "jail-failed",
                "alarm-mail",
            ]
            assert bench.sent == []
            await bench.let_pass(65)
            assert bench.sent == []
            await bench.let_pass(65)
            assert "jail pbx: broken" in bench.sent[0][1]
            await bench.let_pass(10)
            assert [alarm.kind.name for alarm in bench.watch.alarms] == ["jail-failed"]

    play(story)


def test_a_mail_that_may_have_arrived_is_not_sent_again(bench: Bench) -> None:
    bench.settings = replace(bench.settings, alarm=SPEC)
    bench.faults = [NotAgain("mail: did not say whether it took the mail")]
    bench.figures = figures(failed={"pbx": "broken"})

    async def story() -> None:
        async with bench.running():
            await bench.let_pass(65)
            assert len(bench.sent) == 1
            assert "jail pbx: broken\n\n" not in bench.sent[0][1].partition("Wrong now")[0]

    play(story)


def test_nobody_who_does_not_want_to_is_told(bench: Bench) -> None:
    bench.figures = figures(failed={"pbx": "broken"})

    async def story() -> None:
        async with bench.running():
            await bench.let_pass(10)
            bench.settings = replace(bench.settings, alarm=SPEC)
            await bench.let_pass(10)
            assert bench.sent == []

    play(story)


def test_metrics_as_asked_for(bench: Bench, tmp_path: Path) -> None:
    first, second = tmp_path / "one.prom", tmp_path / "two.prom"

    async def story() -> None:
        async with bench.running():
            bench.settings = replace(bench.settings, metrics_file=first)
            await bench.let_pass(5)
            assert "logban_lines_total" in first.read_text()
            first.unlink()
            await bench.let_pass(10)
            assert not first.exists()  # every 15 s
            await bench.let_pass(5)
            assert first.exists()
            bench.settings = replace(bench.settings, metrics_file=second)
            await bench.let_pass(20)
            assert not first.exists()
            assert second.exists()
            bench.settings = replace(bench.settings, metrics_file=tmp_path / "no" / "m.prom")
            await bench.let_pass(20)
            assert [alarm.message for alarm in bench.watch.alarms] == [
                f"metrics: {tmp_path}/no/m.prom can't be written: No such file or directory"
            ]
            bench.settings = replace(bench.settings, metrics_file=second)
            await bench.let_pass(20)
            assert bench.watch.alarms == ()
        assert not second.exists()  # old figures would pass for new ones

    play(story)


def test_without_the_package_metrics_are_an_alarm_and_the_rest_goes_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    monkeypatch.delitem(__import__("sys").modules, "logban.health.exporter", raising=False)
    bench.settings = replace(bench.settings, metrics_file=tmp_path / "m.prom")

    async def story() -> None:
        async with bench.running():
            await bench.let_pass(10)
            (alarm,) = bench.watch.alarms
            assert alarm.message == "metrics: the package prometheus_client is not installed"

    play(story)
