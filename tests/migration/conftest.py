# SPDX-License-Identifier: MIT
"""fail2ban's stock tree, as Debian's package brings it, and one like a FreePBX host's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

STOCK = Path("/etc/fail2ban")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """A copy of the stock tree."""
    return Path(shutil.copytree(STOCK, tmp_path / "stock"))


@pytest.fixture
def freepbx(tmp_path: Path) -> Path:
    """The stock tree with the files of a telephone system laid over it."""
    tree = Path(shutil.copytree(STOCK, tmp_path / "freepbx"))
    shutil.copytree(HERE / "freepbx", tree, dirs_exist_ok=True)
    return tree


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A configuration directory as it is installed, but for the filters, which are short ones."""
    target = tmp_path / "logban"
    shutil.copytree(ROOT / "jails.d", target / "jails.d")
    (target / "filters.d").mkdir()
    for path in (ROOT / "filters.d").glob("*.conf"):
        text = f"[Definition]\nfailregex = ^the shipped {path.stem} <HOST>$\n"
        (target / "filters.d" / path.name).write_text(text)
    return target


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A configuration directory as it is installed."""
    target = tmp_path / "installed"
    for folder in ("jails.d", "filters.d", "lists.d"):
        shutil.copytree(ROOT / folder, target / folder)
    return target
