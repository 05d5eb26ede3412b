# SPDX-License-Identifier: MIT
"""What was imported judges as fail2ban does: the same jails, thresholds, bans and ends.

Debian's package fail2ban has to be installed.  Its own code reads the same tree and matches the
same logs in the system's Python; a server of its own, private to the test, bans from them.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from logban.config import load
from logban.durations import parse_duration
from logban.migration.importing import prepare
from logban.migration.report import Outcome
from logban.model import ChangeKind
from logban.offline.replay import Replay
from logban.testing.namespaces import Namespace
from logban.testing.waiting import LIMIT

PROGRAM = Path(__file__).parents[1] / "compat" / "fail2ban_judging.py"
UTC = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"}
Event = tuple[str, str, float, float]
"""ban or extend, who, when, until when."""


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def asked(tree: Path, logs: Mapping[str, Path]) -> dict[str, dict[str, object]]:
    """Have fail2ban read a tree and match logs."""
    done = subprocess.run(
        ["/usr/bin/python3", PROGRAM, tree],
        input=json.dumps({jail: str(path) for jail, path in logs.items()}),
        capture_output=True,
        text=True,
        check=True,
        env=UTC,
    )
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


def span(text: object) -> float:
    return parse_duration(str(text))


def judged(about: Mapping[str, object]) -> list[Event]:
    """Give the bans that fail2ban's failures and thresholds come to in exact windows."""
    findtime, bantime = span(about["findtime"]), span(about["bantime"])
    counted: dict[str, deque[float]] = {}
    until: dict[str, float] = {}
    events: list[Event] = []
    failures = about["failures"]
    assert isinstance(failures, list)
    for when, who in failures:
        times = counted.setdefault(who, deque())
        times.append(when)
        while times[0] <= when - findtime:
            times.popleft()
        if len(times) == about["maxretry"]:
            times.clear()
            kind = "extend" if until.get(who, 0) > when else "ban"
            until[who] = when + bantime
            events.append((kind, who, when, when + bantime))
    return events


def replayed(target: Path, jail: str, log: Path) -> list[Event]:
    """Give the bans that the imported jail comes to."""
    configuration = load(target)
    replay = Replay(configuration.jails[jail], configuration.server, time.time())
    return [
        (change.kind.value, str(change.ban.subject), change.ban.time, change.ban.until or -1.0)
        if change.kind is ChangeKind.BAN
        else (change.kind.value, str(change.ban.subject), change.time, change.ban.until or -1.0)
        for change in replay.run([str(log)], lambda _: None)
        if change.kind in (ChangeKind.BAN, ChangeKind.EXTEND)
    ]


def stamp(form: str, when: int) -> str:
    return time.strftime(form, time.gmtime(when))


def ssh(who: str, when: int, chance: random.Random) -> str:
    said = chance.choice(
        [
            f"Failed password for root from {who} port 4000 ssh2",
            f"Invalid user admin from {who} port 4000",
            f"Failed password for invalid user from 192.0.2.1 from {who} port 4000 ssh2",
            f"Accepted password for root from {who} port 4000 ssh2",
            f"Connection closed by {who} port 4000 [preauth]",
        ]
    )
    return f"{stamp('%b %e %H:%M:%S', when)} pbx sshd[{chance.randrange(9999)}]: {said}"


def sip(who: str, when: int, chance: random.Random) -> str:
    why = chance.choice(["Wrong password", "No matching peer found", "ACL error (permit/deny)"])
    head = f"[{stamp('%Y-%m-%d %H:%M:%S', when)}]"
    if chance.random() < 0.3:
        account = chance.choice(["6001", "probe"])
        return (
            f'{head} SECURITY[77] res_security_log.c: SecurityEvent="InvalidPassword",'
            f'Severity="Error",AccountID="{account}",RemoteAddress="IPV4/UDP/{who}/5060"'
        )
    return (
        f"{head} NOTICE[77] chan_sip.c: Registration from '<sip:6001@pbx>' failed "
        f"for '{who}:5060' - {why}"
    )


def gui(who: str, when: int, chance: random.Random) -> str:
    name = chance.choice(["admin", "x from 192.0.2.1", "root"])
    end = chance.choice(["", "", " ok"])
    head = f"[{stamp('%Y-%b-%d %H:%M:%S', when)}] [freepbx_security.NOTICE]:"
    return f"{head} Authentication failure for {name} from {who}{end}"


def web(who: str, when: int, chance: random.Random) -> str:
    agent = chance.choice(["Mozilla/5.0", "EmailCollector", "WebEMailExtrac"])
    date = stamp("%d/%b/%Y:%H:%M:%S +0000", when)
    return f'{who} - - [{date}] "GET / HTTP/1.1" 200 1 "-" "{agent}"'


LINES: Mapping[str, Callable[[str, int, random.Random], str]] = {
    "ssh-iptables": ssh,
    "asterisk-iptables": sip,
    "pbx-gui": gui,
    "apache-badbots": web,
}


def write_log(
    path: Path, line: Callable[[str, int, random.Random], str], begin: int, seconds: int
) -> Path:
    """Write a log of a span of time: addresses that fail often or seldom, exempt ones as well."""
    chance = random.Random(path.name)  # noqa: S311  # the same log each time
    addresses = [f"198.51.100.{number}" for number in range(90, 110)]
    addresses += ["10.20.3.4", "192.0.2.80", "2001:db8:66::7"]
    if line in (web, sip):  # these write an address and its port in one
        addresses.remove("2001:db8:66::7")
    chance.shuffle(addresses)
    weights = [1 / (number + 1) for number in range(len(addresses))]
    times = sorted(begin + chance.randrange(seconds) for _ in range(900))
    chosen = chance.choices(addresses, weights, k=len(times))
    lines = [line(who, when, chance) for who, when in zip(chosen, times, strict=True)]
    path.write_text("".join(f"{each}\n" for each in lines))
    return path


