# SPDX-License-Identifier: MIT
"""logban-client import-fail2ban: what a person and a script are told, and where bans go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logban.client.main import cli
from logban.ledger.store import Store
from logban.testing.fail2ban import write_database

JAIL = """
[DEFAULT]
bantime = 1h
[good]
enabled = true
filter = bad
logpath = /var/log/x
action = nftables
[own]
enabled = true
filter = bad
logpath = /var/log/x
action = nftables[chain=MINE]
    nftables[name=own]
[lost]
enabled = true
filter = none
logpath = /var/log/x
"""
Run = Callable[..., Result]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "fail2ban"
    (made / "filter.d").mkdir(parents=True)
    (made / "jail.local").write_text(JAIL)
    (made / "filter.d" / "bad.conf").write_text("[Definition]\nfailregex = ^bad <HOST>$\n")
    return made


@pytest.fixture
def database(tmp_path: Path) -> Path:
    now = int(time.time())
    rows = [("good", "198.51.100.7", now - 60, 600, []), ("lost", "198.51.100.8", now, 600, [])]
    return write_database(tmp_path / "f2b.sqlite3", rows)


@pytest.fixture
def run(tree: Path, tmp_path: Path) -> Run:
    def import_it(*words: str | Path) -> Result:
        options = ["--config", tmp_path / "etc", "--socket", tmp_path / "none", "--no-color"]
        command = ["import-fail2ban", tree, "--state", tmp_path / "state", *words, *options]
        return CliRunner().invoke(cli, list(map(str, command)))

    return import_it


def active(tmp_path: Path) -> list[str]:
    store = Store(tmp_path / "state" / "logban.sqlite3")
    try:
        return [str(ban.subject) for ban in store.load().active]
    finally:
        store.close()


def test_a_person_is_told_what_works_what_changed_and_what_is_lost(
    run: Run, tmp_path: Path, database: Path
) -> None:
    done = run("--database", database)
    assert (done.exit_code, done.stderr) == (6, "")
    for line in (
        "works as it is: 1 jail\n  good  bans for 1h after 3 in 10m, filter bad\n",
        (
            "changed: 1 jail\n  own  bans for 1h after 3 in 10m, filter bad\n"
            "    nftables[name=own] -> own-own: the name is taken by the jail own\n"
        ),
        "not supported: 1 jail\n  lost\n    filter = none: there is no such filter in filter.d\n",
        "  nftables[chain=...]: logban has a chain of its own",
        "new     jails.d/good.conf\n",
        f"1 ban of {database} taken over into {tmp_path}/state, 0 known before\n",
        "  not banned: 198.51.100.8: there is no jail 'lost'\n",
        "next: logban-client check",
    ):
        assert line in done.stdout, line
    assert active(tmp_path) == ["198.51.100.7"]


def test_a_second_run_says_that_nothing_has_changed(run: Run, database: Path) -> None:
    run("--database", database)
    again = run("--database", database).stdout
    assert "0 bans of" in again
    assert "1 known before" in again
    assert again.endswith("nothing has changed\n")
    assert "new  " not in again


def test_a_dry_run_does_nothing(run: Run, tmp_path: Path, database: Path) -> None:
    done = run("--database", database, "--dry-run")
    assert f"1 ban of {database} to be taken over" in done.stdout
    assert done.stdout.endswith("this was a dry run: nothing was written\n")
    assert not (tmp_path / "etc").exists()
    assert not (tmp_path / "state").exists()


def test_a_directory_to_be_looked_at_gets_no_bans(tree: Path, tmp_path: Path) -> None:
    (tree / "fail2ban.conf").write_text(f"[DEFAULT]\ndbfile = {tmp_path}/f2b.sqlite3\n")
    words = ["import-fail2ban", tree, "--to", tmp_path / "look", "--socket", tmp_path / "none"]
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == 6
    assert (tmp_path / "look" / "jails.d" / "good.conf").exists()
    assert "taken over" not in done.stdout


def test_the_database_is_found_by_fail2bans_own_configuration(
    run: Run, tree: Path, tmp_path: Path, database: Path
) -> None:
    (tree / "fail2ban.conf").write_text("[DEFAULT]\ndbfile = /none\n")
    (tree / "fail2ban.d").mkdir()
    (tree / "fail2ban.d" / "x.local").write_text(f"[Definition]\ndbfile = {database}\n")
    assert json.loads(run("--json").stdout)["bans"]["taken"] == 1
    assert active(tmp_path) == ["198.51.100.7"]


def test_a_database_that_cannot_be_read_is_told_and_the_jails_are_here(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_text("no database")
    done = run("--database", tmp_path / "broken", "--json")
    answer = json.loads(done.stdout)
    assert done.exit_code == 6
    assert "can't be read" in answer["bans"]["error"]
    assert (tmp_path / "etc" / "jails.d" / "good.conf").exists()


def test_json_is_one_object(run: Run, tree: Path) -> None:
    answer = json.loads(run("--json").stdout)
    assert answer["ok"] is True
    assert (answer["schema"], answer["changed"], answer["dry_run"]) == ("logban/1", True, False)
    assert {each["name"]: each["outcome"] for each in answer["jails"]} == {
        "good": "as it is",
        "own": "changed",
        "lost": "refused",
    }
    assert {"path": "filters.d/bad.conf", "state": "new", "why": ""} in answer["files"]
    assert answer["source"] == str(tree)


def test_another_process_that_has_the_ledger_is_told(
    run: Run, tmp_path: Path, database: Path
) -> None:
    (tmp_path / "state").mkdir()
    store = Store(tmp_path / "state" / "logban.sqlite3")
    try:
        done = run("--database", database, "--json")
    finally:
        store.close()
    assert "another logban uses the ledger" in json.loads(done.stdout)["bans"]["error"]


def test_what_is_no_configuration_of_fail2bans_is_a_configuration_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["import-fail2ban", str(tmp_path), "--to", str(tmp_path / "x")])
    assert (done.exit_code, "neither jail.conf nor" in done.stderr) == (78, True)
