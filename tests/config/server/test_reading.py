# SPDX-License-Identifier: MIT
"""Tests of logban.conf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logban.config import load
from logban.config.settings import ServerSettings

Write = Callable[[str, str], Path]


def test_nothing_has_to_be_written(tmp_path: Path) -> None:
    assert load(tmp_path).server == ServerSettings("INFO", 100_000, 0.1)


@pytest.mark.parametrize("section", ["server", "DEFAULT", "Definition"])
def test_settings_are_read_and_a_local_wins(write: Write, section: str) -> None:
    write("logban.conf", f"[{section}]\nloglevel = debug\nmax_tracked = %(_many)s\n_many = 500\n")
    configuration = load(write("logban.local", f"[{section}]\nmatch_timeout = 250m\n"))
    assert [str(each) for each in configuration.errors] == [
        "logban.local:2: match_timeout: '250m': it is too large; allowed: 0.001 to 60"
    ]
    assert configuration.server == ServerSettings("DEBUG", 500, 0.1)
    configuration = load(write("logban.local", f"[{section}]\nmatch_timeout = 0.25\n"))
    assert configuration.problems() == ()
    assert configuration.server == ServerSettings("DEBUG", 500, 0.25)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[server]\nlogevel = debug", "logban.conf:2: unknown key 'logevel'; did you mean 'loglev"),
        ("[server]\nx = 1", "logban.conf:2: unknown key 'x'; known are loglevel, max_tracked, "),
        ("[sevrer]\n", "logban.conf:1: unknown section [sevrer]; did you mean 'server'?"),
        ("[x]\n", "logban.conf:1: unknown section [x]; the daemon's settings are [server]"),
        ("[server]\nloglevel = loud", "logban.conf:2: loglevel: 'loud': there is no such level"),
        ("[server]\nloglevel = %(x)s", "logban.conf:2: nothing is called 'x'"),
        ("loglevel = debug", "logban.conf:1: 'loglevel = debug' is neither"),
        ("[server]\nstray", "logban.conf:2: 'stray' is neither"),
        ("[INCLUDES]\nbefore = x.conf", "logban.conf:2: the included file 'x.conf'"),
    ],
)
def test_what_is_wrong_keeps_the_default(write: Write, text: str, problem: str) -> None:
    configuration = load(write("logban.conf", text))
    assert str(configuration.errors[0]).startswith(problem)
    assert configuration.server == ServerSettings()


def test_keys_of_fail2ban_are_told_of(write: Write) -> None:
    configuration = load(write("logban.conf", "[DEFAULT]\ndbfile = /x\nloglevel = INFO\n"))
    assert [str(each) for each in configuration.problems()] == [
        "logban.conf:2: dbfile is not followed; start logban-server with --state"
    ]
    assert configuration.errors == ()
