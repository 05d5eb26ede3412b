# SPDX-License-Identifier: MIT
"""Whatever the daemon, a log or a file says, no control character of it reaches the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import cast, get_args, get_origin, get_type_hints

import pytest
from click.testing import CliRunner, Result

from logban.client.invocation import Invocation
from logban.client.main import COMMANDS, cli
from logban.control.protocol import Refusal, Refused
from logban.model import Subject, SubjectKind

HOSTILE = "6003\x1b]0;owned\x07\x1b[2J\r\nok\x9b31m\u202e\u2028\x00\x7f\udc9b$(reboot)"

# Every command that asks the daemon, in all the ways in which it answers people.
ASKING: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("status", "pbx"),
    ("health",),
    ("health", "--nagios"),
    ("banned",),
    ("banned", "198.51.100.7", "user:x"),
    ("why", "198.51.100.7"),
    ("unmatched",),
    ("ban", "198.51.100.7", "--jail", HOSTILE, "--reason", HOSTILE),
    ("unban", "198.51.100.7"),
    ("unban", "--all"),
    ("allow", "add", "198.51.100.7", "--note", HOSTILE),
    ("allow", "del", "198.51.100.7"),
    ("allow", "list"),
    ("reload",),
    ("ping",),
    ("verify",),
    ("set", HOSTILE, "banip", "198.51.100.7"),
    ("set", HOSTILE, "unbanip", "198.51.100.7"),
    ("set", HOSTILE, "addignoreip", "198.51.100.7"),
    ("set", HOSTILE, "delignoreip", "198.51.100.7"),
    ("get", HOSTILE, "banip"),
    ("get", HOSTILE, "ignoreip"),
    ("get", HOSTILE, "logpath"),
    ("get", HOSTILE, "actions"),
    ("fail2ban", "status"),
    ("fail2ban", "status", HOSTILE),
    ("fail2ban", "banned"),
    ("fail2ban", "get", HOSTILE, "banip"),
    ("fail2ban", "get", HOSTILE, "banip", "--with-time"),
    ("fail2ban", "get", HOSTILE, "logpath"),
    ("fail2ban", "set", HOSTILE, "banip", "198.51.100.7"),
    ("kamailio", "print"),
    ("kamailio", "add", "black", "user", HOSTILE),
    ("kamailio", "del", "black", "user", HOSTILE),
    ("kamailio", "reload"),
    ("kamailio", "stats"),
    ("kamailio", "stats-reset"),
    ("kamailio", "top"),
)
OFFLINE = {"check", "filter", "replay", "import-fail2ban"}


def poisoned(shape: object) -> object:  # noqa: PLR0911  # one return a kind of type
    """Make an answer of that shape in which every text is hostile."""
    if isinstance(shape, UnionType):
        return poisoned(next(part for part in get_args(shape) if part is not NoneType))
    if get_origin(shape) is tuple:
        return (poisoned(get_args(shape)[0]),) * 2
    if shape is Subject:
        return Subject(SubjectKind.USER, user=HOSTILE)
    if shape is str:
        return HOSTILE
    if isinstance(shape, type) and issubclass(shape, Enum):
        return next(iter(shape))
    if isinstance(shape, type) and is_dataclass(shape):
        hints = get_type_hints(shape)
        return shape(**{part.name: poisoned(hints[part.name]) for part in fields(shape)})
    return cast("type[int | float | bool]", shape)(3)


def harmful(text: str) -> set[str]:
    """Give the characters of a text that are not for terminals."""
    return {
        each
        for each in text
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") and each not in "\n\t"
    }


def run(words: Sequence[str]) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="logban-client")


@pytest.mark.parametrize("words", ASKING, ids=lambda words: " ".join(words).split("\x1b")[0])
def test_whatever_the_daemon_answers(words: tuple[str, ...], monkeypatch) -> None:
    asked: list[object] = []

    def ask(_: Invocation, shape: type, *_command: str, **_arguments: object) -> object:
        asked.append(shape)
        return poisoned(shape)

    monkeypatch.setattr(Invocation, "ask", ask)
    result = run(words)
    assert asked
    assert result.exit_code in (0, 1, 2, 6, 7), result.output
    assert harmful(result.output) == set()


@pytest.mark.parametrize("words", ASKING, ids=lambda words: " ".join(words).split("\x1b")[0])
def test_whatever_the_daemon_refuses(words: tuple[str, ...], monkeypatch) -> None:
    def ask(*_: object, **__: object) -> object:
        raise Refused(Refusal(HOSTILE, 5, HOSTILE))

    monkeypatch.setattr(Invocation, "ask", ask)
    result = run(words)
    assert result.exit_code in (2, 5, 255)
    assert "6003\\x1b]0;owned" in result.output
    assert harmful(result.output) == set()


def test_no_command_is_left_out() -> None:
    assert {words[0] for words in ASKING} | OFFLINE == {entry.name for entry in COMMANDS}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A configuration, a log and a key that are hostile wherever files let them be."""
    evil = HOSTILE.replace("\r\n", "").replace("\udc9b", "")
    for folder in ("jails.d", "filters.d"):
        (tmp_path / folder).mkdir()
    (tmp_path / "filters.d/f.conf").write_text(
        "[Definition]\nfailregex = ^ failed <F-USER>.+</F-USER> <HOST>$\n"
    )
    (tmp_path / "jails.d/pbx.conf").write_text(
        f"[pbx]\nenabled = yes\nfilter = f\nlogpath = {tmp_path}/log\nmaxretry = 1\naction =\n"
    )
    (tmp_path / "jails.d/evil.conf").write_text(
        f"[evil{evil}]\nenabled = yes\nfilter = {evil}\nlogpath = {evil}\nmax{evil} = 1\n{evil}\n"
    )
    line = f"2026-11-20 10:00:00 failed {evil} 198.51.100.7\nfailure {evil} 198.51.100.8\n"
    (tmp_path / "log").write_text(line * 3)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("filter", "test", "f", "LOG"),
        ("filter", "test", HOSTILE.partition("\x00")[0], "LOG"),
        ("replay", "LOG", "--jail", "pbx", "--now", "2026-11-20T10:00:10"),
        ("replay", "LOG", "--jail", HOSTILE),
        ("filter", "test", "f", "/missing\x1b[2J"),
    ],
    ids=lambda words: " ".join(words).split("\x1b")[0],
)
def test_whatever_a_log_or_a_file_holds(words: tuple[str, ...], directory: Path) -> None:
    log = str(directory / "log")
    made = [log if word == "LOG" else word for word in words]
    result = run([*made, "--config", str(directory)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.output
    assert harmful(result.output) == set()
