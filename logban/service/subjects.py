# SPDX-License-Identifier: MIT
"""Subjects as they are typed, and as the jails count and ban them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from logban.daemon import Daemon
from logban.model import Ban, Subject, SubjectKind


def prefixes(daemon: Daemon) -> set[int]:
    """Give the lengths of the networks that jails count IPv6 addresses with."""
    return {jail.settings.ipv6_prefix for jail in daemon.jails.running.values()}


def counted_as(subject: Subject, ipv6_prefix: int) -> Subject:
    """Give what a typed IPv6 address is counted under; anything else stays as it is."""
    if subject.kind is SubjectKind.IP:
        return Subject.parse(subject.network, ipv6_prefix)
    return subject


def holds(ban: Ban, asked: Subject) -> bool:
    """Tell whether a ban is on what was asked for, or on a network around it."""
    if ban.subject == asked:
        return True
    if not ban.subject.network or not asked.network or ban.subject.user != asked.user:
        return False
    if "/" not in ban.subject.network:  # nearly all: there may be a hundred thousand to look at
        return ban.subject.network == asked.network
    around = ipaddress.ip_network(ban.subject.network)
    inner = ipaddress.ip_network(asked.network)
    return around.version == inner.version and inner.subnet_of(around)  # type: ignore[arg-type]  # of one version


def bans_on(bans: Iterable[Ban], asked: Sequence[Subject]) -> tuple[list[Ban], list[Subject]]:
    """Give the bans on any of those who are asked for, and who has none.

    Both may be many, so each ban is only compared with all where it is on a network.
    """
    alike: dict[tuple[str, str], list[Subject]] = {}
    for each in asked:
        alike.setdefault((each.network, each.user), []).append(each)
    found: list[Ban] = []
    met: set[Subject] = set()
    for ban in bans:
        _, network, user = ban.subject
        if "/" in network:
            those = [each for each in asked if holds(ban, each)]
        else:
            those = alike.get((network, user), [])
        if those:
            found.append(ban)
            met.update(those)
    return found, [each for each in asked if each not in met]
