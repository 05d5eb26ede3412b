# SPDX-License-Identifier: MIT
"""The host's own addresses, read in a network namespace of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

NAME = f"logban-own-{os.getpid()}"
READ = (
    "import json; from logban.judging.exemptions.own_addresses import read_own_addresses as read;"
)
READ += "print(json.dumps(sorted(read())))"
REFUSED = """
import resource
from logban.judging.exemptions.own_addresses import read_own_addresses
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    read_own_addresses()
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    """Make a network with a few addresses."""
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    try:
        for words in (
            "link set lo up",
            "address add 192.0.2.1/24 dev lo",
            "address add 192.0.2.9 peer 192.0.2.10 dev lo",
            "address add 2001:db8:1::1/64 dev lo nodad",
        ):
            subprocess.run(["ip", "-n", NAME, *words.split()], check=True)
        yield NAME
    finally:
        subprocess.run(["ip", "netns", "delete", NAME], check=True)


def test_all_addresses_of_all_interfaces(namespace: str) -> None:
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", READ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = set(json.loads(done.stdout))
    assert found >= {"127.0.0.1", "::1", "192.0.2.1", "192.0.2.9", "2001:db8:1::1"}
    assert "192.0.2.10" not in found


def test_a_kernel_that_will_not_tell() -> None:
    command = [sys.executable, "-c", REFUSED]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Too many open files" in done.stdout
