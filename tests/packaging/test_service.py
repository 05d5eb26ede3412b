# SPDX-License-Identifier: MIT
"""The unit: what systemd says of it, and that the daemon does its work with what it leaves it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, HOST, NEIGHBOUR, Network
from logban.testing.running import RunningServer

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "logban.service"
IP = shutil.which("ip") or "/usr/sbin/ip"
USER = 61234  # of nobody on any host
ADM = 4  # on every Debian: base-passwd

# /proc as ProcSubset=pid and ProtectProc=invisible leave it, and PR_SET_MDWE of linux/prctl.h,
# which is what MemoryDenyWriteExecute= stands for: both are inherited by the daemon.
NARROW = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mount(b"none", b"/", None, 1 << 14 | 1 << 18, None)  # MS_REC, MS_PRIVATE
if libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=invisible,subset=pid"):
    sys.exit("no /proc: " + os.strerror(ctypes.get_errno()))
if libc.prctl(65, 1, 0, 0, 0):
    sys.exit("no PR_SET_MDWE: " + os.strerror(ctypes.get_errno()))
os.umask(0o077)
os.execvp(sys.argv[1], sys.argv[1:])
"""


SURROUND = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


class Package(Protocol):
    """What the fixture gives."""

    root: Path


def settings() -> dict[str, str]:
    """Give the unit's settings; of one that is written several times, the last."""
    lines = (line for line in UNIT.read_text().splitlines() if re.match(r"[A-Z]\w+=", line))
    return dict(line.split("=", 1) for line in lines)


class ServiceServer(RunningServer):
    """The packaged daemon, started as the unit would have it."""

    program: Path

    def launch(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=SURROUND,
                cwd="/",
            )

    def restore(self) -> str:
        """Run what the boot runs, before the network is up; give what it says."""
        done = subprocess.run(
            [*self.command(), "--restore-only"],
            check=True, capture_output=True, text=True, env=SURROUND, cwd="/",
        )  # fmt: skip
        return done.stderr

    def command(self) -> list[str]:
        names = settings()["AmbientCapabilities"].split()
        wanted = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in names)])
        return [
            *(IP, "netns", "exec", self.namespace.name),
            *("unshare", "--mount", "/usr/bin/python3", "-c", NARROW),
            *("setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={ADM}"),
            *(f"--inh-caps={wanted}", f"--ambient-caps={wanted}", f"--bounding-set={wanted}"),
            *("--no-new-privs", str(self.program), "--config", str(self.config)),
            *("--state", str(self.state), "--socket", str(self.socket)),
        ]


@pytest.fixture
def server(package: Package, network: Network) -> Iterator[ServiceServer]:
    """Give the daemon, in a directory that its user gets at; not started yet."""
    place = Path(tempfile.mkdtemp(prefix="logban-service-"))
    try:
        place.chmod(0o755)
        (place / "run").mkdir()
        made = ServiceServer(network.host, place)
        made.program = package.root / "usr/sbin/logban-server"
        made.socket = place / "run" / "s"
        shutil.copytree(ROOT / "filters.d", made.config / "filters.d", dirs_exist_ok=True)
        made.state.mkdir()
        for own in (made.state, place / "run"):  # StateDirectory=, RuntimeDirectory=
            os.chown(own, USER, USER)
        try:
            yield made
        finally:
            code = made.stop()
        assert "Traceback" not in made.log
        assert code == 0
    finally:
        shutil.rmtree(place)


@pytest.fixture
def log(server: ServiceServer) -> Iterator[LogFile]:
    """Give a log as Debian's Asterisk has it, for root and the group adm."""
    made = LogFile(server.state.parent / "full")
    os.chown(made.path, 0, ADM)
    made.path.chmod(0o640)
    yield made
    made.close()


def jail(server: ServiceServer, log: LogFile, action: str) -> None:
    server.write(
        "jails.d/pbx.conf",
        f"[pbx]\nenabled = yes\nfilter = asterisk\nlogpath = {log.path}\naction = {action}\n",
    )


