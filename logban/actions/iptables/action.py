# SPDX-License-Identifier: MIT
"""The ``iptables`` action: static rules in iptables-legacy on two ipsets with timeouts."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from logban.actions.declaration import ActionSpec
from logban.actions.iptables.chains import Chains
from logban.actions.iptables.sets import LONGEST, Sets
from logban.actions.names import identifier
from logban.actions.networks import sort, subject_named
from logban.actions.protocols import Missing
from logban.actions.traffic import Traffic
from logban.clock import Clock
from logban.model import Ban, Subject, SubjectKind

_LOG = logging.getLogger(__name__)
_VERSIONS = (4, 6)
_OWN = "logban-"
_MARGIN = 2.0  # seconds: an ipset counts whole ones
# A chain's name has at most 28 characters; a set's 31, and two of them are "-4" or "-6".
_NAME_LIMIT = 28 - len(_OWN)


def chain_of(name: str) -> str:
    """Name the chain of an enforcer, in both families."""
    return _OWN + identifier(name, _NAME_LIMIT)


def set_of(name: str, version: int) -> str:
    """Name an enforcer's ipset for that version of IP."""
    return f"{chain_of(name)}-{version}"


class Iptables:
    """Drops what banned sources send, before conntrack sees it.

    ``unenforceable`` counts the bans that it was given and no ipset can keep: those of users and
    those of everybody (prefix length 0).  A ban ends by itself after 24 days at the latest, which
    is all that an ipset can count; the daemon's next comparison lays it on again.
    """

    check_every = 0.25
    """Seconds between two looks: nobody tells of what is done to an ipset or a chain.

    A look takes 1.5 ms, and to wait for it is nearly all of what a repair takes.
    """

    def __init__(self, name: str, traffic: Traffic, size: int, clock: Clock) -> None:
        self._name = name
        self._traffic = traffic
        self._size = size
        self._clock = clock
        self._sets: Sets | None = None
        self._shapes: dict[int, tuple[bytes, ...]] = {}
        self._has_told = False
        # The members of each set after we last did something to it, and the last end of them all.
        self._counts: dict[int, int] = {}
        self._ends: dict[int, float] = {}
        self.unenforceable = 0

    def prepare(self) -> None:
        """Make sets, chains and jumps, or mend them; ActionError if a set is somebody else's."""
        self.close()  # a socket opened anew is of this thread's network namespace
        sets = Sets()
        try:
            for version in _VERSIONS:
                sets.make(set_of(self._name, version), version, self._size)
                chains = Chains(version)
                chain = chain_of(self._name)
                chains.install(chain, set_of(self._name, version), self._traffic)
                self._shapes[version] = chains.shape(chain)
        except BaseException:
            sets.close()
            raise
        self._sets = sets

    def apply(self, bans: Sequence[Ban]) -> None:
        """Add the sources with what they have left; Missing where the sets are gone."""
        sets = self._opened()
        sorted_bans = sort(bans, self._clock.now())
        self.unenforceable += sorted_bans.left_out
        timeouts: dict[int, dict[str, int]] = {}
        for prefix, ends in sorted_bans.ends.items():
            if prefix.length == 0:
                self.unenforceable += len(ends)
                continue
            nets = timeouts.setdefault(prefix.version, {})
            for address, left in ends.items():
                nets[f"{address}/{prefix.length}"] = self._timeout(left)
        for version, nets in timeouts.items():
            sets.put(set_of(self._name, version), version, nets)
            longest = self._clock.now() + max(left or LONGEST for left in nets.values())
            self._ends[version] = max(self._ends.get(version, 0.0), longest)
            self._counts[version] = sets.count(set_of(self._name, version))

    def takes(self, subject: Subject) -> bool:
        """Tell whether an ipset can keep a ban on this subject: not one on a user."""
        return subject.kind in (SubjectKind.IP, SubjectKind.NET)

    def lift(self, bans: Sequence[Ban]) -> None:
        """Delete the sources; where the sets are gone there is nothing to delete."""
        sets = self._opened()
        for version, gone in _nets(bans).items():
            try:
                sets.take(set_of(self._name, version), version, gone)
                self._counts[version] = sets.count(set_of(self._name, version))
            except Missing:
                continue

    def read(self) -> Mapping[Subject, float | None]:
        """Tell which sources are in the sets, and their ends to the second below.

        Missing if a chain, a rule, a jump or a set is not as ``prepare`` has left it: then nothing
        that the sets hold can be relied on.
        """
        sets = self._opened()
        found: dict[Subject, float | None] = {}
        for version in _VERSIONS:
            self._check_chain(version)
            now = self._clock.now()
            for net, left in sets.members(set_of(self._name, version)):
                found[subject_named(net)] = now + left if left else None
        return found

    def check(self) -> None:
        """Look whether chains and sets are there; Missing if not, or if a set was emptied.

        That a single member was deleted by hand is seen by the next comparison.
        """
        sets = self._opened()
        now = self._clock.now()
        for version in _VERSIONS:
            self._check_chain(version)
            count = sets.count(set_of(self._name, version))
            lasting = self._ends.get(version, 0.0) > now + _MARGIN
            if not count and self._counts.get(version) and lasting:
                raise Missing(f"ipset {set_of(self._name, version)} was emptied by somebody else")
            self._counts[version] = count

    def _check_chain(self, version: int) -> None:
        chain = chain_of(self._name)
        if Chains(version).shape(chain) != self._shapes[version]:
            raise Missing(
                f"chain {chain} in the raw table of IPv{version}, or the jump to it, is gone "
                "or was changed by somebody else"
            )

    def close(self) -> None:
        """Close the socket; the bans stay in force."""
        sets, self._sets = self._sets, None
        if sets is not None:
            sets.close()

    def _opened(self) -> Sets:
        if self._sets is None:
            raise Missing(f"action iptables of {self._name} is not prepared")
        return self._sets

    def _timeout(self, left: float | None) -> int:
        if left is None:
            return 0
        if left > LONGEST and not self._has_told:
            self._has_told = True
            _LOG.warning(
                "%s: an ipset counts at most %d seconds; longer bans are laid on again in between",
                self._name,
                LONGEST,
            )
        return min(math.ceil(left), LONGEST)


