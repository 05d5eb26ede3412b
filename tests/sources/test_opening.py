# SPDX-License-Identifier: MIT
"""What is opened, and what is left of the descriptors."""

from __future__ import annotations

import fcntl
import os

from logban.sources import opening


def test_descriptors_stay_below_what_select_can_wait_for(bench, monkeypatch) -> None:
    """However many the process may have: libnftables would end it."""
    monkeypatch.setattr(opening.resource, "getrlimit", lambda _: (65536, 65536))
    bench.write(b"1\n")
    really_open = os.open

    def high(path: str, flags: int) -> int:
        descriptor = really_open(path, flags)
        raised = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 1024)
        os.close(descriptor)
        return raised

    monkeypatch.setattr(os, "open", high)
    follower = bench.follow()
    follower.look()
    assert "Too many open files" in follower.reason
