# SPDX-License-Identifier: MIT
"""No two enforcers in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from logban.config import load
from logban.config.problem import Severity
from logban.config.settings import MANUAL

Write = Callable[[str, str], Path]

USUAL = "enabled = true\nfilter = f\nlogpath = /var/log/x\n"


def write_jails(write: Write, *texts: str) -> Path:
    write("filters.d/f.conf", "[Definition]\nfailregex = ^ failed <HOST>$\n")
    jails = "".join(f"[j{number}]\n{USUAL}{text}\n" for number, text in enumerate(texts, 1))
    return write("jails.d/all.conf", jails)


def test_two_jails_cannot_share_a_name(write: Write) -> None:
    configuration = load(
        write_jails(write, "action = nftables[name=SIP]", "action = nftables[port=5060, name=SIP]")
    )
    assert set(configuration.jails) == {"j1", MANUAL}
    (problem,) = configuration.failed["j2"]
    assert str(problem.origin) == "jails.d/all.conf:10"
    assert problem.message == (
        "action 'nftables' would share its chain and sets 'SIP' with 'nftables' of [j1] "
        "(jails.d/all.conf:5)"
    )
    assert problem.jail == "j2"
    assert problem.severity is Severity.ERROR


def test_one_jail_cannot_use_a_name_twice(write: Write) -> None:
    two = "action = nftables[port=5060]\n  nftables-allports\n"
    configuration = load(write_jails(write, two, "action = nftables[name=j1]"))
    (problem,) = configuration.failed["j1"]
    assert str(problem.origin) == "jails.d/all.conf:6"
    assert "j2" in configuration.jails  # what has failed keeps nothing


def test_another_type_or_name_is_another_place(write: Write) -> None:
    actions = "action = nftables[name=a]\n  nftables[name=b]\n  iptables[name=a]\n  sendmail\n"
    configuration = load(write_jails(write, actions, "action = iptables[name=b]\n  sendmail"))
    assert configuration.failed == {}
    assert configuration.errors == ()


def test_the_jail_for_bans_by_hand_gives_way(write: Write) -> None:
    write("jails.d/0.conf", "[DEFAULT]\naction = nftables[name=SIP]\n  sendmail\n")
    configuration = load(write_jails(write, ""))
    assert set(configuration.jails) == {"j1", MANUAL}
    block, mail = configuration.jails[MANUAL].actions
    assert block.parameters["name"] == MANUAL
    assert mail.type_name == "email"
    (warning,) = [each for each in configuration.warnings if "SIP" in each.message]
    assert str(warning.origin) == "jails.d/0.conf:2"
    assert warning.message.endswith("bans by hand are kept under 'manual'")
    assert configuration.errors == ()


def test_its_name_is_kept_for_it(write: Write) -> None:
    configuration = load(write_jails(write, "action = nftables[name=manual]"))
    (problem,) = configuration.failed["j1"]
    assert "the name 'manual' is kept for bans by hand" in problem.message


def test_it_cannot_use_a_name_twice(write: Write) -> None:
    write("jails.d/m.conf", "[manual]\naction = nftables\n  nftables[port=5060]\n")
    configuration = load(write_jails(write, ""))
    assert [action.written for action in configuration.jails[MANUAL].actions] == ["nftables"]
    (problem,) = configuration.errors
    assert str(problem.origin) == "jails.d/m.conf:3"
