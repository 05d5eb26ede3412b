# SPDX-License-Identifier: MIT
"""The daemon's look at itself, every few seconds: alarms raised and told, metrics handed out."""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, cast

from logban.clock import Clock
from logban.config.settings import ServerSettings
from logban.errors import ActionError
from logban.health import kinds, mail
from logban.health.alarms import Alarm, AlarmChange, Alarms, Finding
from logban.health.examining import Examiner
from logban.health.figures import Figures
from logban.health.metrics import Look

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 5.0
WRITE_EVERY: Final = 15.0
"""Seconds between two looks, and between two writings of the metrics' file."""

TOLD_AT_ONCE: Final = 20
"""Alarms that one look tells the log of; of more, their number."""


class Port(Protocol):
    """A port at which metrics are had."""

    number: int

    def close(self) -> None:
        """Stop answering."""
        ...


class _Exporter(Protocol):
    """The module ``exporter``, which is imported only where metrics are asked for."""

    def write_file(self, path: Path, look: Look) -> None: ...

    def Port(  # noqa: N802  # a class of the module
        self, port: int, look: Callable[[], Look], loop: asyncio.AbstractEventLoop
    ) -> Port: ...


class Watch:
    """Looks at the daemon again and again; ``settings`` are those that hold at the moment."""

    def __init__(
        self,
        figures: Callable[[], Figures],
        clock: Clock,
        settings: Callable[[], ServerSettings],
    ) -> None:
        self.port: Port | None = None
        self._figures = figures
        self._clock = clock
        self._settings = settings
        self._examiner = Examiner()
        self._alarms = Alarms()
        self._mail = mail.AlarmMail()
        self._sending: asyncio.Task[None] | None = None
        self._file_error = ""
        self._port_error = ""
        self._written: Path | None = None
        self._write_at = 0.0
        self._port_asked: int | None = None

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Give the alarms that are raised."""
        return self._alarms.raised

    @property
    def overflow(self) -> int:
        """Give how many more things are wrong than are kept."""
        return self._alarms.overflow

    def look(self) -> Figures:
        """Look now, raise and clear alarms, and tell the log; give the figures."""
        figures = self._figures()
        findings = [*self._examiner.look(figures), *self._own_troubles()]
        changes = self._alarms.look(findings, figures.now)
        _tell(changes)
        self._mail.add(changes)
        return figures

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        try:
            while True:
                figures = self.look()
                await self._hand_out(figures)
                self._mail_what_is_due()
                await self._clock.sleep(LOOK_EVERY)
        finally:
            await self._close()

    def _own_troubles(self) -> Iterable[Finding]:
        for about, error in (("file", self._file_error), ("port", self._port_error)):
            if error:
                yield Finding(kinds.METRICS, about, error)
        if self._mail.error:
            yield Finding(kinds.MAIL, "alarm", self._mail.error)

    # Metrics

    async def _hand_out(self, figures: Figures) -> None:
        """Write the metrics' file and open the port, as far as they are asked for."""
        settings = self._settings()
        path, now = settings.metrics_file, figures.now
        if self._written != path:
            await self._remove_file()
            self._written, self._write_at, self._file_error = path, 0.0, ""
        if path is not None and not self._write_at - WRITE_EVERY < now < self._write_at:
            self._write_at = now + WRITE_EVERY - LOOK_EVERY / 2
            try:
                look = Look(figures, self.alarms)
                await asyncio.to_thread(_exporter().write_file, path, look)
                self._file_error = ""
            except ActionError as error:
                self._file_error = str(error)
        if self._port_asked != settings.metrics_port:
            try:
                await self._change_port(settings.metrics_port)
                self._port_error = ""
            except ActionError as error:
                self._port_error = str(error)

    async def _change_port(self, number: int | None) -> None:
        if self.port is not None:
            await asyncio.to_thread(self.port.close)
        self.port, self._port_asked = None, None
        if number is not None:
            loop = asyncio.get_running_loop()
            self.port = _exporter().Port(number, self._look_for_port, loop)
        self._port_asked = number

    def _look_for_port(self) -> Look:
        return Look(self._figures(), self.alarms)

    async def _remove_file(self) -> None:
        """Remove the metrics' file: old figures would pass for new ones."""
        path, self._written = self._written, None
        if path is not None:
            with suppress(OSError):
                await asyncio.to_thread(path.unlink, missing_ok=True)

    # Mail

    def _mail_what_is_due(self) -> None:
        """Send a mail if there is something to tell and it is time; never two at once."""
        if self._settings().alarm is None:
            self._mail.forget()
        elif self._sending is None and self._mail.due(self._clock.now()):
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        spec, now = self._settings().alarm, self._clock.now()
        changes, raised = self._mail.due(now), self.alarms
        try:
            if spec is not None:
                about = mail.subject(changes, raised, socket.gethostname())
                text = self._mail.text(changes, raised)
                await asyncio.to_thread(mail.send, spec, about, text, now)
            self._mail.sent(changes, now)
        except ActionError as error:
            self._mail.failed(error, self._clock.now())
        except Exception as error:
            log.exception("the mail that tells of alarms")
            self._mail.failed(ActionError(f"mail: {error}"), self._clock.now())
        finally:
            self._sending = None

    async def _close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        await self._change_port(None)
        await self._remove_file()


def _exporter() -> _Exporter:
    """Import what makes metrics; ActionError where its library is not there."""
    try:
        return cast("_Exporter", importlib.import_module("logban.health.exporter"))
    except ImportError as error:
        raise ActionError(f"metrics: the package {error.name} is not installed") from error


def _tell(changes: list[AlarmChange]) -> None:
    """Tell the log."""
    for change in changes[:TOLD_AT_ONCE]:
        alarm = change.alarm
        if change.is_raised:
            log.warning("alarm %s: %s", alarm.kind.name, alarm.message)
        else:
            log.info("alarm %s is over: %s", alarm.kind.name, alarm.message)
    if len(changes) > TOLD_AT_ONCE:
        log.warning("%d more alarms: logban-client health", len(changes) - TOLD_AT_ONCE)
