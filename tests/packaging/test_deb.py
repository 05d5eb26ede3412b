# SPDX-License-Identifier: MIT
"""The Debian package: what is in it, what Debian says of it, and that its programs run."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Protocol

import logban

ROOT = Path(__file__).parents[2]


class Package(Protocol):
    """What the fixture gives."""

    file: Path
    root: Path


def say(*argv: object) -> str:
    """Give what a program prints; CalledProcessError if it fails."""
    words = [str(word) for word in argv]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def field(package: Package, name: str) -> str:
    return say("dpkg-deb", "--field", package.file, name).strip()


def test_lintian_finds_nothing(package: Package, tmp_path: Path) -> None:
    words = ["lintian", "--allow-root", "--fail-on", "error,warning", str(package.file)]
    litter = os.environ | {"TMPDIR": str(tmp_path)}  # it leaves some there
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=litter)
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_version_is_the_programs(package: Package) -> None:
    assert field(package, "Version") == logban.__version__


def test_every_file_of_ours_is_there_and_nothing_of_the_tests(package: Package) -> None:
    source = {
        path.relative_to(ROOT / "logban")
        for path in (ROOT / "logban").rglob("*")
        if path.is_file() and not {"__pycache__", "testing"} & set(path.parts)
    }
    below = package.root / "usr/share/logban/logban"
    packed = {
        path.relative_to(below)
        for path in below.rglob("*")
        if path.suffix == ".py" or (path.is_file() and path.suffix != ".pyc")
    }
    assert packed == source


def test_the_configuration_is_kept_on_upgrades(package: Package) -> None:
    control = package.file.parent / "control"
    say("dpkg-deb", "--control", package.file, control)
    marked = set((control / "conffiles").read_text().split())
    shipped = {
        f"/etc/logban/{folder}/{path.name}"
        for folder in ("jails.d", "filters.d", "lists.d")
        for path in (ROOT / folder).iterdir()
        if path.suffix in {".conf", ".list"}
    }
    assert marked == shipped
    assert all((package.root / name[1:]).is_file() for name in marked)


def test_nobody_but_root_can_change_a_file(package: Package) -> None:
    for path in package.root.rglob("*"):
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (0, 0), path
        assert not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID), path


def test_the_programs_run_with_debians_python_and_libraries(package: Package) -> None:
    client, server = (
        package.root / f"usr/{name}" for name in ("bin/logban-client", "sbin/logban-server")
    )
    assert say(client, "--version").strip().endswith(logban.__version__)
    assert say(server, "--version").strip().endswith(logban.__version__)
    configuration = package.root / "etc/logban"
    say(server, "--check", "--config", configuration)
    assert "all good" in say(client, "check", "--config", configuration)


def test_the_programs_take_nothing_from_where_they_are_started(
    package: Package, tmp_path: Path
) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "logban.py").write_text("raise SystemExit('not this one')")
    done = subprocess.run(
        [package.root / "usr/bin/logban-client", "--version"],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert logban.__version__ in done.stdout.decode()


def test_the_libraries_that_the_code_asks_for_are_named(package: Package) -> None:
    named = f"{field(package, 'Depends')}, {field(package, 'Recommends')}"
    settings = (ROOT / "setup.cfg").read_text()
    asked = settings[settings.index("install_requires =") :].split("\n\n", 1)[0].splitlines()[1:]
    for requirement in asked:
        library = requirement.split()[0].removeprefix("python-")
        assert f"python3-{library} " in named, requirement


def test_the_unit_starts_the_packages_program(package: Package) -> None:
    unit = (package.root / "lib/systemd/system/logban.service").read_text()
    assert "\nExecStart=/usr/sbin/logban-server\n" in unit
    assert "@" not in unit.replace("@system-service", "").replace("@privileged", "").replace(
        "@resources", ""
    ).replace("@chown", "")


def test_users_and_lock_are_made(package: Package, tmp_path: Path) -> None:
    for folder in ("etc", "run", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nadm:x:4:\n")
    lock = tmp_path / "run/xtables.lock"
    lock.touch(0o600)  # as iptables makes it
    here = f"--root={tmp_path}"
    say("systemd-sysusers", here, package.root / "usr/lib/sysusers.d/logban.conf")
    user = (tmp_path / "etc/passwd").read_text().splitlines()[1].split(":")
    assert (user[0], user[6]) == ("logban", "/usr/sbin/nologin")
    groups = (tmp_path / "etc/group").read_text().splitlines()
    assert "adm:x:4:logban" in groups
    (own,) = (int(group.split(":")[2]) for group in groups if group.startswith("logban:"))
    assert own == int(user[3])
    say("systemd-tmpfiles", "--create", here, package.root / "usr/lib/tmpfiles.d/logban.conf")
    assert (stat.S_IMODE(lock.stat().st_mode), lock.stat().st_uid) == (0o600, int(user[2]))
