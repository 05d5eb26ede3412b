# SPDX-License-Identifier: MIT
"""A real Kamailio whose script is made of the pieces of docs/kamailio.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.testing.kamailio import Kamailio, filled

DOCUMENT = Path(__file__).parents[3] / "docs" / "kamailio.md"


@pytest.fixture(scope="session")
def script() -> str:
    """Give a script in which every piece of the documentation is in its place."""
    script = Path(__file__).with_name("banning.cfg").read_text("utf-8")
    return filled(script, DOCUMENT.read_text("utf-8"))


@pytest.fixture(scope="module")
def kamailio(script: str) -> Iterator[Kamailio]:
    """Give a running proxy; whoever stops it starts it again."""
    proxy = Kamailio.of(script)
    (proxy.directory / "logban.list").write_text("")
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.remove()
