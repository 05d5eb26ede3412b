# SPDX-License-Identifier: MIT
"""The same day in whatever form a log has it comes to the same bans."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from programs import Kamailio, Log, Pjsip
from scenes import ATTACKER, HOUR, MINUTE, OFFICE, START

ROOT = Path(__file__).parents[2]
CLIENT = Path(sys.executable).with_name("logban-client")
ASTERISK = re.compile(r"\[[^]]*\] (?P<level>\w+\[\d+\]) (?P<source>\S+?): (?P<text>.*)")
KAMAILIO = re.compile(r"\S+ +\d+ [\d:]+ \S+ \S+\[(?P<pid>\d+)\]: (?P<text>.*)")


def day(log: Pjsip | Kamailio) -> list[tuple[float, str]]:
    """An office, one telephone of it with an old password, and a scanner."""
    if not isinstance(log, Kamailio):
        for phone in range(6):
            log.register(START + phone * 20, OFFICE, str(201 + phone))
        for number in range(40):
            log.wrong_password(START + 200 + number * MINUTE, OFFICE, "203")
    for number in range(12):
        log.unknown(START + HOUR + number * 2, ATTACKER, str(100 + number))
    return list(log.lines())


def replay(
    paths: Sequence[Path], jail: str = "asterisk", zone: str = "UTC"
) -> list[tuple[str, ...]]:
    """Replay logs as an admin does; give what became of whom, and whose address it was."""
    done = subprocess.run(
        [str(CLIENT), "--config", str(ROOT), "replay", *map(str, paths), "--jail", jail, "--json",
         "--now", "2026-11-22T00:00:00+00:00"],
        capture_output=True, text=True, check=False, env={**os.environ, "TZ": zone},
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [(each["event"], *each["subject"].values(), round(each["time"])) for each in found]


def dated(form: str, rest: str) -> Callable[[float, str], str]:
    """Give a way to write Asterisk's lines with another date, and another beginning."""

    def write(time: float, line: str) -> str:
        date = datetime.fromtimestamp(time, UTC).strftime(form)
        found = ASTERISK.fullmatch(line)
        assert found is not None, line
        return rest.format(date=date, **found.groupdict())

    return write


BY_SYSLOG = "{date} pbx asterisk[812]: {level}: {source}:290 in some_function: {text}"
FORMS = {
    "dateformat=%FT%T%z": dated("%FT%T%z", "[{date}] {level} {source}: {text}"),
    "dateformat=%b %e %T": dated("%b %e %T", "[{date}] {level} {source}: {text}"),
    "syslog": dated("%b %e %T", BY_SYSLOG),
    "rsyslog, with ISO dates": dated("%FT%T.%f+00:00", BY_SYSLOG),
    "journalctl -o short-iso": dated("%FT%T%z", BY_SYSLOG),
    "journalctl -o short-precise": dated("%b %d %T.%f", BY_SYSLOG),
    "RFC 3164, with a priority": dated("%b %e %T", f"<133>{BY_SYSLOG}"),
    "RFC 5424": dated("%FT%T.%fZ", f"<133>1 {BY_SYSLOG}".replace("[812]:", " 812 - -")),
    "CRLF": lambda _, line: f"{line}\r",
}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory):
    """Give a day's lines, and what comes of them in the form that Asterisk writes to a file."""
    lines = day(Pjsip("forms"))
    path = tmp_path_factory.mktemp("day") / "full"
    write(path, lines)
    events = replay([path])
    assert ("ban", "ip", ATTACKER) in {each[:3] for each in events}
    assert {each[:4] for each in events if OFFICE in each} == {("notice", "user-ip", "203", OFFICE)}
    return lines, events


def write(path: Path, lines: Sequence[tuple[float, str]]) -> None:
    path.write_bytes("".join(f"{line}\n" for _, line in lines).encode())


@pytest.mark.parametrize("form", FORMS)
def test_asterisk_in_every_form(form: str, known, tmp_path: Path) -> None:
    lines, events = known
    write(tmp_path / "log", [(time, FORMS[form](time, line)) for time, line in lines])
    found = replay([tmp_path / "log"])
    assert [each[:-1] for each in found] == [each[:-1] for each in events]
    assert all(abs(here[-1] - there[-1]) <= 1 for here, there in zip(found, events, strict=True))


def test_a_log_cut_into_files_that_are_packed_comes_to_the_same(known, tmp_path: Path) -> None:
    lines, events = known
    third = len(lines) // 3
    text = "".join(f"{line}\n" for _, line in lines[:third])
    (tmp_path / "full.2.gz").write_bytes(gzip.compress(text.encode()))
    write(tmp_path / "full.1", lines[third : 2 * third])
    write(tmp_path / "full", lines[2 * third :])
    assert replay([tmp_path / name for name in ("full", "full.1", "full.2.gz")]) == events


@pytest.mark.parametrize("head", ["<133>1 {date} sbc kamailio {pid} - - {text}",
                                  "{date} sbc kamailio[{pid}]: {text}"])  # fmt: skip
def test_kamailio_in_other_forms(head: str, tmp_path: Path) -> None:
    lines = day(Kamailio("forms"))
    write(tmp_path / "one", lines)
    events = replay([tmp_path / "one"], "kamailio")
    assert ("ban", "ip", ATTACKER) in {each[:3] for each in events}
    others = []
    for time, line in lines:
        date = datetime.fromtimestamp(time, UTC).strftime("%FT%T.%f+00:00")
        found = KAMAILIO.fullmatch(line)
        assert found is not None, line
        others.append((time, head.format(date=date, **found.groupdict())))
    write(tmp_path / "other", others)
    assert replay([tmp_path / "other"], "kamailio") == events


def test_an_attack_in_the_hour_that_comes_twice(tmp_path: Path) -> None:
    """The clocks of a log without a zone are set back from three to two."""
    berlin = ZoneInfo("Europe/Berlin")
    change = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()
    log: Log = Pjsip("clocks")
    for number in range(90):
        log.register(change - 2 * HOUR + number * 2 * MINUTE, OFFICE, str(201 + number % 6))
        log.wrong_password(change - HOUR + number * MINUTE, OFFICE, "207")
    for number in range(20):
        log.unknown(change - 8 + number * 2, ATTACKER, str(100 + number))
    lines = [
        (time, f"[{datetime.fromtimestamp(time, berlin):%F %T}] {line.partition('] ')[2]}")
        for time, line in log.lines()
    ]
    write(tmp_path / "full", lines)
    events = replay([tmp_path / "full"], zone="Europe/Berlin")
    bans = [each for each in events if each[0] == "ban"]
    assert [each[:3] for each in bans] == [("ban", "ip", ATTACKER)]
    assert abs(bans[0][-1] - change) <= 10
    assert [each[:4] for each in events if OFFICE in each] == [("notice", "user-ip", "207", OFFICE)]
