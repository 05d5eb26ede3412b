# SPDX-License-Identifier: MIT
"""Actions in fail2ban's form: read as fail2ban reads them, run by a real shell."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.command.action import Command, build
from logban.actions.command.shell import Script
from logban.actions.declaration import ParameterError
from logban.config import load
from logban.config.files.parameters import Selection
from logban.config.jails.action_files import find_action
from logban.errors import ActionError
from logban.model import Ban, Evidence, Origin, Subject, SubjectKind
from logban.testing.clock import FakeClock

STOCK = Path("/etc/fail2ban/action.d")
NOW = FakeClock().now()
BAN = Ban(
    "pbx",
    Subject.parse("198.51.100.7"),
    NOW,
    NOW + 600,
    5,
    "rule",
    (Evidence(NOW, "rule", "$(touch evil) `touch evil`", "log"),),
    fields={"user": "-x'; touch evil; '"},
)
BAN6 = replace(BAN, subject=Subject.parse("2001:db8::7", 128))
COMMON = "[Init]\nout = /dev/null\nset = set4\n[Init?family=inet6]\nset = set6\n"
MINE = """
[INCLUDES]
before = common.conf
[Definition]
actionstart = echo "start <set> <name>" >> <out>
actionstop = echo "stop <set>" >> <out>
actionban = what="<failures> <bantime> <bancount> <restored> <F-USER> <matches>"
    printf '%%s\\n' "<set> <ip> $what" >> <out>
actionunban = echo "-<ip> <family> <F-NONE>" >> <out>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "actions.d").mkdir()
    (tmp_path / "actions.d" / "common.conf").write_text(COMMON)
    (tmp_path / "actions.d" / "mine.conf").write_text(MINE)
    return tmp_path


def made(folder: Path, name: str = "mine", **parameters: str) -> Command:
    found = find_action(name, folder / "actions.d")
    assert found is not None
    given = {"out": str(folder / "out"), **parameters}
    return build(found.spec("pbx", Selection(name, Origin("test", 1), given)), FakeClock())


def written(folder: Path) -> list[str]:
    return (folder / "out").read_text().splitlines()


def test_a_ban_and_its_end_run_the_scripts(folder: Path) -> None:
    command = made(folder)
    command.prepare()
    assert not (folder / "out").exists()  # it starts with the first ban of a family
    command.apply([BAN, BAN6])
    command.lift([BAN])
    command.close()
    hostile = "\\x2dx'; touch evil; ' $(touch evil) `touch evil`"
    assert written(folder) == [
        "start set4 pbx",
        f"set4 198.51.100.7 5 600 1 0 {hostile}",
        "start set6 pbx",
        f"set6 2001:db8::7 5 600 1 0 {hostile}",
        "-198.51.100.7 inet ",
        "stop set4",
        "stop set6",
    ]


def test_a_restored_ban_is_lifted_first_and_is_in_force_once(folder: Path) -> None:
    command = made(folder, actionstart_on_demand="no")
    command.prepare()
    command.apply([replace(BAN, time=NOW - 60, evidence=(), fields={})])
    assert written(folder) == [
        "start set4 pbx",
        "start set6 pbx",
        "-198.51.100.7 inet ",
        "set4 198.51.100.7 5 660 1 1  ",
    ]


def test_a_script_is_told_of_the_host_and_of_the_address_backwards(folder: Path) -> None:
    command = made(folder, actionban="echo <fq-hostname> <sh-hostname> <ip-rev>x >> <out>")
    command.prepare()
    command.apply([BAN, BAN6])
    host = f"{socket.getfqdn()} {socket.gethostname()}"
    assert written(folder)[1::2] == [
        f"{host} 7.100.51.198.x",
        f"{host} 7.{'0.' * 23}8.b.d.0.1.0.0.2.x",
    ]


def test_what_is_not_to_be_restored_is_not(folder: Path) -> None:
    command = made(folder, norestored="1")
    command.prepare()
    command.apply([replace(BAN, time=NOW - 60)])
    assert not (folder / "out").exists()


def test_a_script_that_fails_is_told(folder: Path) -> None:
    command = made(folder, actionban="echo no; exit 3")
    command.prepare()
    with pytest.raises(ActionError, match=r"the ban script failed \(exit code 3\): no"):
        command.apply([BAN])


def test_scripts_are_told_of_addresses_alone(folder: Path) -> None:
    command = made(folder)
    assert command.takes(BAN.subject)
    assert not command.takes(Subject(SubjectKind.USER, user="6003"))


def test_a_jail_names_an_action_of_actions_d(folder: Path) -> None:
    (folder / "jails.d").mkdir()
    (folder / "jails.d" / "a.conf").write_text(
        "[DEFAULT]\nenabled = true\nlogpath = /l\nfilter = x\n"
        "[good]\naction = mine[out=/tmp/x]\n"
        "[bad]\naction = mine[actionban='eval <matches>']\n"
        "[typo]\naction = mien\n"
    )
    (folder / "filters.d").mkdir()
    (folder / "filters.d" / "x.conf").write_text("[Definition]\nfailregex = ^x <HOST>$\n")
    configuration = load(folder)
    (action,) = configuration.jails["good"].actions
    assert (action.written, action.type_name) == ("mine", "command")
    (bad,) = configuration.failed["bad"]
    assert "actionban: <matches> is written by attackers, and eval would" in bad.message
    (typo,) = configuration.failed["typo"]
    assert "there is no action 'mien'" in typo.message


def test_a_missing_include_or_a_loop_is_told_with_its_place(folder: Path) -> None:
    lost = MINE.replace("common.conf", "no.conf").lstrip()
    (folder / "actions.d" / "lost.conf").write_text(lost)
    with pytest.raises(ParameterError, match=r"lost\.conf:2: the included file"):
        made(folder, "lost")
    with pytest.raises(ParameterError, match="contains itself"):
        made(folder, actionban="<a>", a="<b>", b="<a>")


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in STOCK.glob("*.conf") if path.stem not in catalogue.names())
)
def test_every_stock_action_can_be_run_or_is_for_others(name: str) -> None:
    found = find_action(name, STOCK)
    assert found is not None
    selection = Selection(name, Origin("test", 1), {})
    if name.endswith("-common"):
        with pytest.raises(ParameterError, match="runs nothing for a ban"):
            found.spec("pbx", selection)
        return
    script = found.spec("pbx", selection).parameters["ban"]
    assert isinstance(script, Script)
    assert "<ip>" not in script.inet
    assert "<matches>" not in script.inet
