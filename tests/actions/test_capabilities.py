# SPDX-License-Identifier: MIT
"""What programs inherit of a daemon that is not root: real ones, which read it of themselves."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from logban.actions.capabilities import CAP_NET_ADMIN, CAP_NET_RAW

FIREWALL = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW

# Programs are started by many threads at once, every other one with what changes the firewall.
DAEMON = r"""
import json, re
from concurrent.futures import ThreadPoolExecutor
from logban.actions.capabilities import keep_from_programs
from logban.actions.process import run

def told(text):
    sets = dict(re.findall(r"^Cap(\w+):\t(\w+)$", text, re.MULTILINE))
    return {name: int(bits, 16) for name, bits in sets.items()}

def program(number):
    done = run(["cat", "/proc/self/status"], timeout=60, limit=9999, firewall=number % 2 == 1)
    return told(done.output.decode())

keep_from_programs()
with ThreadPoolExecutor(4) as threads:
    programs = list(threads.map(program, range(24)))
with open("/proc/thread-self/status") as status:
    print(json.dumps([told(status.read()), *programs]))
"""


def as_user(*capabilities: str) -> list[dict[str, int]]:
    """Give the sets of a daemon with such ambient capabilities, and of each of its programs."""
    wanted = ",".join(f"+{name}" for name in capabilities) or "-all"
    words = ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"]
    words += [f"--inh-caps={wanted}", f"--ambient-caps={wanted}"]
    done = subprocess.run(
        [*words, sys.executable, "-c", DAEMON], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]  # what DAEMON prints


def test_a_program_has_what_it_was_lent_and_no_other_has_anything() -> None:
    daemon, *programs = as_user("net_admin", "net_raw", "dac_read_search")
    assert daemon["Eff"] & FIREWALL == FIREWALL, "the daemon itself must go on"
    assert daemon["Amb"] == 0
    for number, program in enumerate(programs):
        expected = FIREWALL if number % 2 else 0
        assert (program["Eff"], program["Prm"], program["Amb"]) == (expected,) * 3


@pytest.mark.parametrize("own", [(), ("net_raw",)])
def test_nobody_lends_what_he_has_not(own: tuple[str, ...]) -> None:
    _, plain, lent, *_ = as_user(*own)
    assert (plain["Eff"], lent["Eff"]) == (0, 1 << CAP_NET_RAW if own else 0)
