# SPDX-License-Identifier: MIT
"""A hundred thousand bans, and somebody who flushes the firewall."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from logban.actions.nftables import reading
from logban.actions.nftables.nfnetlink import Requests
from logban.actions.protocols import Missing
from logban.ledger.records import BanRow, Checkpoint
from logban.ledger.store import Store
from logban.model import Ban, Subject, SubjectKind
from logban.testing.forking import QuickServer
from logban.testing.namespaces import Network
from logban.testing.waiting import LIMIT

NUMBER = 100_000


def test_a_flush_with_a_hundred_thousand_bans(
    network: Network, server: QuickServer, jail: Callable[..., None], figures: list[str]
) -> None:
    jail(action="nftables")
    now = time.time()
    addresses = [socket.inet_ntoa((0x0A000000 + n).to_bytes(4, "big")) for n in range(NUMBER)]
    server.state.mkdir()
    store = Store(server.state / "logban.sqlite3")
    bans = (Ban("pbx", Subject(SubjectKind.IP, text), now, now + 86400) for text in addresses)
    store.commit(Checkpoint(bans=tuple(map(BanRow, bans))))
    store.close()
    with network.host.enter():
        kernel = Requests()

    def count() -> int:
        try:
            return sum(1 for _ in reading.elements(kernel, "pbx-ipv4"))
        except Missing:
            return 0

    begun = time.monotonic()
    server.launch()
    server.wait(lambda: count() == NUMBER, 5 * LIMIT)
    started = time.monotonic() - begun
    server.wait(lambda: server.client("verify", "pbx").code == 0)
    network.host.run(["nft", "flush", "ruleset"])
    begun = time.monotonic()
    server.wait(lambda: count() == NUMBER, 5 * LIMIT)
    took = time.monotonic() - begun
    kernel.close()
    figures.append(
        f"{NUMBER} bans: in force {started:.1f} s after the daemon was started on an empty kernel, "
        f"and {took:.1f} s after a flush"
    )
