# SPDX-License-Identifier: MIT
"""The package as `make deb` builds it, once for all tests, and what is in it laid out as a host."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Package:
    """A built package: the file, and its files below ``root``."""

    file: Path
    root: Path


def run(*argv: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and take what it says."""
    words = [str(word) for word in argv]
    return subprocess.run(words, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload]  # as run takes them


@pytest.fixture(scope="session")
def package() -> Iterator[Package]:
    """Build it where any user can get at it: pytest's own directories are for root alone."""
    place = Path(tempfile.mkdtemp(prefix="logban-package-"))
    try:
        place.chmod(0o755)
        done = run(ROOT / "packaging" / "deb", place / "built")
        assert done.returncode == 0, done.stdout + done.stderr
        (file,) = (place / "built").glob("*.deb")
        laid = Package(file, place / "root")
        assert run("dpkg-deb", "--extract", laid.file, laid.root).returncode == 0
        yield laid
    finally:
        shutil.rmtree(place)
