# SPDX-License-Identifier: MIT
"""Verdicts, subjects and databases for the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.ledger.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give where the database is to be."""
    return tmp_path / "logban.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Give an open database."""
    made = Store(path)
    yield made
    made.close()
