# SPDX-License-Identifier: MIT
"""A host of the tests' own whose daemon is killed, starved and lied to.  Root is needed.

The sizes are for every run; LOGBAN_FAULTS (a factor, 20 in `make faults-long`) multiplies them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logban.testing.forking import QuickServer
from logban.testing.namespaces import Network

FILTER = "[Definition]\nfailregex = failed for '<HOST>:\\d+' - Wrong password$\n"


@pytest.fixture
def factor() -> int:
    """Give by how much a test is to be larger than in every run."""
    return int(os.environ.get("LOGBAN_FAULTS", "1"))


@pytest.fixture
def server(network: Network, tmp_path: Path) -> Iterator[QuickServer]:
    """Give a daemon that is not started yet; it must never crash by itself."""
    made = QuickServer(network.host, tmp_path)
    made.write("filters.d/sip.conf", FILTER)
    try:
        yield made
    finally:
        code = made.close()
    assert "Traceback" not in made.log
    assert code == 0


@pytest.fixture
def jail(server: QuickServer, tmp_path: Path) -> Callable[..., None]:
    """Give a way to write a jail: the usual settings, and what a test says instead."""

    def write(name: str = "pbx", **settings: str) -> None:
        usual = {
            "enabled": "true",
            "filter": "sip",
            "logpath": str(tmp_path / "full"),
            "maxretry": "5",
            "findtime": "1d",
            "bantime": "1d",
        }
        server.write_jail(name, usual | settings)

    return write
