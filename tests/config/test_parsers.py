# SPDX-License-Identifier: MIT
"""Tests of the readers of single settings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.config import parsers
from logban.config.filters import table as filter_table
from logban.config.jails import table as jail_table
from logban.config.server import table as server_table
from logban.config.setting import Setting
from logban.config.settings import Backend, LogPath, Start, UseDns


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parsers.boolean, "Yes", True),
        (parsers.boolean, "1", True),
        (parsers.boolean, "off", False),
        (parsers.whole_number(1), "007", 7),
        (parsers.whole_number(0, 5), "5", 5),
        (parsers.seconds(0.1, 2), "0.1", 0.1),
        (parsers.duration, "1d12h", 129600.0),
        (parsers.ban_duration, "-1", None),
        (parsers.ban_duration, "Forever", None),
        (parsers.ban_duration, "10800", 10800.0),
        (parsers.backend, "pyinotify", Backend.INOTIFY),
        (parsers.backend, "AUTO", Backend.AUTO),
        (parsers.backend, "polling", Backend.POLLING),
        (parsers.log_path, "/var/log/x", LogPath("/var/log/x")),
        (parsers.log_path, "/var/log/a b/*.log  tail", LogPath("/var/log/a b/*.log", Start.TAIL)),
        (parsers.log_path, "/x head", LogPath("/x", Start.HEAD)),
        (parsers.encoding, "auto", "utf-8"),
        (parsers.encoding, "latin-1", "latin-1"),
        (parsers.time_zone, "Europe/Berlin", "Europe/Berlin"),
        (parsers.time_zone, "UTC+0200", "UTC+0200"),
        (parsers.time_zone, "", None),
        (parsers.exempt, "198.51.100.7", "198.51.100.7"),
        (parsers.exempt, "127.0.0.1/8", "127.0.0.0/8"),
        (parsers.exempt, "10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        (parsers.exempt, "2001:DB8::1", "2001:db8::1"),
        (parsers.exempt, "::ffff:198.51.100.7", "198.51.100.7"),
        (parsers.exempt, "Office.Example.org.", "office.example.org"),
        (parsers.exempt, "localhost", "localhost"),
        (parsers.use_dns, "Warn", UseDns.WARN),
        (parsers.use_dns, "raw", UseDns.NO),
        (parsers.log_level, "notice", "INFO"),
        (parsers.word, "acl", "acl"),
    ],
)
def test_what_is_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parsers.boolean, ""),
        (parsers.boolean, "maybe"),
        (parsers.whole_number(1), "0"),
        (parsers.whole_number(1), "five"),
        (parsers.whole_number(1), "1.5"),
        (parsers.whole_number(1), "9" * 30),
        (parsers.whole_number(1), "\u0663"),
        (parsers.whole_number(1, 5), "6"),
        (parsers.seconds(1, 2), "3"),
        (parsers.seconds(1, 2), "0.5"),
        (parsers.duration, "0"),
        (parsers.duration, "9" * 400),
        (parsers.duration, "10800\nfindtime 5"),
        (parsers.ban_duration, "-2"),
        (parsers.ban_duration, ""),
        (parsers.backend, "systemd[journalflags=1]"),
        (parsers.backend, "inotfy"),
        (parsers.log_path, "messages"),
        (parsers.log_path, "/a /b"),
        (parsers.log_path, "tail"),
        (parsers.log_path, "/a\0"),
        (parsers.encoding, "utf-99"),
        (parsers.encoding, "utf-16"),
        (parsers.encoding, "hex"),
        (parsers.encoding, "a\0b"),
        (parsers.time_zone, "Europe/Berlln"),
        (parsers.time_zone, "../etc/passwd"),
        (parsers.time_zone, "Europe"),
        (parsers.time_zone, "UTC+99"),
        (parsers.exempt, "192.168.1"),
        (parsers.exempt, "300.1.1.1"),
        (parsers.exempt, "10.0.0.1-5"),
        (parsers.exempt, "10.0.0.0/33"),
        (parsers.exempt, "fe80::1%eth0"),
        (parsers.exempt, "a..b"),
        (parsers.exempt, "a" * 64),
        (parsers.exempt, "file:/etc/list"),
        (parsers.use_dns, "often"),
        (parsers.log_level, "loud"),
        (parsers.word, "two words"),
    ],
)
def test_what_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


SETTINGS = (*jail_table.JAIL_SETTINGS, *server_table.SERVER_SETTINGS, *filter_table.RULE_SETTINGS)


@given(st.sampled_from(SETTINGS), st.text())
def test_no_text_makes_a_reader_fail_in_another_way(setting: Setting[object], text: str) -> None:
    said = "nothing"
    try:
        setting.parse(text)
    except ValueError as failure:
        said = str(failure)
    assert said


def test_the_table_is_whole() -> None:
    names = [setting.name for setting in jail_table.JAIL_SETTINGS]
    assert len(names) == len(set(names))
    assert all(setting.doc and setting.name == setting.name.lower() for setting in SETTINGS)
