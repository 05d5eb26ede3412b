# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.command.action`, with real programs."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.command.action import Command, Commands, build
from logban.actions.command.line import CommandLine
from logban.actions.declaration import ActionSpec, ParameterError
from logban.actions.protocols import Enforcer
from logban.errors import ActionError
from logban.model import Ban, BanOrigin, Evidence, Subject, SubjectKind
from logban.testing.clock import FakeClock

NOW = FakeClock().now()
ADDRESS = Subject(SubjectKind.IP, "198.51.100.7")
BAN = Ban("asterisk", ADDRESS, NOW, NOW + 600, 5, "wrong-password")

RECORDER = """#!{python} -I
import json, os, sys
with open({log!r}, "a") as log:
    print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]), file=log)
if sys.argv[-1] in {failing!r}:
    sys.stderr.write("no \\x1b[2J way\\n")
    sys.exit(3)
"""


class Recorder:
    """A program that writes down how it was called, and fails where the test says."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "recorder"
        self._log = folder / "calls"
        self.fail()

    def fail(self, *last: str) -> None:
        """Fail from now on where one of these is the last argument."""
        text = RECORDER.format(python=sys.executable, log=str(self._log), failing=last)
        self.path.write_text(text)
        self.path.chmod(0o755)

    def calls(self) -> list[tuple[list[str], dict[str, str], str]]:
        if not self._log.exists():
            return []
        return [tuple(json.loads(line)) for line in self._log.read_text().splitlines()]

    def argvs(self) -> list[list[str]]:
        return [argv for argv, _, _ in self.calls()]


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def commands(recorder: Recorder, **lines: str) -> Commands:
    return Commands(
        **{
            event: CommandLine.parse(event, f"{recorder.path} {line}")
            for event, line in lines.items()
        }
    )


def other(number: int, **changes) -> Ban:
    return replace(BAN, subject=Subject(SubjectKind.IP, f"198.51.100.{number}"), **changes)


def test_it_is_an_enforcer_that_cannot_be_read(recorder: Recorder) -> None:
    command = Command("asterisk", commands(recorder, ban="x"), FakeClock())
    assert isinstance(command, Enforcer)
    assert command.read() is None


def test_each_argument_is_filled_in_by_itself(recorder: Recorder) -> None:
    """No value becomes two arguments, and no shell reads any of them."""
    line = (
        """add --ip={{ ip }} '{{ user | default("x y", true) }}' """
        """"{{jail}}: $(id) `id`" {{ lines }} ; | > ''"""
    )
    user = "a b; $(reboot) 'q\" *"
    subject = Subject(SubjectKind.USER_IP, "198.51.100.7", user)
    ban = replace(BAN, subject=subject, evidence=(Evidence(NOW, "r", "line one", "/l"),) * 2)
    Command("asterisk", commands(recorder, ban=line), FakeClock()).apply([ban])
    assert recorder.argvs() == [
        [
            "add",
            "--ip=198.51.100.7",
            user,
            "asterisk: $(id) `id`",
            "line one\nline one",
            ";",
            "|",
            ">",
            "",
        ]
    ]


def test_the_environment_holds_the_same_values_and_nothing_of_ours(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    ban = replace(BAN, origin=BanOrigin.HAND, reason="a\x00b", until=None)
    Command("asterisk", commands(recorder, ban="x"), FakeClock()).apply([ban])
    ((_, environment, folder),) = recorder.calls()
    assert folder == "/"
    assert {name: value for name, value in environment.items() if name.startswith("LOGBAN_")} == {
        "LOGBAN_EVENT": "ban",
        "LOGBAN_JAIL": "asterisk",
        "LOGBAN_IP": "198.51.100.7",
        "LOGBAN_FAMILY": "inet",
        "LOGBAN_USER": "",
        "LOGBAN_SUBJECT": "198.51.100.7",
        "LOGBAN_KIND": "ip",
        "LOGBAN_TIME": str(int(NOW)),
        "LOGBAN_UNTIL": "-1",
        "LOGBAN_BANTIME": "-1",
        "LOGBAN_REMAINING": "-1",
        "LOGBAN_FAILURES": "5",
        "LOGBAN_RULE": "wrong-password",
        "LOGBAN_REASON": r"a\x00b",
        "LOGBAN_ORIGIN": "hand",
        "LOGBAN_BANCOUNT": "1",
        "LOGBAN_LINES": "",
    }
    assert "SECRET" not in environment


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (ADDRESS, ["198.51.100.7", "inet", "", "198.51.100.7", "ip"]),
        (
            Subject(SubjectKind.NET, "2001:db8:66::/64"),
            ["2001:db8:66::/64", "inet6", "", "2001:db8:66::/64", "net"],
        ),
        (Subject(SubjectKind.USER, "", "6003"), ["", "", "6003", "6003", "user"]),
    ],
)
def test_what_is_told_of_a_subject(
    recorder: Recorder, subject: Subject, expected: list[str]
) -> None:
    line = "{{ ip }} {{ family }} {{ user }} {{ subject }} {{ kind }}"
    command = Command("asterisk", commands(recorder, ban=line), FakeClock())
    command.apply([replace(BAN, subject=subject)])
    assert recorder.argvs() == [expected]


def test_what_is_told_of_time(recorder: Recorder) -> None:
    clock = FakeClock()
    line = "{{ time }} {{ until }} {{ bantime }} {{ remaining }}"
    command = Command("asterisk", commands(recorder, ban=line), clock)
    clock.advance(100)
    command.apply([replace(BAN, time=NOW + 0.25, until=NOW + 600.25)])
    assert recorder.argvs() == [[str(int(NOW)), str(int(NOW) + 600), "600", "500"]]


@pytest.mark.parametrize(
    ("line", "user", "argv"),
    [
        ("{{ user }}", "-rf", [r"\x2drf"]),
        ("'{{ user }}'", "--", [r"\x2d-"]),
        ("--user={{ user }}", "-rf", ["--user=-rf"]),
        ("-{{ user }}", "-rf", ["--rf"]),
        ("-- {{ user }}", "-rf", ["--", "-rf"]),
        ("{{ user }} -- {{ user }}", "-rf", [r"\x2drf", "--", "-rf"]),
        ("{{ user }} {{ user }}", "--", [r"\x2d-", r"\x2d-"]),
        ("x{{ user }}", "-rf", ["x-rf"]),
        ("{{ user }}", "a\x00b\n\x1b", [r"a\x00b\n\x1b"]),
        ("{{ user }}", "{{ jail }}", ["{{ jail }}"]),
    ],
)
def test_a_name_cannot_be_an_option_nor_a_control_character(
    recorder: Recorder, line: str, user: str, argv: list[str]
) -> None:
    """And the ban is carried out all the same."""
    command = Command("asterisk", commands(recorder, ban=line), FakeClock())
    command.apply([replace(BAN, subject=Subject(SubjectKind.USER, "", user))])
    assert recorder.argvs() == [argv]


def test_an_unchanged_ban_is_applied_once(recorder: Recorder) -> None:
    command = Command("asterisk", commands(recorder, ban="ban {{ ip }}"), FakeClock())
    command.apply([BAN])
    command.apply([BAN, other(8)])
    assert recorder.argvs() == [["ban", "198.51.100.7"], ["ban", "198.51.100.8"]]


def test_another_end_runs_extend_and_nothing_else(recorder: Recorder) -> None:
    lines = {"ban": "ban", "extend": "extend {{ until }}"}
    command = Command("asterisk", commands(recorder, **lines), FakeClock())
    longer = replace(BAN, until=NOW + 900)
    command.apply([BAN])
    command.apply([longer])
    command.apply([longer])
    assert recorder.argvs() == [["ban"], ["extend", str(int(NOW + 900))]]


def test_without_extend_another_end_runs_nothing(recorder: Recorder) -> None:
    command = Command("asterisk", commands(recorder, ban="ban"), FakeClock())
    command.apply([BAN])
    command.apply([replace(BAN, until=None)])
    assert recorder.argvs() == [["ban"]]


def test_a_ban_that_is_over_is_left_out(recorder: Recorder) -> None:
    clock = FakeClock()
    command = Command("asterisk", commands(recorder, ban="ban"), clock)
    clock.advance(600)
    command.apply([BAN])
    assert recorder.calls() == []


def test_a_new_ban_after_an_ended_one_is_applied(recorder: Recorder) -> None:
    """Whether or not anybody lifted the old one."""
    clock = FakeClock()
    command = Command("asterisk", commands(recorder, ban="ban"), clock)
    command.apply([BAN])
    clock.advance(700)
    command.apply([replace(BAN, time=NOW + 700, until=NOW + 1300)])
    assert recorder.argvs() == [["ban"], ["ban"]]
    assert len(command._applied) == 1


def test_unban_is_run_once_for_each_ban(recorder: Recorder) -> None:
    """Also for one of an earlier process, and again when the same ban was applied again."""
    lines = {"ban": "ban", "unban": "unban {{ ip }}"}
    command = Command("asterisk", commands(recorder, **lines), FakeClock())
    command.lift([BAN])
    command.lift([BAN])
    command.apply([BAN])
    command.lift([BAN])
    assert recorder.argvs() == [["unban", "198.51.100.7"], ["ban"], ["unban", "198.51.100.7"]]


def test_a_lift_without_unban_forgets_the_ban(recorder: Recorder) -> None:
    command = Command("asterisk", commands(recorder, ban="ban"), FakeClock())
    command.apply([BAN])
    command.lift([BAN])
    command.apply([BAN])
    assert recorder.argvs() == [["ban"], ["ban"]]


def test_the_memory_of_lifted_bans_is_bounded() -> None:
    command = Command("asterisk", Commands(), FakeClock())
    command.lift([replace(BAN, time=float(number)) for number in range(5000)])
    assert len(command._lifted) == 4096


@pytest.mark.parametrize(("restored", "argvs"), [(True, [["old"], ["new"]]), (False, [["new"]])])
def test_bans_of_an_earlier_process(
    recorder: Recorder, restored: bool, argvs: list[list[str]]
) -> None:
    command = Command(
        "asterisk", commands(recorder, ban="{{ rule }}"), FakeClock(), restored=restored
    )
    old = replace(BAN, time=NOW - 1, rule="old")
    command.apply([old, other(8, rule="new")])
    command.apply([old])
    assert recorder.argvs() == argvs


def test_start_runs_once_and_stop_after_it(recorder: Recorder) -> None:
    lines = {"start": "start {{ jail }}", "stop": "stop"}
    command = Command("asterisk", commands(recorder, **lines), FakeClock())
    command.close()
    command.prepare()
    command.prepare()
    command.close()
    command.close()
    assert recorder.argvs() == [["start", "asterisk"], ["stop"]]


def test_a_start_that_fails_is_tried_again(recorder: Recorder) -> None:
    command = Command("asterisk", commands(recorder, start="start"), FakeClock())
    recorder.fail("start")
    with pytest.raises(ActionError, match=r"command in jail asterisk: .*exit code 3"):
        command.prepare()
    recorder.fail()
    command.prepare()
    command.prepare()
    assert len(recorder.calls()) == 2


def test_without_commands_nothing_happens(recorder: Recorder) -> None:
    command = Command("asterisk", Commands(), FakeClock())
    command.prepare()
    command.apply([BAN])
    command.lift([BAN])
    command.close()


def test_one_failure_does_not_keep_back_the_others(recorder: Recorder) -> None:
    """The message names it, shows what the program said, and only it is tried again."""
    command = Command("asterisk", commands(recorder, ban="{{ ip }}"), FakeClock())
    recorder.fail("198.51.100.2")
    bans = [other(1), other(2), other(3)]
    with pytest.raises(ActionError) as caught:
        command.apply(bans)
    message = str(caught.value)
    assert message == (
        f"command in jail asterisk: 198.51.100.2: {recorder.path} failed (exit code 3): "
        r"no \x1b[2J way"
    )
    assert [argv[0][-1] for argv in recorder.argvs()] == ["1", "2", "3"]
    recorder.fail()
    command.apply(bans)
    assert [argv[0][-1] for argv in recorder.argvs()] == ["1", "2", "3", "2"]


def test_a_failed_lift_is_tried_again_alone(recorder: Recorder) -> None:
    command = Command("asterisk", commands(recorder, unban="{{ ip }}"), FakeClock())
    recorder.fail("198.51.100.1")
    with pytest.raises(ActionError, match=r"198\.51\.100\.1: "):
        command.lift([other(1), other(2)])
    recorder.fail()
    command.lift([other(1), other(2)])
    assert [argv[0][-1] for argv in recorder.argvs()] == ["1", "2", "1"]


def test_what_could_not_be_lifted_is_tried_again_by_prepare(recorder: Recorder, caplog) -> None:
    """Until it succeeds or the subject is banned anew; and it never stands in the way."""
    lines = {"ban": "ban", "unban": "{{ ip }}"}
    command = Command("asterisk", commands(recorder, **lines), FakeClock())
    recorder.fail("198.51.100.1", "198.51.100.2")
    command.apply([other(1), other(2)])
    with pytest.raises(ActionError):
        command.lift([other(1), other(2)])
    command.prepare()
    assert len(caplog.messages) == 1
    assert "198.51.100.1: " in caplog.text
    assert "198.51.100.2: " in caplog.text
    command.apply([other(2, until=NOW + 900)])
    recorder.fail()
    command.prepare()
    command.prepare()
    unbans = [argv[0][-1] for argv in recorder.argvs() if argv != ["ban"]]
    assert unbans == ["1", "2", "1", "2", "1"]
    assert recorder.argvs().count(["ban"]) == 2


def test_many_failures_are_counted() -> None:
    line = CommandLine.parse("ban", "/nonexistent/program {{ ip }}")
    command = Command("asterisk", Commands(ban=line), FakeClock())
    with pytest.raises(ActionError) as caught:
        command.apply([other(number) for number in range(8)])
    message = str(caught.value)
    assert message.count("/nonexistent/program cannot be run: No such file or directory") == 5
    assert message.endswith("; and 3 more")


def test_a_signal_is_named(tmp_path: Path) -> None:
    line = CommandLine.parse("ban", "/bin/sh -c 'kill -9 $$'")
    with pytest.raises(ActionError, match=r"/bin/sh failed \(signal 9\): it said nothing"):
        Command("asterisk", Commands(ban=line), FakeClock()).apply([BAN])


def test_the_time_limit() -> None:
    line = CommandLine.parse("ban", "sleep 60")
    command = Command("asterisk", Commands(ban=line), FakeClock(), timeout=0.2)
    with pytest.raises(ActionError, match="sleep did not end within"):
        command.apply([BAN])


def test_an_endless_talker_is_held_to_its_time_and_quoted_in_short() -> None:
    line = CommandLine.parse("ban", "/bin/sh -c 'head -c 1000000 /dev/zero; exit 1'")
    with pytest.raises(ActionError) as caught:
        Command("asterisk", Commands(ban=line), FakeClock()).apply([BAN])
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_value_that_a_template_cannot_take_is_a_failure_of_that_ban() -> None:
    line = CommandLine.parse("ban", "/bin/true {{ 1 / (failures - 4) }}")
    command = Command("asterisk", Commands(ban=line), FakeClock())
    command.apply([BAN])
    with pytest.raises(ActionError, match=r"ban command .* cannot be filled in: division by zero"):
        command.apply([other(8, failures=4)])


def test_build(recorder: Recorder) -> None:
    parameters = {
        "ban": CommandLine.parse("ban", f"{recorder.path} x"),
        "unban": None,
        "extend": None,
        "start": None,
        "stop": None,
        "timeout": 60.0,
        "restored": False,
        "firewall": False,
    }
    spec = ActionSpec("asterisk", "command", "command", parameters)
    command = build(spec, FakeClock())
    command.apply([replace(BAN, time=NOW - 1), other(8)])
    assert recorder.argvs() == [["x"]]


def test_an_action_that_runs_nothing_is_refused() -> None:
    with pytest.raises(ParameterError, match="no command is given"):
        catalogue.parse("asterisk", "command", {"timeout": "5"})


def test_the_recorder_is_a_program(recorder: Recorder) -> None:
    """A text file that is no program is a failure with a reason."""
    recorder.path.chmod(stat.S_IRUSR)
    command = Command("asterisk", commands(recorder, ban="x"), FakeClock())
    with pytest.raises(ActionError, match="cannot be run: Permission denied"):
        command.apply([BAN])


def test_who_does_not_ask_for_the_user_is_told_of_no_user() -> None:
    """He would shut out everybody at the address of a telephone with an old password."""
    user = Subject(SubjectKind.USER_IP, "192.0.2.1", "6003")
    network = Subject(SubjectKind.NET, "2001:db8::/64")
    script = build(
        catalogue.parse("asterisk", "command", {"ban": "/bin/ban {{ ip }}"}), FakeClock()
    )
    assert [script.takes(each) for each in (ADDRESS, network, user)] == [True, True, False]
    of_users = {"ban": "/bin/suspend {{ user }} {{ ip }}"}
    suspender = build(catalogue.parse("asterisk", "command", of_users), FakeClock())
    assert [suspender.takes(each) for each in (ADDRESS, user)] == [True, True]