@pytest.mark.parametrize("action", ["nftables", "nftables[library=no]", "iptables"])
def test_it_bans_as_a_user_of_its_own(
    action: str, network: Network, server: ServiceServer, log: LogFile
) -> None:
    jail(server, log, action)
    server.start()
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert re.search(rf"^Uid:\t{USER}\t", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\t0*3000$", status, re.MULTILINE)  # CAP_NET_ADMIN, CAP_NET_RAW
    assert network.arrives(BAD)
    log.fail(BAD, 5)
    log.fail(BAD6, 5)
    log.fail(HOST, 5)  # it knows its own addresses without /proc/net of the host
    server.ban_of(BAD)
    server.ban_of("2001:db8:66::/64")
    assert not network.arrives(BAD)
    assert not network.arrives(BAD6)
    assert network.arrives(NEIGHBOUR)
    assert len(server.bans()) == 2
    assert server.client("unban", BAD).code == 0  # root may order, whoever the daemon is
    network.wait_until_arrives(BAD)


def test_at_boot_it_puts_bans_in_force_by_programs_that_it_lends_its_rights(
    network: Network, server: ServiceServer, log: LogFile
) -> None:
    server.write_jail("pbx", {"enabled": "yes", "filter": "asterisk", "logpath": str(log.path),
                              "action": "nftables[library=no]\n    iptables"})  # fmt: skip
    server.start()
    attackers = [BAD, *(f"203.0.113.{number}" for number in range(100, 130))]  # ipset's own program
    for address in attackers:
        log.fail(address, 5)
    server.wait(lambda: len(server.bans()) == len(attackers))
    server.wait(lambda: all(ban["in_force"] for ban in server.bans().values()))
    server.stop()
    network.host.run(["nft", "flush ruleset"])
    for command in ("iptables-legacy -t raw -F", "ipset flush logban-pbx-4"):
        network.host.run(command.split())
    assert network.arrives(BAD)
    server.restore()
    assert not network.arrives(BAD)
    for words in (["nft", "list", "ruleset"], ["ipset", "list", "logban-pbx-4"]):
        found = network.host.run(words)
        assert [address for address in attackers if address not in found] == []


def test_only_what_may_change_the_firewall_has_the_capabilities(
    server: ServiceServer, log: LogFile
) -> None:
    told = server.state / "told"
    told.mkdir()
    os.chown(told, USER, USER)
    program = server.write(
        "status",
        '#!/bin/sh\nwhile read -r line; do echo "$line"; done '
        f"</proc/self/status >{told}/$1.part && mv {told}/$1.part {told}/$1\n"
        "[ $1 != ignoring ]\n",
    )
    program.chmod(0o755)
    (server.config / "actions.d").mkdir()
    server.write("actions.d/imported.conf", f"[Definition]\nactionban = {program} <name>\n")
    actions = [
        f'command[ban="{program} plain"]',
        f'command[ban="{program} asked", firewall=yes]',
        "imported[name=script]",
        "imported[name=tame, firewall=no]",
    ]
    server.write_jail("pbx", {"enabled": "yes", "filter": "asterisk", "logpath": str(log.path),
                              "ignorecommand": f"{program} ignoring",  # spares nobody
                              "action": "\n    ".join(actions)})  # fmt: skip
    server.start()
    log.fail(BAD, 5)
    expected = {"ignoring": 0, "plain": 0, "asked": 0x3000, "script": 0x3000, "tame": 0}
    found = {}
    for name in expected:
        server.wait((told / name).exists)
        (bits,) = re.findall(r"^CapEff:\s(\w+)$", (told / name).read_text(), re.MULTILINE)
        found[name] = int(bits, 16)
    assert found == expected


def test_a_log_of_others_is_named_and_read_when_it_may_be(
    server: ServiceServer, log: LogFile
) -> None:
    log.path.chmod(0o600)
    jail(server, log, "nftables")
    server.start()

    def reason() -> str:
        (source,) = server.ask("status")["sources"]  # type: ignore[misc]  # a list, by the schema
        return str(source["reason"])  # type: ignore[index]  # an object, by the schema

    assert "ermi" in server.wait(reason)
    log.path.chmod(0o640)
    log.fail(BAD, 5)
    server.ban_of(BAD)


def verify(unit: Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


@pytest.fixture
def unit(package: Package, tmp_path: Path) -> Path:
    """Give the unit as it is installed, with a program that there is."""
    text = (package.root / "lib/systemd/system/logban.service").read_text()
    made = tmp_path / "logban.service"
    made.write_text(re.sub(r"(?<==)(?=/usr/s?bin/logban-)", str(package.root), text))
    return made


def test_systemd_understands_every_line(unit: Path) -> None:
    assert verify(unit) == ""
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    assert "ProtectHouse" in verify(unit)


def test_the_bans_are_restored_before_the_network(package: Package, tmp_path: Path) -> None:
    text = (package.root / "lib/systemd/system/logban-restore.service").read_text()
    unit = tmp_path / "logban-restore.service"
    unit.write_text(re.sub(r"(?<==)(?=/usr/s?bin/logban-)", str(package.root), text))
    assert verify(unit) == ""
    assert re.search(r"^Before=.*network-pre\.target", text, re.MULTILINE)
    assert "/usr/sbin/logban-server --restore-only" in text
    shared = r"^(User|Group|AmbientCapabilities|CapabilityBoundingSet|Protect\w+|Private\w+)=.*$"
    bounds = [match[0] for match in re.finditer(shared, text, re.MULTILINE)]
    assert len(bounds) > 15
    assert set(bounds) <= set(UNIT.read_text().splitlines()), "they are the daemon's"


def test_it_is_exposed_by_no_more_than_2_of_10(unit: Path) -> None:
    words = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    words[2:4] = ["--offline=yes", "--json=short"]
    listed = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    capabilities = {each["json_field"] for each in listed if each["exposure"]}
    assert "CapabilityBoundingSet_CAP_SYS_ADMIN" not in capabilities


def test_systemd_waits_for_the_daemon_where_the_daemon_tells() -> None:
    tree = ast.parse((ROOT / "logban" / "server.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert (settings()["Type"] == "notify") is ("logban.sdnotify" in modules)