def build(spec: ActionSpec, clock: Clock) -> Iptables:
    """Make the enforcer that a jail asks for."""
    return Iptables(
        spec.value("name", str) or spec.jail,
        Traffic.asked(
            spec.value("protocol", tuple), spec.value("port", tuple), spec.value("type", str)
        ),
        spec.value("size", int),
        clock,
    )


def take(name: str, bans: Collection[Ban]) -> None:
    """Delete the sources from an enforcer's sets, as far as there are any."""
    sets = Sets()
    try:
        for version, gone in _nets(bans).items():
            with suppress(Missing):
                sets.take(set_of(name, version), version, gone)
    finally:
        sets.close()


def _nets(bans: Iterable[Ban]) -> dict[int, list[str]]:
    """Give what the bans are on, by the version of IP, as members of a set are written."""
    nets: dict[int, list[str]] = {}
    for prefix, addresses in sort(bans).ends.items():
        if prefix.length > 0:
            found = nets.setdefault(prefix.version, [])
            found += [f"{address}/{prefix.length}" for address in addresses]
    return nets


def sweep(keep: Collection[str]) -> list[str]:
    """Remove the chains and ipsets of enforcers that are none of these, and give their names."""
    gone: list[str] = []
    kept_chains = {chain_of(name) for name in keep}
    kept_sets = {set_of(name, version) for name in keep for version in _VERSIONS}
    for version in _VERSIONS:
        chains = Chains(version)
        for name in chains.names():
            if name.startswith(_OWN) and name not in kept_chains:
                chains.remove(name)
                gone.append(name)
    sets = Sets()
    try:
        for name in sets.names():
            if name.startswith(_OWN) and name not in kept_sets:
                sets.destroy(name)
                gone.append(name)
    finally:
        sets.close()
    return list(dict.fromkeys(gone))  # a chain's name is the same in both families
