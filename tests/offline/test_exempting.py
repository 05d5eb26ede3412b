# SPDX-License-Identifier: MIT
"""Who is exempt in a replay, and who was not asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from logban.client.main import cli
from logban.config import load
from logban.judging.exemptions import redis as exemption_redis
from logban.model import ChangeKind
from logban.offline.replay import Replay
from logban.testing.asterisk_manager import AsteriskManager
from logban.testing.machine import FakeResolver
from logban.testing.mmdb import database
from logban.testing.redis_server import RedisServer

NOW = 1_795_168_800.0
HOME, AWAY, NAMED, KEYED = "198.51.100.7", "203.0.113.9", "192.0.2.66", "192.0.2.77"
FILTER = """
[Definition]
datepattern = {^LN-BEG}EPOCH
[rule password]
kind = wrong-password
failregex = ^\\[\\] <F-USER>\\S+</F-USER> from <HOST>$
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("jails.d", "filters.d"):
        (tmp_path / name).mkdir()
    (tmp_path / "filters.d" / "pbx.conf").write_text(FILTER)
    (tmp_path / "country.mmdb").write_bytes(
        database(
            {
                f"{HOME}/32": {"country": {"iso_code": "DE"}},
                f"{AWAY}/32": {"country": {"iso_code": "KP"}},
            }
        )
    )
    return tmp_path


def write(folder: Path, jail: str = "", server: str = "") -> None:
    (folder / "jails.d" / "pbx.conf").write_text(
        "[pbx]\nenabled = yes\nfilter = pbx\nlogpath = /log\naction =\nmaxretry = 3\n" + jail
    )
    (folder / "logban.conf").write_text("[server]\n" + server)


def log(folder: Path, *failures: tuple[str, str]) -> str:
    lines = (f"[{NOW - 60 + n}] {user} from {who}" for n, (who, user) in enumerate(failures))
    path = folder / "log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def banned(folder: Path, path: str, resolver: FakeResolver | None = None) -> set[str]:
    configuration = load(folder)
    replay = Replay(configuration.jails["pbx"], configuration.server, NOW, (), resolver)
    assert replay.exempting.problems == []
    changes = list(replay.run([path], lambda _: None))
    replay.exempting.close()
    return {str(each.ban.subject) for each in changes if each.kind is ChangeKind.BAN}


def test_countries_and_files_are_gone_by_and_nobody_is_asked(folder: Path) -> None:
    (folder / "exempt").write_text(f"{NAMED}\n")
    geo = f"geo_database = {folder}/country.mmdb\n"
    write(folder, f"ignoreip = file:{folder}/exempt\n", geo + "geo_allow = DE\ngeo_deny = KP\n")
    several = [(who, "7001") for who in (HOME, NAMED, KEYED) for _ in range(4)]
    path = log(folder, *several, (AWAY, "7001"))
    # One failure from where one is enough, and none from where nobody is banned.
    assert banned(folder, path) == {AWAY, KEYED}
    done = CliRunner().invoke(
        cli, ["replay", path, "--jail", "pbx", "--config", str(folder), "--now", str(NOW)]
    )
    assert done.exit_code == 0
    assert "not asked" not in done.output


def test_a_database_that_is_not_there_is_told_of(folder: Path) -> None:
    write(folder, server=f"geo_database = {folder}/none.mmdb\ngeo_allow = DE\n")
    path = log(folder, *[(HOME, "7001")] * 4)
    words = ["replay", path, "--jail", "pbx", "--config", str(folder), "--now", str(NOW)]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0
    assert "none.mmdb can't be read: No such file or directory" in done.stderr


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr(exemption_redis, "ANSWERS_WITHIN", 20.0)
    made = RedisServer(tmp_path / "r")
    made.start()
    yield made
    made.stop()


def test_the_world_is_asked_on_request_only(folder: Path, redis: RedisServer) -> None:
    with redis.keys() as keys:
        keys.set(f"white_list:{KEYED}", "1", ex=3600)
    server = f"redis = {redis.url}\nrdns_domains = dialin.example.org\n"
    write(folder, "ignoreip = office.example.org\n", server)
    resolver = FakeResolver()
    resolver.known["office.example.org"] = frozenset({HOME})
    resolver.known["n66.dialin.example.org"] = frozenset({NAMED})
    resolver.named[NAMED] = "n66.dialin.example.org"
    resolver.named[AWAY] = "n66.dialin.example.org"  # whose name does not lead back
    path = log(folder, *[(who, "7001") for who in (HOME, AWAY, NAMED, KEYED) for _ in range(4)])
    assert banned(folder, path) == {HOME, AWAY, NAMED, KEYED}
    assert banned(folder, path, resolver) == {AWAY}


def test_asterisk_is_asked_on_request_only(folder: Path) -> None:
    manager = AsteriskManager(["7001"])
    manager.start()
    try:
        login = folder / "ami.conf"
        login.write_text(manager.login())
        login.chmod(0o600)
        write(folder, "extensions = ami\n", f"ami = {login}\n")
        path = log(folder, *[(HOME, "140")] * 2)
        assert banned(folder, path) == set()
        assert banned(folder, path, FakeResolver()) == {HOME}  # 1.5 each
    finally:
        manager.stop()


def test_who_was_not_asked_is_told(folder: Path) -> None:
    write(
        folder,
        "ignoreip = office.invalid permissions:2:/run/k.sock\nextensions = ami\n"
        "ignorecommand = /bin/true <ip>\n",
        "redis = redis://127.0.0.1:1/0\nrdns_domains = example.org\nami = /none\n",
    )
    (folder / "logban.conf").write_text(
        (folder / "logban.conf").read_text().replace("/none", str(folder / "ami.conf"))
    )
    (folder / "ami.conf").write_text("[ami]\nuser = u\nsecret = s\nport = 1\n")
    (folder / "ami.conf").chmod(0o600)
    path = log(folder, (HOME, "7001"))
    words = ["replay", path, "--jail", "pbx", "--config", str(folder), "--now", str(NOW)]
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "schema": "logban/1",
        "event": "unasked",
        "sources": [
            "the names in ignoreip", "Redis", "the names of addresses (rdns_domains)",
            "permissions:2:/run/k.sock", "ignorecommand", "Asterisk (extensions = ami)",
        ],
    }  # fmt: skip
    shown = CliRunner().invoke(cli, words).stdout
    assert "not asked who is exempt: the names in ignoreip, Redis, " in shown
    asked = CliRunner().invoke(cli, [*words, "--ask"])
    assert "there is no RPC socket /run/k.sock" in asked.stderr
    assert "the extensions can't be asked for: 127.0.0.1:1: Connection refused" in asked.stderr
    assert "the exemptions in redis://127.0.0.1:1/0 can't be read" in asked.stderr
    assert "office.invalid does not resolve" in asked.stderr
    assert asked.stdout.splitlines()[-1] == "not asked who is exempt: ignorecommand"
