# SPDX-License-Identifier: MIT
"""Metrics as Prometheus reads them: its own parser, a real file, a real port."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from logban.errors import ActionError
from logban.health.alarms import Alarm
from logban.health.exporter import HOST, Port, rendered, write_file
from logban.health.kinds import ACTION_FAILS
from logban.health.metrics import METRICS, Look
from logban.testing.namespaces import Namespace

from .conftest import ACTION, JAIL, figures

LOOK = Look(figures(), (Alarm(ACTION_FAILS, "asterisk nftables", "", 1.0),))


def read(data: bytes) -> dict[tuple[str, ...], float]:
    """Give what Prometheus would read: values by name and labels' values, in the labels' order."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(data.decode())
        for sample in family.samples
    }


def test_what_prometheus_reads() -> None:
    jail = replace(JAIL, losses={"lines": 7})
    figured = replace(figures(), jails=(jail,), losses={"verdicts": 3})
    values = read(rendered(replace(LOOK, figures=figured)))
    assert values["logban_dropped_total", "asterisk", "lines"] == 7
    assert values["logban_dropped_total", "", "verdicts"] == 3
    assert values["logban_lines_total", "asterisk"] == 100
    assert values["logban_failures_total", "asterisk"] == 10
    assert values["logban_bans", "asterisk", "net"] == 2
    assert values["logban_changes_total", "expire", "asterisk", "ip"] == 4
    assert values["logban_source_lag_bytes", "/var/log/asterisk/full"] == 10
    assert values["logban_source_position_bytes", "/var/log/asterisk/full"] == 990
    assert values["logban_action_up", "nftables", "asterisk"] == 1
    assert values["logban_alarms", "action-fails", "critical"] == 1
    assert values["logban_alarms", "drops", "warning"] == 0
    assert {name for name, *_ in values} == {metric.shown for metric in METRICS}


def test_two_actions_of_one_name_are_one() -> None:
    jail = replace(JAIL, actions=(ACTION, replace(ACTION, pending=3)))
    values = read(rendered(Look(replace(figures(), jails=(jail,)))))
    assert values["logban_action_pending", "nftables", "asterisk"] == 3


def test_hostile_names_stay_in_their_label() -> None:
    name = 'x"} 1\nlogban_up 0\n\\'
    values = read(rendered(Look(replace(figures(), jails=(replace(JAIL, name=name),)))))
    assert values["logban_lines_total", name] == 100


def test_the_file_is_whole_and_for_others_to_read(tmp_path: Path) -> None:
    path = tmp_path / "logban.prom"
    before = os.umask(0o077)
    try:
        write_file(path, LOOK)
        first = path.stat().st_ino
        write_file(path, LOOK)
    finally:
        os.umask(before)
    assert path.stat().st_ino != first  # another file in its place, never one half written
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert read(path.read_bytes())["logban_jails", "running"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_lies_in_the_way_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    for name in (".logban.prom." + str(os.getpid()), "logban.prom"):
        (tmp_path / name).symlink_to(other)
    write_file(tmp_path / "logban.prom", LOOK)
    assert other.read_text() == "kept"
    assert not (tmp_path / "logban.prom").is_symlink()


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"missing/m\.prom can't be written: No such file"):
        write_file(tmp_path / "missing" / "m.prom", LOOK)
    (tmp_path / "m.prom").mkdir()
    with pytest.raises(ActionError, match=r"m\.prom can't be written: Is a directory"):
        write_file(tmp_path / "m.prom", LOOK)
    assert [path.name for path in tmp_path.iterdir()] == ["m.prom"]


@pytest.fixture
def inside() -> Iterator[Namespace]:
    """A network of the test's own, so that no port is anybody else's."""
    space = Namespace()
    try:
        yield space
    finally:
        space.remove()


def fetch(number: int) -> bytes:
    with urllib.request.urlopen(f"http://{HOST}:{number}/metrics", timeout=60) as answer:
        return bytes(answer.read())


def test_the_port_answers_this_host(inside: Namespace) -> None:
    async def story() -> None:
        with inside.enter():
            port = Port(9532, lambda: LOOK, asyncio.get_running_loop())
            with pytest.raises(ActionError, match=r"port 9532 of 127\.0\.0\.1 can't be had"):
                Port(9532, lambda: LOOK, asyncio.get_running_loop())

        def ask() -> bytes:
            with inside.enter():
                return fetch(9532)

        assert read(await asyncio.to_thread(ask))["logban_jails", "running"] == 1
        await asyncio.to_thread(port.close)
        with inside.enter():
            again = Port(9532, lambda: LOOK, asyncio.get_running_loop())
        await asyncio.to_thread(again.close)

    asyncio.run(story())


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_one_who_is_slow_holds_up_nobody_for_long(
    inside: Namespace, drip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He says nothing, or a byte now and then for ever, each of which would be time gained."""
    monkeypatch.setattr("logban.health.exporter._REQUEST_SECONDS", 0.2)

    async def story() -> None:
        with inside.enter():
            port = Port(9532, lambda: LOOK, asyncio.get_running_loop())
        answered = threading.Event()

        def go_on(slow: socket.socket) -> None:
            with suppress(OSError):  # cut off
                while not answered.wait(0.02):
                    slow.sendall(drip)

        def ask() -> bytes:
            with inside.enter(), socket.create_connection((HOST, 9532)) as slow:
                slow.sendall(b"GET /metrics HTTP/1.1\r\n")
                dripping = threading.Thread(target=go_on, args=(slow,))
                dripping.start()
                try:
                    return fetch(9532)
                finally:
                    answered.set()
                    dripping.join()

        assert read(await asyncio.to_thread(ask))
        await asyncio.to_thread(port.close)

    asyncio.run(story())
