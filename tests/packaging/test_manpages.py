# SPDX-License-Identifier: MIT
"""The manual pages: man takes them without a word, and they tell of all that there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from logban import errors, server
from logban.actions import catalogue
from logban.client.main import COMMANDS, cli
from logban.config import load
from logban.config.filters import table as filter_table
from logban.config.jails import table as jail_table
from logban.config.server import table as server_table

ROOT = Path(__file__).parents[2]
PAGES = ("logban-client.1", "logban-server.8", "logban-jails.5", "logban-filters.5")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make them as the package does."""
    made = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, ROOT / "packaging" / "manpages", made], check=True)
    return made


def shown(page: Path) -> str:
    """Give a page as it is read, without the breaks of lines."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "120", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(
        ["man", "--warnings", "--local-file", str(page)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stderr == ""
    return re.sub(r"\s+", " ", done.stdout)


@pytest.mark.parametrize("name", PAGES)
def test_groff_has_nothing_to_say(pages: Path, name: str) -> None:
    words = ["groff", "-ww", "-man", "-Tutf8", str(pages / name)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_every_page_is_made_and_names_the_others(pages: Path) -> None:
    assert {path.name for path in pages.iterdir()} == set(PAGES)
    for name in PAGES:
        text = shown(pages / name)
        beginning, end = text.split(" SEE ALSO ")
        assert f"NAME {name[:-2]} - " in beginning
        assert all(f"{other[:-2]}({other[-1]})" in end for other in PAGES if other != name)


def commands(
    words: str, command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command]]:
    """Give a command and, if it is a group, all below it."""
    yield words, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            yield from commands(f"{words} {name}".strip(), each, click.Context(each, context))


def test_every_command_and_option_is_told_of(pages: Path) -> None:
    text = shown(pages / "logban-client.1")
    found = dict(commands("", cli, click.Context(cli)))
    assert {entry.name for entry in COMMANDS} < found.keys()
    for words, command in found.items():
        assert command.hidden or f" {words} " in text or words == ""
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(name in text for name in option.opts), option.opts


def test_every_exit_code_is_told_of(pages: Path) -> None:
    text = shown(pages / "logban-client.1")
    codes = text[text.index("EXIT STATUS") : text.index(" EXAMPLES ")]
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type))
    for kind in kinds:
        if issubclass(kind, errors.LogbanError):
            assert f" {kind.exit_code} " in codes


def test_the_servers_options_are_those_that_it_takes(
    pages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        server.main(["--help"])
    taken = set(re.findall(r"--[a-z]+", capsys.readouterr().out))
    text = shown(pages / "logban-server.8")
    options = text[text.index(" OPTIONS ") : text.index(" SETTINGS ")]
    told = set(re.findall(r"(?<= )--[a-z]+", options))
    assert told == taken


def test_every_setting_that_is_followed_is_told_of(pages: Path) -> None:
    for name, settings in (
        ("logban-jails.5", jail_table.JAIL_SETTINGS),
        ("logban-filters.5", filter_table.FILTER_SETTINGS + filter_table.RULE_SETTINGS),
        ("logban-server.8", server_table.SERVER_SETTINGS),
    ):
        text = shown(pages / name)
        for setting in settings:
            if not (setting.ignored or setting.doc.startswith("fail2ban's")):
                assert setting.name in text, setting.name


def test_every_action_is_told_of(pages: Path) -> None:
    text = shown(pages / "logban-jails.5")
    for kind in catalogue.TYPES:
        assert all(name in text for name in (kind.name, *kind.aliases))
        for parameter in kind.parameters:
            assert parameter.ignored or f" {parameter.name} " in text, parameter.name


def example(page: Path) -> str:
    """Give the first example of a page as it would be copied from it."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "120"}
    words = ["man", "--local-file", str(page)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    found = re.search(r"^EXAMPLE\n(.*?)\n(?=\S)", done.stdout, re.MULTILINE | re.DOTALL)
    assert found is not None
    lines = found[1].rstrip().splitlines()
    return "\n".join(line.removeprefix(" " * 11) for line in lines) + "\n"


def test_the_jail_and_the_filter_shown_can_be_copied(pages: Path, tmp_path: Path) -> None:
    for folder in ("jails.d", "filters.d"):
        (tmp_path / folder).mkdir()
    (tmp_path / "filters.d" / "asterisk.conf").symlink_to(ROOT / "filters.d" / "asterisk.conf")
    (tmp_path / "filters.d" / "mine.conf").write_text(example(pages / "logban-filters.5"))
    jail = example(pages / "logban-jails.5")
    (tmp_path / "jails.d" / "asterisk.conf").write_text(jail)
    mine = "[mine]\nenabled = yes\nfilter = mine\nlogpath = /var/log/mine.log\n"
    (tmp_path / "jails.d" / "mine.conf").write_text(mine)
    configuration = load(tmp_path)
    assert [str(problem) for problem in configuration.problems()] == []
    assert configuration.jails["asterisk"].maxretry == 5

    log = tmp_path / "mine.log"
    log.write_text("2026-11-20 12:00:00 Login of eve from 198.51.100.7 failed\n")
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "logban-client", "filter", "test", "mine", str(log)),
            *("--config", str(tmp_path), "--count"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "1\n", done.stderr