def subject(who: str) -> str:
    """Give what logban counts fail2ban's address under."""
    return "2001:db8:66::/64" if who == "2001:db8:66::7" else who


def test_every_stock_jail_has_its_thresholds(stock: Path, shipped: Path) -> None:
    names = re.findall(r"^\[([^\]]+)\]", (stock / "jail.conf").read_text(), re.MULTILINE)
    jails = [name for name in names if name not in ("DEFAULT", "INCLUDES")]
    assert len(jails) > 85
    (stock / "jail.local").write_text("".join(f"[{name}]\nenabled = true\n" for name in jails))
    prepared = prepare(stock, shipped)
    prepared.plan.write(shipped)
    refused = {each.name for each in prepared.drafts if each.outcome is Outcome.REFUSED}
    assert refused == {"pass2allow-ftp"}  # it lets in who failed, which is no ban
    theirs = asked(stock, {})
    ours = load(shipped).jails
    assert theirs.keys() - refused <= ours.keys()
    for name in theirs.keys() - refused:
        about, jail = theirs[name], ours[name]
        assert jail.maxretry == about["maxretry"], name
        assert jail.findtime == span(about["findtime"]), name
        assert jail.bantime == span(about["bantime"]), name
        assert list(jail.ignore) == about["ignoreip"], name


def test_a_telephone_systems_logs_lead_to_the_same_bans(
    freepbx: Path, shipped: Path, tmp_path: Path
) -> None:
    prepare(freepbx, shipped).plan.write(shipped)
    begin = int(time.time()) - 6 * 3600
    logs = {
        jail: write_log(tmp_path / f"{jail}.log", line, begin, 5 * 3600)
        for jail, line in LINES.items()
    }
    theirs = asked(freepbx, logs)
    for jail, log in logs.items():
        expected = [
            (kind, subject(who), when, until) for kind, who, when, until in judged(theirs[jail])
        ]
        assert len(expected) > 10, jail
        assert {kind for kind, *_ in expected} == {"ban", "extend"}, jail
        assert replayed(shipped, jail, log) == expected, jail


SENTINEL = "203.0.113.99"
"""Fails last in each log: when it is banned, so is everybody before it."""


@contextmanager
def fail2ban_server(tree: Path, folder: Path) -> Iterator[Path]:
    """Run a server of fail2ban's in a network of its own; give its database."""
    database = folder / "f2b.sqlite3"
    (tree / "fail2ban.local").write_text(
        f"[DEFAULT]\nlogtarget = {folder}/f2b.log\nsocket = {folder}/f2b.sock\n"
        f"pidfile = {folder}/f2b.pid\ndbfile = {database}\n"
    )
    (tree / "action.d" / "null.conf").write_text("[Definition]\nactionban =\nactionunban =\n")
    jails = "".join(f"[{jail}]\naction = null\n" for jail in LINES)
    (tree / "jail.d" / "zz-null.local").write_text(jails)
    namespace = Namespace()
    command = ["ip", "netns", "exec", namespace.name, "fail2ban-server", "-f", "-c", str(tree)]
    try:
        with subprocess.Popen(
            [*command, "start"], env=UTC, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as server:
            try:
                yield database
            finally:
                server.terminate()
                server.wait(LIMIT)
    finally:
        namespace.remove()


def banned(database: Path) -> set[tuple[str, str, float, float]]:
    """Give the bans in a database of fail2ban's, as it keeps them."""
    query = "SELECT jail, ip, timeofban, timeofban + bantime FROM bips"
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # it is not made yet, or being written to
        return set()
    return {(jail, subject(who), when, until) for jail, who, when, until in rows}


def test_a_running_fail2ban_bans_the_same(freepbx: Path, shipped: Path, tmp_path: Path) -> None:
    begin = int(time.time()) - 560
    logs = {}
    for jail, line in LINES.items():
        logs[jail] = write_log(tmp_path / f"{jail}.log", line, begin, 500)
        chance = random.Random(1)  # noqa: S311  # the same log each time
        with logs[jail].open("a") as stream:
            for number in range(40):
                stream.write(f"{line(SENTINEL, begin + 510 + number, chance)}\n")
    paths = "".join(f"[{jail}]\nlogpath = {path}\n" for jail, path in logs.items())
    (freepbx / "jail.d" / "zz-paths.local").write_text(f"{paths}[recidive]\nenabled = false\n")
    prepare(freepbx, shipped).plan.write(shipped)
    ours: dict[tuple[str, str, float], set[float]] = {}
    for jail, log in logs.items():
        begun: dict[str, float] = {}
        for kind, who, when, until in replayed(shipped, jail, log):
            begun[who] = when if kind == "ban" else begun[who]
            ours.setdefault((jail, who, begun[who]), set()).add(until)
    assert len(ours) > 60
    with fail2ban_server(freepbx, tmp_path) as database:
        deadline = time.monotonic() + LIMIT
        while {jail for jail, who, *_ in banned(database) if who == SENTINEL} != logs.keys():
            assert time.monotonic() < deadline, banned(database)
            time.sleep(0.1)
        theirs = banned(database)
    assert {ban[:3] for ban in theirs} == ours.keys()
    # Of a ban that was prolonged fail2ban's database has some end between the first and the last.
    for jail, who, when, until in theirs:
        ends = ours[jail, who, when]
        assert min(ends) <= until <= max(ends), (jail, who)
