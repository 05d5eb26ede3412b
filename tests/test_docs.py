# SPDX-License-Identifier: MIT
"""The documents say what is so: the reference is the tables', every command and link exists."""

from __future__ import annotations

import dataclasses
import re
import runpy
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from logban.client.main import cli
from logban.config import load
from logban.config.problem import Severity
from logban.control import payloads
from logban.health.kinds import KINDS
from logban.health.metrics import METRICS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_the_reference_is_made_from_the_tables() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "reference.py"))["reference"]()
    assert (ROOT / "docs" / "reference.md").read_text() == made, (
        "write it anew: .venv/bin/python docs/reference.py > docs/reference.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    context = click.Context(cli)
    for name in re.findall(r"logban-client ([a-z][a-z0-9-]*)", page.read_text()):
        assert cli.get_command(context, name) is not None, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_options_that_are_shown(page: Path) -> None:
    text = page.read_text()
    shown = re.findall(r"^ {4}(?:\S*/)?logban-client ([a-z].*)$", text, re.MULTILINE)
    shown += [
        " ".join(each.split("\n")) for each in re.findall(r"`logban-client ([a-z][^`]*)`", text)
    ]
    for each in shown:
        typed = re.split(r" {2,}", each.replace("\\|", "|"))[0]  # what it does stands behind
        words = shlex.split(typed.removesuffix(" ..."))
        result = CliRunner().invoke(cli, [*words, "--help"])
        assert result.exit_code == 0, f"{typed}: {result.stderr}"


def test_every_alarm_and_every_metric_is_told_of_and_no_other() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    watch = page[page.index("## Watch") : page.index("## What to do when")]
    alarms, metrics = watch.split("### Metrics")
    rows = [line for line in alarms.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{kind.name}` | {kind.severity} | {kind.meaning} | {kind.advice} |"
        for kind in KINDS.values()
    ]
    rows = [line for line in metrics.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{metric.shown}` | {', '.join(f'`{each}`' for each in metric.labels)} | {metric.doc} |"
        for metric in METRICS
    ]


def test_every_key_of_the_daemons_answers_is_told_of() -> None:
    page = (ROOT / "docs" / "scripting.md").read_text()
    shapes = [each for each in vars(payloads).values() if dataclasses.is_dataclass(each)]
    assert len(shapes) > 20
    for shape in shapes:
        for key in dataclasses.fields(shape):
            assert re.search(rf'["`.]{key.name}["`]', page), f"{shape}: {key.name}"


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        for name in re.findall(r"(?:^    |`|sudo )make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert name in targets, f"{page.name}: make {name}"


def test_what_pip_compiles_can_be_compiled_on_a_bare_debian() -> None:
    """python-iptables comes as source only; without this, make demo ends in a page of gcc."""
    assert "python-iptables" in (ROOT / "setup.cfg").read_text()
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    packages = re.search(r"^APT_RUN *:= *(.*)$", makefile, re.MULTILINE)
    assert packages is not None
    assert {"gcc", "python3-dev", "python3-venv"} <= set(packages[1].split())


def test_the_repository_is_a_configuration_without_errors() -> None:
    configuration = load(ROOT)
    problems = configuration.problems()
    assert [str(each) for each in problems if each.severity is Severity.ERROR] == []
    assert {"asterisk", "kamailio", "manual"} <= configuration.jails.keys()


def test_the_readme_shows_a_jail_of_eight_lines(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    jail = re.search(r"(?:^    .*\n)+", readme[readme.index("A jail is a file") :], re.MULTILINE)
    assert jail is not None
    lines = [line.removeprefix("    ") for line in jail[0].splitlines()]
    assert len(lines) == 8
    (tmp_path / "jails.d").mkdir()
    (tmp_path / "jails.d" / "mine.conf").write_text("\n".join(lines) + "\n")
    (tmp_path / "filters.d").symlink_to(ROOT / "filters.d")
    configuration = load(tmp_path)
    assert configuration.problems() == ()
    assert configuration.jails["asterisk"].maxretry == 5
