# SPDX-License-Identifier: MIT
"""logban-client check: what each jail does, and every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logban.client.main import cli

FILTER = "[Definition]\nfailregex = ^ refused <HOST>$\n"


@pytest.fixture
def check(tmp_path: Path):
    """Give a way to check a file of jails."""
    (tmp_path / "filters.d").mkdir()
    (tmp_path / "filters.d" / "mine.conf").write_text(FILTER)
    (tmp_path / "jails.d").mkdir()

    def run(jails: str, *words: str) -> Result:
        (tmp_path / "jails.d" / "mine.conf").write_text(jails)
        return CliRunner().invoke(cli, ["check", "--config", str(tmp_path), *words])

    return run


def jail(**more: str) -> str:
    settings = {"enabled": "true", "filter": "mine", "logpath": "/log"} | more
    return "[pbx]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"bantime": "1h"}, "for 1h after 5 in 10m"),
        ({"bantime": "1h", "bantime.increment": "yes"}, "for 1h and longer after 5 in 10m"),
        ({"bantime": "-1", "bantime.increment": "yes"}, "for ever after 5 in 10m"),
    ],
)
def test_how_long_a_jail_bans_and_after_what(check, settings, shown) -> None:
    result = check(jail(**settings))
    assert result.exit_code == 0
    assert f"  {shown}  nftables\n" in result.stdout
    assert result.stdout.endswith("all good\n")


def test_a_mistake_fails_its_jail_alone(check) -> None:
    jails = jail() + "[other]\nenabled = true\nfilter = mien\nlogpath = /log\n"
    result = check(jails)
    assert result.exit_code == 78
    assert "error jails.d/mine.conf:7: there is no filter 'mien'" in result.stdout
    answer = json.loads(check(jails, "--json").stdout)
    assert (answer["ok"], answer["failed"]) == (False, ["other"])
    assert {"pbx", "manual"} <= set(answer["jails"])
    (problem,) = answer["problems"]
    assert (problem["severity"], problem["line"], problem["jail"]) == ("error", 7, "other")
