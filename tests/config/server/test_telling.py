# SPDX-License-Identifier: MIT
"""The settings that say who is told how the daemon does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.config import load
from logban.config.server import telling

Write = Callable[[str, str], Path]


def test_what_is_asked_for(write: Write) -> None:
    text = "[server]\nmetrics_file = /run/m.prom\nmetrics_port = 9532\n"
    directory = write("logban.conf", f'{text}alarm = email[dest="a@b.org, c@d.org", smtp=mx]\n')
    configuration = load(directory)
    assert configuration.problems() == ()
    server = configuration.server
    assert (server.metrics_file, server.metrics_port) == (Path("/run/m.prom"), 9532)
    assert server.alarm is not None
    assert server.alarm.parameters["dest"] == ("a@b.org", "c@d.org")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("alarm = nftables[]", "alarms are told by email, not by nftables"),
        ("alarm = emial[dest=a@b.org]", "there is no action 'emial'"),
        ("alarm = email[tell=lift]", "a mail of alarms has no tell; there are dest, sender, "),
        ("alarm = email[dest=-x]", "'-x' is no mail address"),
        ("alarm = email[dest=a@b.org", "this '[' is never closed"),
        ("alarm = email[user=x]", "`user` is for a server, and `smtp` names none"),
        ("alarm = email[dest=a@b.org] email[dest=c@d.org]", "one mail is enough"),
        ("metrics_file = m.prom", "an absolute path is needed"),
        ("metrics_file = /m.txt", "node_exporter reads files whose names end in .prom"),
        ("metrics_port = 65536", "it is no port"),
        ("metrics_port = 0", "it is no port"),
        ("metrics_port = \u0665\u0665", "it is no port"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_asked_for(
    write: Write, line: str, problem: str
) -> None:
    configuration = load(write("logban.conf", f"[server]\n{line}\n"))
    (error,) = configuration.errors
    assert str(error).startswith("logban.conf:2: ")
    assert problem in str(error)
    server = configuration.server
    assert (server.metrics_file, server.metrics_port, server.alarm) == (None, None, None)


def test_without_the_package_it_is_an_error_only_where_metrics_are_asked_for(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "find_spec", lambda _: None)
    assert load(write("logban.conf", "[server]\nmetrics_port =\nmetrics_file =\n")).errors == ()
    (error,) = load(write("logban.conf", "[server]\nmetrics_port = 9532\n")).errors
    assert "apt install python3-prometheus-client" in str(error)


def test_reading_the_configuration_does_not_import_the_package(write: Write) -> None:
    directory = write("logban.conf", "[server]\nmetrics_port = 9532\n")
    program = (
        "import sys; from pathlib import Path; from logban.config import load; "
        f"assert load(Path({str(directory)!r})).server.metrics_port == 9532; "
        "print('prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout == b"False\n"
