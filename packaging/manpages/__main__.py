# SPDX-License-Identifier: MIT
# ruff: noqa: INP001  # the program that is this directory
"""Write the manual pages from the tables that the programs themselves are made of.

python packaging/manpages DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from client import client
from settings import filters, jails, server

PAGES = {
    "logban-client.1": client,
    "logban-server.8": server,
    "logban-jails.5": jails,
    "logban-filters.5": filters,
}


def main(arguments: list[str]) -> None:
    """Write all pages into a directory."""
    if len(arguments) != 1:
        sys.exit(__doc__)
    directory = Path(arguments[0])
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (directory / name).write_text(make(), "utf-8")


main(sys.argv[1:])
