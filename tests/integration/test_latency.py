# SPDX-License-Identifier: MIT
"""How long an attacker has: from the write of the line that is one too many to the kernel's set.

The figures are printed at the end of a test run; none is asserted but that not everybody waits for
the next look at the clock.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Queue

from logban.testing.lines import LogFile, wrong_password
from logban.testing.namespaces import Namespace, Network
from logban.testing.running import RunningServer
from logban.testing.waiting import LIMIT

_ELEMENT = re.compile(r"add element inet \S+ \S+ \{ ([0-9.]+)")


def test_the_latency_of_a_ban(
    network: Network,
    server: RunningServer,
    log: LogFile,
    jail: Callable[..., None],
    figures: list[str],
) -> None:
    attackers = [f"198.18.{number}.7" for number in range(100, 200)]
    jail()
    server.start()

    def fail(address: str, times: int = 1) -> None:
        # Each from a network of its own, at an account of its own: what many attack, or attack
        # from, is judged more strictly.
        user = f"2{address.split('.')[2]}"
        for _ in range(times):
            log.write(wrong_password(address, user=user))

    for address in attackers:
        fail(address, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4 * len(attackers))
    latencies = []
    with _events(network.host) as events:
        for address in attackers:
            time.sleep(0.02)  # the host is idle, as it mostly is
            begun = time.monotonic()
            fail(address)
            told = events.get(timeout=LIMIT)
            while told[1] != address:
                told = events.get(timeout=LIMIT)
            latencies.append(told[0] - begun)
    latencies.sort()
    middle, last = latencies[len(latencies) // 2], latencies[-2]
    figures.append(
        f"from the write of a line to the kernel's set: p50 {1000 * middle:.1f} ms, "
        f"p99 {1000 * last:.1f} ms over {len(latencies)} bans"
    )
    assert latencies[0] < 0.5


@contextmanager
def _events(space: Namespace) -> Iterator[Queue[tuple[float, str]]]:
    """Give the elements that are added to logban's sets, each with the moment, as nft tells."""
    events: Queue[tuple[float, str]] = Queue()
    space.run(["nft", "-f", "-"], "table inet probe { set s { type ipv4_addr; }; }\n")
    command = ["ip", "netns", "exec", space.name, "nft", "monitor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        stream = monitor.stdout

        def read() -> None:
            for line in stream:
                found = _ELEMENT.search(line)
                if found is not None:
                    events.put((time.monotonic(), found[1]))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            # It does not say when it has begun to listen.
            while True:
                space.run(["nft", "add element inet probe s { 192.0.2.1 }"])
                space.run(["nft", "delete element inet probe s { 192.0.2.1 }"])
                with suppress(Empty):
                    events.get(timeout=0.05)
                    break
            yield events
        finally:
            monitor.terminate()
            reader.join()
