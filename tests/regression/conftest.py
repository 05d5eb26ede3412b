# SPDX-License-Identifier: MIT
"""A host with a daemon on it, as in tests/integration.  Root is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import Network, lay_network
from logban.testing.running import RunningServer

FILTERS = Path(__file__).parents[2] / "filters.d"


@dataclass(frozen=True)
class Host:
    """A network, a daemon that is not started yet, the log that it is to follow."""

    network: Network
    server: RunningServer
    log: LogFile

    def jail(self, name: str = "pbx", **settings: str) -> None:
        """Write a jail: the usual settings, and what a test says instead."""
        usual = {"enabled": "true", "filter": "asterisk", "logpath": str(self.log.path)}
        usual |= {"maxretry": "5", "findtime": "600", "bantime": "3600"}
        lines = [f"{key} = {value}" for key, value in (usual | settings).items()]
        self.server.write(f"jails.d/{name}.conf", "\n".join([f"[{name}]", *lines, ""]))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with lay_network() as network:
        server = RunningServer(network.host, tmp_path)
        shutil.copytree(FILTERS, server.config / "filters.d", dirs_exist_ok=True)
        log = LogFile(tmp_path / "full")
        try:
            yield Host(network, server, log)
        finally:
            log.close()
            code = server.stop()
    assert "Traceback" not in server.log
    assert code == 0
