# SPDX-License-Identifier: MIT
"""Ports for servers of tests, and for those that are to be nobody's."""

from __future__ import annotations

import secrets
import socket


def free_port() -> int:
    """Find a port that nobody has and nobody will be given, by UDP and TCP, in both families."""
    while True:
        # Below those that the kernel gives to whoever asks for any, lest it does so meanwhile.
        port = 10_000 + secrets.randbelow(20_000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET6, kind) as found:
                    found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    found.bind(("::", port))
        except OSError:
            continue
        return port
