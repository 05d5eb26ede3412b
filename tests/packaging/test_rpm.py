# SPDX-License-Identifier: MIT
"""The spec for rpm: what rpmlint says of it, and that it packs what the Debian package packs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Protocol

import logban

SPEC = Path(__file__).parents[2] / "packaging" / "rpm" / "logban.spec"


class Package(Protocol):
    """What the fixture gives."""

    root: Path


def test_rpmlint_finds_no_error() -> None:
    done = subprocess.run(["rpmlint", str(SPEC)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " 0 errors" in done.stdout


def test_the_version_is_the_programs() -> None:
    words = ["rpmspec", "--query", "--queryformat", "%{version}", str(SPEC)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert done.stdout == logban.__version__


def test_it_asks_for_the_libraries_that_the_debian_package_asks_for(package: Package) -> None:
    control = SPEC.parents[1] / "debian" / "control"
    libraries = re.compile(r"python3-(?!iptables|devel)\w+")
    needed = set(libraries.findall(control.read_text().split("\nRecommends:")[0]))
    asked = set(libraries.findall(SPEC.read_text()))
    assert asked == needed
    folders = {path.name for path in (package.root / "etc/logban").iterdir()}
    assert all(f"%dir %{{_sysconfdir}}/logban/{folder}\n" in SPEC.read_text() for folder in folders)
