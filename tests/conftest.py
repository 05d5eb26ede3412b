# SPDX-License-Identifier: MIT
"""What the tests of several rooms share: a network, a log, figures to be told."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from logban.actions import catalogue
from logban.testing.lines import LogFile
from logban.testing.machine import Machine
from logban.testing.namespaces import Network, lay_network

# How long an example takes says nothing on a busy machine, and what a run finds is to be of the
# change that it is run for: the examples are always the same ones.  For others, say
# --hypothesis-profile=exploring.
_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("exploring", _UNHURRIED)
settings.register_profile("same", _UNHURRIED, derandomize=True, database=None)
settings.load_profile("same")

FIGURES = pytest.StashKey[list[str]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for figure in config.stash.get(FIGURES, []):
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Give a list whose sentences are printed when all tests are done."""
    return request.config.stash.setdefault(FIGURES, [])


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder with a short name (a socket's path has 107 bytes) that every user can enter."""
    path = Path(tempfile.mkdtemp(prefix="logban-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def network() -> Iterator[Network]:
    """Give a host and a peer that can talk; root is needed."""
    with lay_network() as laid:
        yield laid


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    """Give the log that the jails of these tests follow."""
    made = LogFile(tmp_path / "full")
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Give the whole machine in this process, its actions built by the test."""
    made = Machine(tmp_path)
    monkeypatch.setattr(catalogue, "build", made.build)
    monkeypatch.setattr(catalogue, "sweep", made.sweep)
    return made
