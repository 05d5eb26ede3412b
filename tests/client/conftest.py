# SPDX-License-Identifier: MIT
"""A daemon with a little of everything, behind a real socket in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner

from logban.client.main import cli
from logban.control import payloads
from logban.control.server import ControlServer
from logban.control.service import Forever
from logban.errors import ConfigurationError, UnknownName
from logban.model import BanOrigin, Evidence, Subject, SubjectKind
from logban.testing.waiting import LIMIT

NOW = 1_795_168_800.0  # 2026-11-20 10:00:00 UTC
SCANNER = Subject(SubjectKind.IP, "198.51.100.7")
NETWORK = Subject(SubjectKind.NET, "2001:db8:66::/64")
EVIL_USER = Subject(SubjectKind.USER_IP, "203.0.113.9", "6003;\x1b[2J reboot")
HOSTILE_LINE = "[Nov 20] NOTICE chan_sip.c: '\x1b]0;owned\x07\u202e' failed for '198.51.100.7'"

SCANNER_BAN = payloads.BanView(
    "asterisk",
    SCANNER,
    NOW - 12,
    NOW + 3 * 3600 + 12 * 60,
    3 * 3600.0 + 12 * 60,
    5,
    "wrong-password",
    in_force=True,
    actions=("nftables",),
)
NETWORK_BAN = payloads.BanView(
    "kamailio", NETWORK, NOW, None, None, origin=BanOrigin.HAND, reason="scanner", in_force=False
)
EVIL_BAN = replace(SCANNER_BAN, subject=EVIL_USER, in_force=None)
EVIDENCE = Evidence(NOW - 13, "wrong-password", HOSTILE_LINE, "/var/log/asterisk/messages")

ASTERISK = payloads.JailStatus(
    "asterisk",
    payloads.JailState.RUNNING,
    filter="asterisk",
    files=("/var/log/asterisk/messages",),
    lines=1200,
    failures=3,
    failures_total=42,
    tracked=2,
    banned=1,
    banned_total=7,
    exempted_total=4,
    timeouts=1,
    unparsed=2,
    clock=payloads.LogClock(3600.0, "its log is 1 h ahead: write logtimezone = Europe/Berlin"),
    actions=(
        payloads.ActionStatus(
            "nftables",
            payloads.ActionKind.ENFORCER,
            payloads.ActionState.OK,
            since=NOW - 60,
            in_force=1,
        ),
        payloads.ActionStatus(
            "email",
            payloads.ActionKind.NOTIFIER,
            payloads.ActionState.RETRYING,
            "connection refused by mail.example.net:25",
            since=NOW - 30,
            retries=3,
            pending=2,
        ),
    ),
    settings=payloads.JailSettings(5, 600.0, 3600.0),
)
KAMAILIO = payloads.JailStatus(
    "kamailio",
    payloads.JailState.WAITING,
    "/var/log/kamailio.log does not exist yet",
    clock=payloads.LogClock(-7200.0),
    settings=payloads.JailSettings(1, 60.0, None),
)
SSHD = payloads.JailStatus(
    "sshd",
    payloads.JailState.FAILED,
    "/etc/logban/jails.d/sshd.conf:12: there is no filter 'sssd'",
)


class Daemon:
    """A :class:`logban.control.service.Service`; what is empty can be made so by a test."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.bans: tuple[payloads.BanView, ...] = (SCANNER_BAN, NETWORK_BAN)
        self.entries: tuple[payloads.AllowEntry, ...] = (
            payloads.AllowEntry(
                "192.0.2.0/24", "/etc/logban/jails.d/asterisk.conf:7", jail="asterisk"
            ),
            payloads.AllowEntry(
                "office.example.net",
                "hand",
                until=NOW + 3600,
                note="the office",
                addresses=("192.0.2.80", "2001:db8::80"),
            ),
        )
        self.status_now = payloads.Status(
            "0.1.0",
            812,
            NOW - 3600,
            NOW,
            (ASTERISK, KAMAILIO, SSHD),
            (
                payloads.SourceStatus(
                    "/var/log/asterisk/messages",
                    "catching up",
                    size=1000,
                    offset=420,
                    lag=580,
                    lines=1200,
                    rotations=1,
                    watching="inotify",
                    progress=0.42,
                ),
                payloads.SourceStatus("/var/log/kamailio.log", "waiting", "there is no such file"),
            ),
            ("tracker of jail asterisk is full",),
            payloads.LedgerStatus("/var/lib/logban/logban.sqlite3", 2, 340, dirty=True),
        )
        self.health_now = payloads.Health(NOW, "0.1.0", NOW - 3600, (), jails=3, bans=2)
        self.known: payloads.Why | None = None
        self.verified = (payloads.VerifiedAction("asterisk", "nftables", 3),)
        self.reloaded = payloads.Reloaded(("jail asterisk: maxretry 5 -> 3",))

    def _check(self, jail: str | None) -> None:
        if jail not in (None, "asterisk", "kamailio", "sshd"):
            raise UnknownName(f"there is no jail {jail!r}; did you mean 'asterisk'?")

    async def ping(self):
        return payloads.Pong("0.1.0", 812, NOW - 3600, NOW)

    async def status(self):
        return self.status_now

    async def health(self):
        return self.health_now

    async def status_jail(self, name):
        self._check(name)
        jail = next(jail for jail in self.status_now.jails if jail.name == name)
        bans = tuple(ban for ban in self.bans if ban.jail == name)
        return payloads.JailDetail(NOW, jail, bans)

    async def banned(self, jail, subjects):
        self.asked.append(("banned", jail, subjects))
        self._check(jail)
        bans = tuple(
            ban
            for ban in self.bans
            if jail in (None, ban.jail) and (subjects is None or ban.subject in subjects)
        )
        held = {ban.subject for ban in bans}
        return payloads.Banned(
            NOW, bans, tuple(subject for subject in subjects or () if subject not in held)
        )

    async def ban(self, subjects, jail, seconds, reason, *, force=False):
        self.asked.append(("ban", subjects, jail, seconds, reason, *(["force"] if force else [])))
        self._check(jail)
        until = None if seconds is Forever.FOREVER else NOW + (seconds or 600)
        exempt = {Subject(SubjectKind.IP, "192.0.2.1")}
        return payloads.Placed(
            NOW,
            tuple(
                payloads.BanView(
                    jail or "asterisk",
                    subject,
                    NOW,
                    until,
                    None if until is None else until - NOW,
                    in_force=":" not in str(subject),
                )
                for subject in subjects
                if subject not in exempt
            ),
            tuple(
                payloads.RefusedBan(subject, "exempt by 192.0.2.0/24")
                for subject in subjects
                if subject in exempt
            ),
        )

    async def unban(self, subjects, jail):
        self.asked.append(("unban", subjects, jail))
        self._check(jail)
        found = await self.banned(jail, subjects)
        return payloads.Lifted(found.bans, found.not_banned)

    async def allow_add(self, entry, seconds, note):
        self.asked.append(("allow_add", entry, seconds, note))
        until = None if seconds is None else NOW + seconds
        made = payloads.AllowEntry(entry, "hand", until, note, added=NOW)
        self.entries += (made,)
        return payloads.AllowAdded(NOW, made, (SCANNER_BAN,) if entry == "198.51.100.7" else ())

    async def allow_del(self, entry):
        self.asked.append(("allow_del", entry))
        for known in self.entries:
            if known.entry == entry:
                self.entries = tuple(one for one in self.entries if one is not known)
                return payloads.AllowRemoved(known)
        raise UnknownName(f"{entry} is not on the list")

    async def allow_list(self, jail):
        self.asked.append(("allow_list", jail))
        self._check(jail)
        return payloads.AllowList(NOW, self.entries)

    async def reload(self):
        if self.reloaded is None:
            raise ConfigurationError("jails.d/asterisk.conf:3: no key 'maxrety'\nnothing changed")
        return self.reloaded

    async def verify(self, jail):
        self.asked.append(("verify", jail))
        return payloads.Verified(100.0, self.verified)

    async def repair(self, jail):
        self.asked.append(("repair", jail))
        return payloads.Verified(100.0, (payloads.VerifiedAction("asterisk", "nftables", 3),))

    async def unmatched(self, jail):
        self.asked.append(("unmatched", jail))
        sample = payloads.UnmatchedSample("login failed for 198.51.100.9\x1b[2J", "/log", 3, 90.0)
        return payloads.UnmatchedLines(
            100.0, (payloads.UnmatchedOfJail("asterisk", "asterisk", 3, (sample,)),)
        )

    async def why(self, subject):
        self.asked.append(("why", subject))
        return self.known or payloads.Why(NOW, subject)


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Tell times in UTC, and know nothing of the host's own logban."""
    for variable in ("LOGBAN_SOCKET", "LOGBAN_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def socket_path(folder, daemon):
    """The socket of a server that runs as long as the test does."""
    path = folder / "logban.sock"
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = ControlServer(path, daemon, "no-such-group")
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield path
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(LIMIT)
    loop.close()


@pytest.fixture
def run(socket_path):
    """Run logban-client with these words and give what came of it."""

    def run_client(*words: str, color: bool = False):
        return CliRunner().invoke(
            cli, ["--socket", str(socket_path), *words], color=color, prog_name="logban-client"
        )

    return run_client
