# SPDX-License-Identifier: MIT
"""Metrics for Prometheus: as a text file, and at a port of this host."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from pathlib import Path
from socketserver import TCPServer
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from logban.deadline import Deadline
from logban.errors import ActionError
from logban.health.metrics import METRICS, Look

HOST: Final = "127.0.0.1"
"""Never more than this host: names of logs and jails are nobody else's business."""

_REQUEST_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 10.0


class _Collector:
    """Gives prometheus_client the metrics of one look."""

    def __init__(self, look: Callable[[], Look]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Give every metric, in the order of the table."""
        look = self._look()
        for metric in METRICS:
            make = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
            family = make(metric.name, metric.doc, labels=metric.labels)
            for labels, value in metric.samples(look):
                family.add_metric(labels, value)
            yield family

    def describe(self) -> list[Metric]:
        """Say nothing: to be registered, no look need be taken."""
        return []


def rendered(look: Look) -> bytes:
    """Give the metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(lambda: look))
    return generate_latest(registry)


def write_file(path: Path, look: Look) -> None:
    """Write the metrics for node_exporter's textfile collector; ActionError if that can't be.

    Whoever reads the file finds it whole: the old one or the new one.
    """
    data = rendered(look)
    # node_exporter looks at names that end in .prom alone.
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with suppress(FileNotFoundError):
            new.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(new, flags, 0o644), "wb") as file:
            os.fchmod(file.fileno(), 0o644)  # node_exporter is another user, whatever our umask
            file.write(data)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise ActionError(f"metrics: {path} can't be written: {error.strerror}") from error


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing: a log of requests is of no use to anybody."""


class _Server(WSGIServer):
    def server_bind(self) -> None:
        """Bind without asking anybody for the host's name, which could take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]
        self.setup_environ()

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]  # of TCP alone
        """Answer one who asks; whoever is slow holds up nobody for longer than his time."""
        deadline = Deadline(request, _REQUEST_SECONDS)
        try:
            super().finish_request(request, client_address)
        finally:
            deadline.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked has gone away."""


class Port:
    """Answers at a port of this host, in a thread; one who asks after the other."""

    def __init__(
        self, port: int, look: Callable[[], Look], loop: asyncio.AbstractEventLoop
    ) -> None:
        """``look`` is called in ``loop``, where nothing changes meanwhile; ActionError if taken."""

        async def taken() -> Look:
            return look()

        def look_there() -> Look:
            asked = asyncio.run_coroutine_threadsafe(taken(), loop)
            try:
                return asked.result(_LOOK_SECONDS)
            except TooLate:
                asked.cancel()
                raise

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(look_there))
        application = make_wsgi_app(registry)
        try:
            self._server = make_server(HOST, port, application, _Server, _Handler)
        except OSError as error:
            raise ActionError(
                f"metrics: port {port} of {HOST} can't be had: {error.strerror}"
            ) from error
        self.number = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.5,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; blocks for as long as an answer takes."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
