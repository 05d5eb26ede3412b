# SPDX-License-Identifier: MIT
"""logban-client filter test, in the place of fail2ban-regex."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logban.client.main import cli

LINES = """\
2026-11-20 10:00:00 bad 198.51.100.7
2026-11-20 10:00:01 bad pbx.example.org
2026-11-20 10:00:02 fine
2026-11-20 10:00:03 bad 198.51.100.8 probe
failed login from 198.51.100.9
"""
RULE = "^ ?bad <HOST>"
Run = Callable[..., Result]


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log"
    path.write_text(LINES)
    return str(path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "filters.d").mkdir()
    (tmp_path / "filters.d" / "mine.conf").write_text(f"[Definition]\nfailregex = {RULE}\n")

    def test(*words: str) -> Result:
        options = ["--config", str(tmp_path), "--no-color"]
        return CliRunner().invoke(cli, ["filter", "test", *words, *options])

    return test


def found(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_expression_stands_in_for_a_filter(run: Run, log: str) -> None:
    assert run(RULE, log, "--count").stdout == run("mine", log, "--count").stdout == "2\n"
    broken = run("^bad (<HOST>", log)
    assert (broken.exit_code, "command line: failregex: no regular" in broken.stderr) == (
        78,
        True,
    )
    assert run("nothing", log).exit_code == 78


def test_a_line_stands_in_for_a_file(run: Run) -> None:
    (match,) = found(run(RULE, "2026-11-20 10:00:00 bad 198.51.100.7", "--TZ", "UTC", "--json"))
    assert (match["file"], match["line"], match["time"]) == ("command line", 1, 1795168800.0)
    assert run("^bad <HOST>", "bad 198.51.100.7", "--no-dates", "--count").stdout == "1\n"
    missing = run(RULE, "/no/such/file")
    assert (missing.exit_code, missing.stdout) == (2, "")


def test_a_host_without_an_address_has_its_name(run: Run, log: str) -> None:
    matches = found(run("mine", log, "--usedns", "yes", "--json"))
    assert [(each["line"], each["ip"], each.get("host")) for each in matches] == [
        (1, "198.51.100.7", None),
        (2, None, "pbx.example.org"),
        (4, "198.51.100.8", None),
    ]
    assert matches[1]["subject"] is None
    assert matches[1]["fields"] == {"dns": "pbx.example.org"}


def test_hosts_by_name_are_all_counted(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("2026-11-20 10:00:01 bad pbx.example.org\n" * 3000)
    assert run("mine", str(log), "--usedns", "yes", "--count").stdout == "3000\n"


def test_more_names_than_a_matcher_keeps_are_all_given(run: Run, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.write_text("".join(f"bad h{number}.example.org\n" for number in range(2500)))
    matches = found(run("mine", str(many), "--usedns=yes", "--no-dates", "--json"))
    assert [each["host"] for each in matches] == [f"h{n}.example.org" for n in range(2500)]


def test_what_was_missed_and_ignored_is_shown_on_request(run: Run, log: str) -> None:
    words = ("mine", log, "--ignoreregex", "probe$", "--json")
    assert [each["line"] for each in found(run(*words))] == [1]
    assert [
        (each["line"], each["missed"]) for each in found(run(*words, "--print-all-missed"))[1:]
    ] == [
        (2, "2026-11-20 10:00:01 bad pbx.example.org"),
        (3, "2026-11-20 10:00:02 fine"),
        (5, "failed login from 198.51.100.9"),
    ]
    assert found(run(*words, "--print-all-ignored"))[1:] == [
        {"file": log, "line": 4, "ignored": "2026-11-20 10:00:03 bad 198.51.100.8 probe"}
    ]


def test_a_person_is_shown_the_lines(run: Run, log: str) -> None:
    all_of_them = ("--print-all-matched", "--print-all-missed", "--print-all-ignored")
    shown = run("mine", log, "--ignoreregex", "probe$", *all_of_them).stdout.splitlines()
    assert shown[:5] == [
        f"{log}:1: matched 2026-11-20 10:00:00 bad 198.51.100.7",
        f"{log}:2: missed 2026-11-20 10:00:01 bad pbx.example.org",
        f"{log}:3: missed 2026-11-20 10:00:02 fine",
        f"{log}:4: ignored 2026-11-20 10:00:03 bad 198.51.100.8 probe",
        f"{log}:5: missed failed login from 198.51.100.9",
    ]
    assert shown[5].startswith("1 failure in 5 lines")
    usual = run("mine", log).stdout
    assert "1 line matched no rule and looked like an attack" in usual
    assert "fine" not in usual


def test_options_take_the_place_of_what_the_filter_says(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("20/11/2026 <10:00:00> bäd\nfrom 198.51.100.7\n".encode("latin-1"))
    (match,) = found(
        run(
            *("^ bäd\nfrom <HOST>".replace("\n", r"\n"), str(log), "-L", "2", "-e", "latin-1"),
            *("-d", "%d/%m/%Y <%H:%M:%S>", "--TZ", "UTC", "--json"),
        )
    )
    assert (match["ip"], match["time"]) == ("198.51.100.7", 1795168800.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--TZ", "Europe/Nowhere"), "there is no such time zone"),
        (("-e", "latin-99"), "there is no such encoding"),
        (("-L", "many"), "it is no whole number"),
        (("-d", "%Q"), "datepattern"),
    ],
)
def test_an_option_that_cannot_be_followed_is_told(
    run: Run, log: str, words: tuple[str, ...], said: str
) -> None:
    result = run("mine", log, *words)
    assert result.exit_code in (2, 78)
    assert said in result.stderr


def test_what_failures_weigh_is_shown_where_the_filter_tells_it(
    run: Run, log: str, tmp_path: Path
) -> None:
    plain = run("mine", log).stdout
    assert "WEIGHING" not in plain
    rules = (
        f"[rule bad]\nweight = 0.25\nfailregex = {RULE}$\n[rule probe]\nkind = scan\n"
        f"failregex = {RULE} probe$\n"
    )
    (tmp_path / "filters.d" / "own.conf").write_text(f"[Definition]\n{rules}")
    shown = [line.split() for line in run("own", log).stdout.splitlines()]
    assert ["RULE", "FAILURES", "WEIGHING"] in shown
    assert ["bad", "1", "0.25", "each"] in shown
    assert ["probe", "1", "2.5", "each"] in shown
