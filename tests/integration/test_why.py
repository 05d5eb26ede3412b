# SPDX-License-Identifier: MIT
"""``logban-client why`` about a running daemon: failures, trust, exemptions, what comes next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from logban.testing.lines import CUSTOMERS, LogFile, asterisk_line
from logban.testing.running import Answer, RunningServer

Jail = Callable[..., None]
OFFICE, SCANNER = "203.0.113.50", "198.51.100.7"
FILTER = f"""{CUSTOMERS}
[rule probe]
kind = scan
weight = 1.75
failregex = ^\\[\\] \\S+ probe <HOST>$
"""


@pytest.fixture
def say(log: LogFile) -> Callable[..., None]:
    """Give a way to write lines of this moment."""

    def write(*words: str) -> None:
        for each in words:
            log.write(asterisk_line(each))

    return write


@pytest.fixture
def why(server: RunningServer) -> Callable[..., str]:
    """Give what the client says of somebody, on one line, once a sentence is among it."""

    def ask(subject: str, sentence: str) -> str:
        def look() -> str | None:
            shown = " ".join(server.client("why", subject).out.split())
            return shown if sentence in shown else None

        return server.wait(look)

    return ask


@pytest.fixture
def pbx(server: RunningServer, jail: Jail, tmp_path: Path) -> Callable[..., None]:
    """Give a way to start the daemon with a jail of this filter."""

    def start(**more: str) -> None:
        server.write("filters.d/mine.conf", FILTER)
        (tmp_path / "exempt").write_text("192.0.2.0/24\n")
        settings = {"filter": "mine", "logtimezone": "UTC", "extensions": "2XX"} | more
        jail(ignoreip=f"192.0.2.1 file:{tmp_path}/exempt", **settings)
        server.start()

    return start


def test_a_stranger(
    server: RunningServer, pbx: Callable[..., None], say: Callable[..., None],
    why: Callable[..., str], tmp_path: Path,
) -> None:  # fmt: skip
    pbx()
    say(f"probe {SCANNER}", f"refused 140 {SCANNER}")
    shown = why(SCANNER, "its failures weigh 3.25 of 5")
    assert f"{SCANNER} is not banned" in shown
    # Each failure with its line, its rule and its weight.
    assert "jail pbx counts 2 of 5 failures within 10m" in shown
    assert f"probe {tmp_path}/full weighs 1.75 " in shown
    assert f"NOTICE[19675] probe {SCANNER}" in shown
    assert f"password {tmp_path}/full weighs 1.5 " in shown
    assert f"NOTICE[19675] refused 140 {SCANNER}" in shown
    # The sources of exemptions in order, and what the next one would do.
    table = shown[shown.index("exemptions, in the order in which they are asked:") :]
    sources = ("allow every no", "ignoreip pbx no", "own addresses every no", f"file:{tmp_path}")
    places = [table.index(each) for each in sources]
    assert places == sorted(places)
    assert "jail pbx: one more wrong password would make it 4.25 of 5" in shown
    say(f"probe {SCANNER}", f"probe {SCANNER}")
    server.ban_of(SCANNER)
    answer = server.client("why", SCANNER, "--json")
    assert answer.code == 0
    (ban,) = cast("list[Answer]", answer.json["banned"])
    evidence = cast("list[Answer]", ban["evidence"])
    assert [each["rule"] for each in evidence] == ["probe", "password", "probe"]
    # What is told of a ban comes from the ledger, weights included.
    assert [each["weight"] for each in evidence] == [1.75, 1.5, 1.75]
    assert f"probe {tmp_path}/full weighs 1.75 " in why(SCANNER, "is banned in jail pbx")
    # The fourth came to somebody who was banned by then, and begins a new count.
    assert json.dumps(answer.json["failures"])


def test_an_exempt_one(pbx: Callable[..., None], why: Callable[..., str], tmp_path: Path) -> None:
    pbx()
    shown = why("192.0.2.77", "it can't be banned")
    assert "allow every no ignoreip pbx no own addresses every no" in shown
    assert f"file:{tmp_path}/exempt pbx yes: 192.0.2.0/24 ({tmp_path}/exempt:1)" in shown


def test_a_customer_and_his_telephone(
    pbx: Callable[..., None], say: Callable[..., None], why: Callable[..., str]
) -> None:
    pbx(action="nftables", **{"user-ip.action": "kamailio-userban"})
    say(f"in 201 {OFFICE}", f"in 207 {OFFICE}", *[f"refused 207 {OFFICE}"] * 3)
    shown = why(OFFICE, "user 207 is known there")
    assert f"{OFFICE} is trusted until" in shown
    assert "user 201 is known there, and got in last at" in shown
    assert "failed 3 times since" in shown
    assert "one more wrong password of a user who is not known there would make it 1 of 10" in shown
    assert "its network 203.0.113.0/24 can't be banned: users are known in it" in shown
    shown = why(f"207@{OFFICE}", "jail pbx counts 3 of 5 failures within 10m")
    assert shown.count(f"refused 207 {OFFICE}") == 3
    assert "user 207 is known there" in shown
    assert "jail pbx: one more wrong password would leave 1 to his suspension" in shown
    say(f"refused 207 {OFFICE}")
    shown = why(f"207@{OFFICE}", "would suspend him there for 15m")
    say(f"refused 207 {OFFICE}")
    shown = why(f"207@{OFFICE}", "is banned in jail pbx")
    assert "the telephone has a wrong password" in shown


def test_a_telephone_that_nothing_can_suspend(
    pbx: Callable[..., None], say: Callable[..., None], why: Callable[..., str]
) -> None:
    pbx()
    say(f"in 207 {OFFICE}", f"refused 207 {OFFICE}")
    shown = why(f"207@{OFFICE}", "jail pbx counts 1 of 5 failures")
    assert "his failures there are reported; no action of the jail keeps users out" in shown
    assert "nothing is known of 208@" in why(f"208@{OFFICE}", "is not banned")


def test_an_account(
    server: RunningServer, pbx: Callable[..., None], say: Callable[..., None],
    why: Callable[..., str],
) -> None:  # fmt: skip
    pbx(**{"user.maxretry": "3", "user.findtime": "1d", "user.bantime": "2h"})
    say(f"in 201 {OFFICE}", *[f"refused 201 198.51.100.{number}" for number in (11, 12)])
    shown = why("user:201", "2 places have failed with the name 201 lately")
    assert "jail pbx: 3 places that fail with his name within 1d protect the account" in shown
    assert "protect the account for 2h" in shown
    assert "user 201 gets in: his own places go on whatever others do" in shown
    say("refused 201 198.51.100.13")
    why("user:201", "account 201 is attacked from many places, and protected")
    assert "account 201 is attacked from 3 places" in " ".join(server.client("status").out.split())
    assert "a stranger's wrong password for him weighs 1.5" in why("user:140", "weighs")
