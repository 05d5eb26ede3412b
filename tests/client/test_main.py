# SPDX-License-Identifier: MIT
"""The program as a whole: its options, its help, its errors."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from logban import __version__
from logban.client import main as program
from logban.client.invocation import DEFAULT_SOCKET, Invocation, common_options
from logban.client.lazy import LazyCommand, LazyGroup
from logban.client.main import COMMANDS, cli
from logban.control.payloads import AllowList

HEAVY = {"asyncio", "jinja2", "pyroute2", "regex", "watchdog", "iptc", "sqlite3", "difflib"}


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_of_the_table_is_there_and_helps(entry):
    command = entry.load()
    assert command.name == entry.name
    words = [entry.name, *(["test"] if entry.name == "filter" else [])]
    result = CliRunner().invoke(cli, [*words, "--help"], prog_name="logban-client")
    assert result.exit_code == 0
    assert f"Usage: logban-client {' '.join(words)} " in result.output
    for option in ("--json", "--socket", "--config", "--no-color"):
        assert option in result.output


def test_help_lists_the_commands_without_importing_them(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", None)
    result = CliRunner().invoke(cli, ["-h"])
    assert result.exit_code == 0
    for entry in COMMANDS:
        assert f"  {entry.name}" in result.output
        assert entry.help in result.output


def test_the_version_is_told():
    result = CliRunner().invoke(cli, ["--version"])
    assert result.output == f"logban-client, version {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stats"], "there is no command 'stats'; did you mean 'status'?"),
        (["xyzzy"], "there is no command 'xyzzy'\n"),
        (["help"], "there is no command 'help': logban-client --help"),
        (["restart"], "there is no command 'restart': systemctl restart logban"),
        (["--jason"], "No such option"),
        (["ping", "now"], "unexpected extra argument"),
    ],
)
def test_a_wrong_word_is_a_usage_error(words, message):
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def shown_options(*words, env=None):
    """Give the options with which a command would have run, and whether it may use colours."""
    seen = []

    @click.group("inner")
    @common_options
    def group():
        """Hold the command."""

    @group.command("show")
    @common_options
    @click.pass_context
    def show(context):
        seen.append((Invocation.of(context), context.color))

    sys.modules["logban.client.commands.inner"] = type("Module", (), {"command": group})
    table = LazyGroup(
        "root",
        lazy=[LazyCommand("inner", "")],
        params=cli.params,
        callback=cli.callback,
    )
    try:
        result = CliRunner().invoke(table, list(words), env=env, catch_exceptions=False)
    finally:
        del sys.modules["logban.client.commands.inner"]
    assert result.exit_code == 0, result.output
    return seen[0]


def test_without_options_the_installed_places_are_used():
    assert shown_options("inner", "show") == (
        Invocation(Path("/etc/logban"), Path("/run/logban/logban.sock"), json=False),
        None,
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_common_options_stand_before_or_after_the_command(place):
    words = ["inner", "show"]
    words[place:place] = ["--json", "--socket", "/s", "--config", "/c", "--no-color"]
    assert shown_options(*words) == (Invocation(Path("/c"), Path("/s"), json=True), False)


def test_the_later_option_wins_and_the_others_stay():
    invocation, _ = shown_options(
        "--config", "/c", "--socket", "/1", "inner", "--socket", "/2", "show", "--json"
    )
    assert invocation == Invocation(Path("/c"), Path("/2"), json=True)


def test_the_environment_holds_where_no_option_is_given():
    env = {"LOGBAN_SOCKET": "/e/s", "LOGBAN_CONFIG": "/e/c", "NO_COLOR": "please"}
    assert shown_options("inner", "show", env=env) == (
        Invocation(Path("/e/c"), Path("/e/s")),
        False,
    )
    invocation, _ = shown_options("inner", "show", "--socket", "/s", env=env)
    assert invocation == Invocation(Path("/e/c"), Path("/s"))


def test_an_empty_no_color_means_nothing():
    assert shown_options("inner", "show", env={"NO_COLOR": ""})[1] is None


@pytest.mark.parametrize("words", [["check"], ["check", "--json"]])
def test_an_answer_that_cannot_be_written_is_no_accident(words, tmp_path):
    (tmp_path / "jails.d").mkdir()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [Path(sys.executable).with_name("logban-client"), "--config", tmp_path, *words],
            check=False, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 75
    assert done.stderr == "error: the answer can't be written: No space left on device\n"


def test_a_config_directory_does_not_move_the_socket():
    invocation, _ = shown_options("inner", "show", "--config", "/c")
    assert (invocation.config, invocation.socket) == (Path("/c"), DEFAULT_SOCKET)


def test_an_error_is_told_on_stderr_with_its_exit_code(run):
    result = run("status", "asterix")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert result.stderr == "error: there is no jail 'asterix'; did you mean 'asterisk'?\n"


def test_an_error_is_told_in_json_as_well(run):
    result = run("status", "asterix", "--json")
    assert result.exit_code == 5
    assert json.loads(result.stdout) == {
        "schema": "logban/1",
        "ok": False,
        "error": {
            "message": "there is no jail 'asterix'; did you mean 'asterisk'?",
            "exit_code": 5,
            "kind": "unknown-name",
        },
    }
    assert result.stderr.startswith("error: ")


def test_an_error_of_several_lines_is_told_whole(run, daemon):
    daemon.reloaded = None
    result = run("reload")
    assert result.exit_code == 78
    assert result.stderr == (
        "error: jails.d/asterisk.conf:3: no key 'maxrety'\n       nothing changed\n"
    )


def test_ctrl_c_exits_as_shells_have_it(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("logban.client.invocation.ask", interrupt)
    assert run("ping").exit_code == 130


def test_colours_are_for_terminals(run):
    colored = run("status", color=True).stdout
    assert "\x1b[32mrunning\x1b[0m" in colored
    assert "\x1b[31mfailed\x1b[0m" in colored
    for plain in (
        run("status").stdout,
        run("status", "--no-color", color=True).stdout,
        run("--no-color", "status", color=True).stdout,
    ):
        assert "\x1b" not in plain
    assert run("status", "asterix", color=True).stderr.startswith("\x1b[31merror: \x1b[0m")
    assert run("status", "asterix", "--no-color", color=True).stderr.startswith("error: ")


STATUS = """
import json, sys
from logban.client.main import main
sys.argv[1:] = ["--socket", sys.argv[1], "status"]
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)))
"""


def test_status_imports_nothing_heavy(socket_path):
    done = subprocess.run(
        [sys.executable, "-c", STATUS, str(socket_path)], capture_output=True, text=True, check=True
    )
    *shown, modules = done.stdout.splitlines()
    assert shown[4].startswith("logban 0.1.0")
    imported = {name.partition(".")[0] for name in json.loads(modules)}
    assert imported & HEAVY == set()
    ours = {name for name in json.loads(modules) if name.partition(".")[0] == "logban"}
    stages = ("sources", "matching", "judging", "ledger", "actions", "config", "daemon", "clock")
    assert {name for name in ours if name.split(".")[1:2] and name.split(".")[1] in stages} == set()
    control = {".".join(name.split(".")[:3]) for name in ours if name.startswith("logban.control.")}
    assert control == {
        "logban.control.payloads",
        "logban.control.protocol",
        "logban.control.shape",
    }


def test_the_installed_program_runs(socket_path):
    entry = [sys.executable, "-c", "from logban.client.main import main; main()"]
    words = ["banned", "--json", "--socket", str(socket_path), "198.51.100.7", "203.0.113.1"]
    done = subprocess.run([*entry, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["schema"] == "logban/1"
    assert [ban["subject"] for ban in answer["bans"]] == [{"kind": "ip", "ip": "198.51.100.7"}]
    assert answer["not_banned"] == [{"kind": "ip", "ip": "203.0.113.1"}]


def test_main_names_the_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", "--version"])
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("logban-client, ")


def test_a_daemon_that_does_not_run_is_told(folder):
    result = CliRunner().invoke(cli, ["ping", "--socket", str(folder / "none.sock")])
    assert result.exit_code == 3
    assert f"nobody answers at {folder}/none.sock (No such file or directory)" in result.stderr
    assert "systemctl status logban" in result.stderr


def test_who_may_not_is_told_how_to_be_let_in(run):
    assert run("ping").exit_code == 0  # all is imported that nobody might not read
    os.seteuid(65534)
    try:
        result = run("ping")
    finally:
        os.seteuid(0)
    assert result.exit_code == 4
    assert "usermod -aG logban YOU" in result.stderr


def test_an_answer_of_another_version_is_told(run, daemon):
    daemon.ping = daemon.status
    daemon.status_now = AllowList(1.0, ())
    result = run("ping")
    assert result.exit_code == 1
    assert "can't be understood: version: is missing" in result.stderr
    assert "restart logban" in result.stderr


def test_the_shell_completes_commands():
    complete = BashComplete(cli, {}, "logban-client", "_LOGBAN_CLIENT_COMPLETE").get_completions
    assert [item.value for item in complete([], "un")] == ["unmatched", "unban"]
    assert [item.value for item in complete(["unban"], "--a")] == ["--all"]
    assert [item.value for item in complete(["--json", "allow"], "")] == ["add", "del", "list"]
    assert complete(["nonsense"], "x") == []
