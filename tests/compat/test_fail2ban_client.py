# SPDX-License-Identifier: MIT
"""Scripts that call fail2ban-client get from logban what they get from fail2ban, to the letter.

Debian's package fail2ban has to be installed; a server of its own runs in a network of its own.
Root is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logban.testing.namespaces import Namespace
from logban.testing.running import RunningServer
from logban.testing.waiting import LIMIT

UTC = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"}
JAILS = """
[DEFAULT]
action = null
[sshd]
enabled = true
logpath = {folder}/auth.log
ignoreip = 192.0.2.0/24 office.example.org
bantime = 1h
[asterisk]
enabled = true
logpath = {folder}/full
bantime = -1
"""
# The last word of each is what is compared: what it prints, and its exit code.
STORY = (
    "ping",
    "status",
    "status sshd",
    "get sshd banip",
    "set sshd banip 198.51.100.7",
    "set sshd banip 198.51.100.7",
    "status sshd",
    "get sshd banip",
    "get sshd banned",
    "get sshd banned 198.51.100.7",
    "get sshd banned 198.51.100.8",
    "banned",
    "banned 198.51.100.7 198.51.100.8",
    "get asterisk banip",
    "get sshd ignoreip",
    "get asterisk ignoreip",
    "get sshd logpath",
    "get sshd maxretry",
    "get sshd findtime",
    "get sshd bantime",
    "get asterisk bantime",
    "set sshd unbanip 198.51.100.7",
    "set sshd unbanip 198.51.100.7",
    "set sshd unbanip --report-absent 198.51.100.7",
    "set asterisk banip 198.51.100.9 198.51.100.10",
    "unban 198.51.100.9",
    "unban 198.51.100.9",
    "unban --all",
    "unban --all",
    "reload",
    "status nojail",
    "set nojail banip 198.51.100.7",
    "get nojail banip",
    "get sshd nothing",
    "nothing",
)
Client = Callable[[str], tuple[int, str]]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.remove()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = Path(shutil.copytree("/etc/fail2ban", tmp_path / "fail2ban"))
    (made / "jail.local").write_text(JAILS.format(folder=tmp_path))
    (made / "jail.d" / "defaults-debian.conf").write_text("")
    (made / "action.d" / "null.conf").write_text("[Definition]\nactionban = true\n")
    (made / "fail2ban.local").write_text(
        f"[DEFAULT]\nlogtarget = {tmp_path}/f2b.log\nsocket = {tmp_path}/f2b.sock\n"
        f"pidfile = {tmp_path}/f2b.pid\ndbfile = {tmp_path}/f2b.sqlite3\nallowipv6 = auto\n"
    )
    for log in ("auth.log", "full"):
        (tmp_path / log).touch()
    return made


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, env=UTC, check=False)
    return done.returncode, done.stdout


@pytest.fixture
def theirs(tree: Path, namespace: Namespace) -> Iterator[Client]:
    """A client of a running fail2ban."""
    command = ["ip", "netns", "exec", namespace.name, "fail2ban-server", "-f", "-c", str(tree)]
    with subprocess.Popen(
        [*command, "start"], env=UTC, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        try:
            asked = ("fail2ban-client", "-c", tree, "status")
            deadline = time.monotonic() + LIMIT
            while not {"asterisk", "sshd"} <= set(re.findall(r"\w+", run(*asked)[1])):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield lambda words: run("fail2ban-client", "-c", tree, *words.split())
        finally:
            server.terminate()
            server.wait(LIMIT)


@pytest.fixture
def ours(tree: Path, namespace: Namespace, tmp_path: Path) -> Iterator[Client]:
    """A client of a running logban that has taken over the same tree, by the name of fail2ban's."""
    server = RunningServer(namespace, tmp_path / "logban")
    done = server.client("import-fail2ban", str(tree), "--to", str(server.config))
    assert done.code == 0, done.out
    # A jail of logban's own that fail2ban has not: it can't be without it.
    link = tmp_path / "fail2ban-client"
    link.symlink_to(Path(sys.executable).parent / "logban-client")
    environment = {**UTC, "LOGBAN_SOCKET": str(server.socket)}

    def client(words: str) -> tuple[int, str]:
        done = subprocess.run(
            [link, *words.split()], capture_output=True, text=True, env=environment, check=False
        )
        said = done.stdout.replace(
            "\t3\n`- Jail list:\tasterisk, manual", "\t2\n`- Jail list:\tasterisk"
        )
        return done.returncode, said.replace(", {'manual': []}", "")

    server.start()
    try:
        yield client
    finally:
        server.stop()


def test_the_answers_are_the_same(theirs: Client, ours: Client) -> None:
    for words in STORY:
        expected = theirs(words)
        if words == "banned":  # fail2ban has its jails in the order of its files
            assert sorted(ours(words)[1]) == sorted(expected[1])
        else:
            assert ours(words) == expected, words


def test_the_lines_stand_in_logbans_own_answers(ours: Client, tmp_path: Path) -> None:
    for words in ("ping", "status", "status sshd", "reload"):
        code, said = run(
            Path(sys.executable).parent / "logban-client",
            *("--socket", tmp_path / "logban" / "s", *words.split()),
        )
        assert code == 0
        assert said.replace(
            "\t3\n`- Jail list:\tasterisk, manual", "\t2\n`- Jail list:\tasterisk"
        ).startswith(ours(words)[1])
