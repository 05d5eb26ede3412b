# SPDX-License-Identifier: MIT
"""The package's life on a Debian 12 of its own: installed, changed, upgraded, removed, purged.

Not part of `make test`, for the first run downloads that Debian: `make test-deb`.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, NEIGHBOUR, Network, lay_network
from logban.testing.waiting import LIMIT, wait

ROOT = Path(__file__).parents[2]
BASE = ROOT / "build" / "debian-12"


class Package(Protocol):
    """What the fixture gives."""

    file: Path


def run(*words: object, **options: object) -> str:
    """Run a program and give what it prints; its whole output is in the error if it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"},
        **options,  # type: ignore[call-overload]  # as run takes them
    )
    assert done.returncode == 0, f"{words}:\n{done.stdout}"
    return done.stdout


def field(package: Path, name: str) -> str:
    return run("dpkg-deb", "--field", package, name)


@pytest.fixture(scope="session")
def base(package: Package) -> Path:
    """Give a Debian 12 with all that the package depends on and recommends, made once."""
    listed = f"{field(package.file, 'Depends')}, {field(package.file, 'Recommends')}"
    wanted = sorted(set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", listed)))
    made = BASE / "usr/share/logban-test-packages"
    if not made.exists() or made.read_text().split() != wanted:
        shutil.rmtree(BASE, ignore_errors=True)
        run("debootstrap", "--variant=minbase", "bookworm", BASE)
        run("chroot", BASE, "apt-get", "install", "-y", "--no-install-recommends", *wanted)
        made.write_text("\n".join(wanted))
    return BASE


class Machine:
    """A Debian whose changes are gone with it; what runs in it is in a network of the tests'."""

    def __init__(self, root: Path, network: Network) -> None:
        self.root = root
        self.network = network

    def run(self, *words: object) -> str:
        """Run a program in it."""
        return run("ip", "netns", "exec", self.network.host.name, "chroot", self.root, *words)

    def try_to(self, *words: object) -> str:
        """Run a program in it that may fail, and give what it prints."""
        with contextlib.suppress(AssertionError):
            return self.run(*words)
        return ""

    def install(self, package: Path) -> str:
        """Install a package, as an admin does who keeps what he has written."""
        shutil.copy(package, self.root / "tmp" / package.name)
        return self.run(
            "dpkg", "--install", "--force-confdef", "--force-confold", f"/tmp/{package.name}"
        )

    def boot(self, target: str) -> None:
        """Start its systemd with that target, and wait until it turns the machine off."""
        proc = self.root / "proc"
        run("umount", "--lazy", proc)  # it is this host's; a machine that boots mounts its own
        try:
            run(
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--capability=all"),
                f"--network-namespace-path=/run/netns/{self.network.host.name}",
                *("--directory", self.root, "/lib/systemd/systemd", f"--unit={target}"),
                stdin=subprocess.DEVNULL,
                timeout=10 * LIMIT,
            )
        finally:
            run("mount", "-t", "proc", "proc", proc)

    def path(self, name: str) -> Path:
        return self.root / name.removeprefix("/")

    def files(self) -> set[str]:
        """Name all that lies where a package may put something."""
        places = ("etc", "usr", "lib", "var/lib/logban", "run")
        return {
            str(path.relative_to(self.root))
            for place in places
            for path in (self.root / place).rglob("*")
            if not path.name.endswith(".pyc")
        }


@pytest.fixture
def machine(base: Path, tmp_path: Path) -> Iterator[Machine]:
    with contextlib.ExitStack() as undo, lay_network() as network:
        layers = tmp_path / "layers"
        layers.mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", layers)
        undo.callback(run, "umount", "--lazy", layers)
        for name in ("upper", "work", "root"):
            (layers / name).mkdir()
        options = f"lowerdir={base},upperdir={layers / 'upper'},workdir={layers / 'work'}"
        root = layers / "root"
        run("mount", "-t", "overlay", "-o", options, "overlay", root)
        undo.callback(run, "umount", "--lazy", root)
        run("mount", "-t", "proc", "proc", root / "proc")
        undo.callback(run, "umount", "--lazy", root / "proc")
        yield Machine(root, network)


def next_version(package: Path, place: Path) -> Path:
    """Give a package of a later version, whose jail for Asterisk is another."""
    run("dpkg-deb", "--raw-extract", package, place)
    control = place / "DEBIAN/control"
    control.write_text(
        re.sub(r"^(Version: .*)$", r"\1+next", control.read_text(), flags=re.MULTILINE)
    )
    for name in ("jails.d/asterisk.conf", "filters.d/asterisk.conf"):
        with (place / "etc/logban" / name).open("a") as file:
            file.write("# next\n")
    made = place.with_suffix(".deb")
    run("dpkg-deb", "--build", place, made)
    return made


def test_installed_upgraded_removed_purged(
    package: Package, machine: Machine, tmp_path: Path
) -> None:
    before = machine.files()
    machine.install(package.file)
    assert machine.path("/etc/systemd/system/multi-user.target.wants/logban.service").is_symlink()
    assert "logban:x:" in machine.path("/etc/passwd").read_text()
    assert re.search(r"^adm:x:4:logban$", machine.path("/etc/group").read_text(), re.MULTILINE)
    assert "all good" in machine.run("logban-client", "check")
    assert "logban.service" in machine.run("systemctl", "list-unit-files", "logban.service")

    # What an admin changes stays; what he did not is new.
    jail = machine.path("/etc/logban/jails.d/asterisk.conf")
    jail.write_text(jail.read_text() + "# mine\n")
    local = machine.path("/etc/logban/jails.d/asterisk.local")
    local.write_text("[asterisk]\nbantime = 1d\n")
    machine.install(next_version(package.file, tmp_path / "next"))
    assert "+next" in machine.run("dpkg-query", "-W", "-f", "${Version}", "logban")
    assert jail.read_text().endswith("# mine\n")
    assert jail.with_name("asterisk.conf.dpkg-dist").read_text().endswith("# next\n")
    assert machine.path("/etc/logban/filters.d/asterisk.conf").read_text().endswith("# next\n")
    assert local.exists()
    checked = json.loads(machine.run("logban-client", "check", "--json"))
    assert checked["ok"]

    machine.path("/var/lib/logban").mkdir(exist_ok=True)
    machine.path("/var/lib/logban/logban.sqlite3").touch()
    machine.run("dpkg", "--remove", "logban")
    assert jail.exists()
    assert machine.path("/var/lib/logban/logban.sqlite3").exists()
    assert not machine.path("/usr/share/logban").exists()
    machine.run("dpkg", "--purge", "logban")
    left = {name for name in machine.files() - before if "/systemd/" not in name}
    of_the_admin = {f"etc/logban{rest}" for rest in ("", "/jails.d", "/jails.d/asterisk.local")}
    of_others = {f"etc/{name}-" for name in ("group", "gshadow", "passwd", "shadow")}
    assert of_the_admin <= left <= {*of_the_admin, *of_others, "run/xtables.lock"}


STORY = """\
step() { name=$1; shift; "$@" >>/root/said 2>&1; echo "$name $?" >>/root/steps; }
until logban-client ping; do sleep 0.1; done
echo "sandboxed $(grep -c -E '^(NoNewPrivs:.1|Seccomp:.2|CapBnd:.0000000000003000)$' \\
    /proc/$(systemctl show -P MainPID logban)/status)" >>/root/steps
for port in 1 2 3 4 5; do
    echo "[$(date '+%F %T').000] NOTICE[1] chan_sip.c: Registration from '<sip:2001@192.0.2.1>'" \\
        "failed for 'BAD:$port' - Wrong password" >>/var/log/full
done
until logban-client banned BAD --json | grep -q '"in_force": true'; do sleep 0.1; done
step reload systemctl reload logban
echo 'maxretri = 3' >>/etc/logban/jails.d/asterisk.local
step broken-reload systemctl reload logban
step alive logban-client banned BAD
sed -i '$d' /etc/logban/jails.d/asterisk.local
step restart systemctl restart logban
until logban-client banned BAD --json | grep -q '"in_force": true'; do sleep 0.1; done
step nobody setpriv --reuid=nobody --clear-groups logban-client ping
step member setpriv --reuid=nobody --groups=logban logban-client ping
step stop systemctl stop logban
step result systemctl show -P Result logban
journalctl -u logban --no-pager >/root/journal
systemctl poweroff --force
"""
UNIT = """\
[Service]
Type=oneshot
ExecStart=/bin/sh /root/story
ExecStopPost=/bin/systemctl poweroff --force
TimeoutStartSec=900
"""


def test_the_service_under_systemd(package: Package, machine: Machine, tmp_path: Path) -> None:
    """With all that the unit takes from it, seccomp filter and sandbox included, it bans."""
    machine.install(package.file)
    machine.path("/etc/logban/jails.d/asterisk.local").write_text(
        "[asterisk]\nlogpath = /var/log/full\naction = nftables\n  iptables\n"
    )
    log = machine.path("/var/log/full")
    log.touch()
    shutil.chown(log, "root", "adm")
    log.chmod(0o640)
    machine.path("/root/story").write_text(STORY.replace("BAD", BAD))
    machine.path("/etc/systemd/system/story.service").write_text(UNIT)
    wants = machine.path("/etc/systemd/system/multi-user.target.wants/story.service")
    wants.symlink_to("../story.service")
    machine.boot("multi-user.target")
    journal = machine.path("/root/journal").read_text()
    steps = dict(line.split() for line in machine.path("/root/steps").read_text().splitlines())
    assert steps == {
        "sandboxed": "3",
        "reload": "0",
        "broken-reload": "1",
        "alive": "0",
        "restart": "0",
        "nobody": "4",
        "member": "0",
        "stop": "0",
        "result": "0",
    }, machine.path("/root/said").read_text() + journal
    assert "maxretri" in journal
    assert "Traceback" not in journal
    # The daemon is stopped and the machine is off; the kernel still knows.
    assert not machine.network.arrives(BAD)
    assert machine.network.arrives(NEIGHBOUR)


def test_removal_lifts_what_nobody_could_lift_then(
    package: Package, machine: Machine, tmp_path: Path
) -> None:
    machine.install(package.file)
    log_path = machine.path("/var/log/full")
    log = LogFile(log_path)
    machine.path("/etc/logban/jails.d/pbx.conf").write_text(
        "[pbx]\nenabled = yes\nfilter = asterisk\nlogpath = /var/log/full\n"
        "action = nftables\n  iptables\n"
    )
    machine.run("install", "-d", "-o", "logban", "/run/logban", "/var/lib/logban")
    command = ["ip", "netns", "exec", machine.network.host.name, "chroot", str(machine.root)]
    with (tmp_path / "log").open("wb") as output:
        server = subprocess.Popen([*command, "logban-server"], stdout=output, stderr=output)

    def is_in_force() -> bool:
        assert server.poll() is None, (tmp_path / "log").read_text()
        # All of its actions say so: both sets hold it.
        return '"in_force": true' in machine.try_to("logban-client", "banned", BAD, "--json")

    try:
        log.fail(BAD, 5)
        wait(is_in_force)
        assert not machine.network.arrives(BAD)
    finally:
        log.close()
        server.terminate()
        code = server.wait(LIMIT)
    assert code == 0, (tmp_path / "log").read_text()
    assert not machine.network.arrives(BAD)
    machine.run("dpkg", "--remove", "logban")
    assert machine.network.arrives(BAD)
    assert "logban-" not in machine.run("ipset", "list", "-name")
    assert "logban-" not in machine.run("nft", "list", "ruleset")
