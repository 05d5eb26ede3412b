# SPDX-License-Identifier: MIT
"""The ``nftables`` action: a chain and timed sets of its own in table ``inet logban``."""

from __future__ import annotations

import logging
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from logban.actions.declaration import ActionSpec
from logban.actions.networks import Prefix, sort, subject_of
from logban.actions.nftables import reading, script
from logban.actions.nftables.elements import Elements
from logban.actions.nftables.monitor import Monitor
from logban.actions.nftables.nfnetlink import Requests
from logban.actions.nftables.runner import Library, ProgramRunner, Runner, open_runner
from logban.actions.protocols import Missing
from logban.actions.traffic import Traffic
from logban.clock import Clock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind

_LOG = logging.getLogger(__name__)
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

_MANY = 1000


class Nftables:
    """Drops what banned sources send, before conntrack sees it.

    ``unenforceable`` counts the bans of users that it was given, which no packet filter can keep.
    """

    def __init__(
        self, name: str, traffic: Traffic, size: int, library: Library, clock: Clock
    ) -> None:
        self._name = name
        self._traffic = traffic
        self._size = size
        self._library = library
        self._clock = clock
        self._runner: Runner | None = None
        self._kernel: Requests | None = None
        self._elements: Elements | None = None
        self._monitor: Monitor | None = None
        self._prefixes = set(script.STANDARD)
        self._shape: reading.Shape = ()
        self.unenforceable = 0

    def prepare(self) -> None:
        """Make table, sets and chain, or mend them; ActionError if somebody else made a set."""
        self._let_go()  # a socket opened anew is of this thread's network namespace
        try:
            self._runner = open_runner(self._library)
            self._kernel = Requests()
            self._elements = Elements()
            self._listen(self._runner)
            # By itself: a table that somebody has put to sleep can't be woken by the transaction
            # that makes its chains anew.
            self._runner.run(script.TABLE_MADE)
            self._prefixes |= self._find_sets(self._kernel)
            self._lay_out(self._runner, self._kernel)
            if self._monitor is not None:  # a socket has a port once something was sent
                self._monitor.ignore_own()
        except BaseException:
            self._let_go()
            raise

    def apply(self, bans: Sequence[Ban]) -> None:
        """Add the sources with what they have left; Missing where the sets are gone."""
        self._add(bans, are_absent=False)

    def fill(self, bans: Sequence[Ban]) -> None:
        """Do the same with sources that are in no set, in a third of the time."""
        self._add(bans, are_absent=True)

    def _add(self, bans: Sequence[Ban], *, are_absent: bool) -> None:
        runner, kernel, elements = self._opened()
        if self._monitor is not None and len(bans) >= _MANY:
            self._monitor.ignore_own()  # the library may have opened another socket since
        sorted_bans = sort(bans, self._clock.now())
        self.unenforceable += sorted_bans.left_out
        new = sorted_bans.ends.keys() - self._prefixes
        if new:
            self._prefixes |= new
            try:
                self._lay_out(runner, kernel)
            except ActionError:
                self._prefixes -= new
                raise
        for prefix, ends in sorted_bans.ends.items():
            write = elements.add if are_absent else elements.put
            write(script.set_of(self._name, prefix), prefix, ends)

    def takes(self, subject: Subject) -> bool:
        """Tell whether a packet filter can keep a ban on this subject: not one on a user."""
        return subject.kind in (SubjectKind.IP, SubjectKind.NET)

    def lift(self, bans: Sequence[Ban]) -> None:
        """Delete the sources; where the sets are gone there is nothing to delete."""
        _, _, elements = self._opened()
        for prefix, addresses in sort(bans).ends.items():
            if prefix in self._prefixes:
                with suppress(Missing):
                    elements.take(script.set_of(self._name, prefix), prefix, addresses)

    def read(self) -> Mapping[Subject, float | None]:
        """Tell which sources are in the sets, and their ends to the second below.

        Missing if the chain, a rule or a set is not as ``prepare`` has left it: then nothing that
        the sets hold can be relied on.
        """
        _, kernel, _ = self._opened()
        self._check_shape(kernel)
        # The sets are there, then: the kernel keeps those that a rule names.
        found: dict[Subject, float | None] = {}
        for prefix in self._prefixes:
            word = script.set_of(self._name, prefix)
            now = self._clock.now()
            family, text = _FAMILY[prefix.version], socket.inet_ntop
            elements = reading.elements(kernel, word)
            if prefix.version == 4 and prefix.is_whole:  # nearly all, and in one spelling
                found |= {
                    Subject(SubjectKind.IP, text(family, key)): None if left is None else now + left
                    for key, left in elements
                }
                continue
            for key, left in elements:
                subject = subject_of(prefix, text(family, key))
                found[subject] = None if left is None else now + left
        return found

    def news(self) -> int | None:
        """Give the descriptor that becomes readable when nftables was changed."""
        return None if self._monitor is None else self._monitor.fileno()

    def hear(self) -> bool:
        """Tell whether others have changed what is held here since this was last asked.

        Missing if the chain is not as it was: that can be told in no time.
        """
        if self._monitor is None or not self._monitor.hear():
            return False
        _, kernel, _ = self._opened()
        self._check_shape(kernel)
        return True

    def _check_shape(self, kernel: Requests) -> None:
        """Look whether chain and rules are as they were made; Missing if not."""
        chain = script.chain_of(self._name)
        if reading.shape(kernel, chain) != self._shape:
            raise Missing(
                f"chain {chain} in table {script.TABLE} is not as it was made: somebody else "
                "has changed it"
            )

    def close(self) -> None:
        """Free the library's context; the bans stay in force."""
        self._let_go()
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()

    def _let_go(self) -> None:
        for each in (self._runner, self._kernel, self._elements):
            if each is not None:
                each.close()
        self._runner = self._kernel = self._elements = None

    def _opened(self) -> tuple[Runner, Requests, Elements]:
        if self._runner is None or self._kernel is None or self._elements is None:
            raise Missing(f"action nftables of {self._name} is not prepared")
        return self._runner, self._kernel, self._elements

    def _listen(self, runner: Runner) -> None:
        """Have the kernel tell of changes by others; without that, one is noticed in a minute."""
        try:
            if self._monitor is None:
                # Each start of the program has a port of its own, so its bans are like another's.
                elements = not isinstance(runner, ProgramRunner)
                self._monitor = Monitor(self._is_own, elements=elements)
        except OSError as error:
            _LOG.warning("%s: the kernel does not tell of changes: %s", self._name, error)

    def _is_own(self, word: str) -> bool:
        own_set = script.prefix_of(self._name, word) is not None
        return own_set or word == script.chain_of(self._name)

    def _lay_out(self, runner: Runner, kernel: Requests) -> None:
        prefixes = sorted(self._prefixes)
        runner.run(script.layout(self._name, prefixes, self._traffic, self._size))
        self._shape = reading.shape(kernel, script.chain_of(self._name))

    def _find_sets(self, kernel: Requests) -> set[Prefix]:
        """Find the sets that an earlier run left, so that its bans of odd lengths keep a rule."""
        found: set[Prefix] = set()
        for word, version in reading.sets(kernel):
            prefix = script.prefix_of(self._name, word)
            if prefix is None:
                continue
            if version != prefix.version:
                raise ActionError(
                    f"set {word} in table {script.TABLE} was made by somebody else: it is "
                    f"no set of type {script.element_type(prefix)} with `flags timeout` alone, so "
                    "bans in it would not end. Delete it (nft delete set "
                    f"{script.TABLE} {word}) or give the action another name="
                )
            found.add(prefix)
        return found


def build(spec: ActionSpec, clock: Clock) -> Nftables:
    """Make the enforcer that a jail asks for."""
    return Nftables(
        spec.value("name", str) or spec.jail,
        Traffic.asked(
            spec.value("protocol", tuple), spec.value("port", tuple), spec.value("type", str)
        ),
        spec.value("size", int),
        Library(spec.value("library", str)),
        clock,
    )


def take(name: str, bans: Collection[Ban]) -> None:
    """Delete the sources from an enforcer's sets, as far as there are any."""
    elements = Elements()
    try:
        for prefix, addresses in sort(bans).ends.items():
            with suppress(Missing):
                elements.take(script.set_of(name, prefix), prefix, addresses)
    finally:
        elements.close()


def sweep(keep: Collection[str], library: Library = Library.AUTO) -> list[str]:
    """Remove the chains and sets of enforcers that are none of these, and give their names."""
    runner = open_runner(library)
    try:
        gone: list[str] = []
        commands: list[str] = []
        for kind in ("chain", "set"):  # a set can go when no rule names it any more
            answer = runner.run(f"list {kind}s inet", json_output=True, terse=True)
            for item in script.objects(script.parse(answer), kind):
                word = str(item["name"])
                if script.is_foreign(word, keep, is_chain=kind == "chain"):
                    gone.append(word)
                    commands.append(f"delete {kind} {script.TABLE} {word}\n")
        if commands:
            runner.run("".join(commands))
        return gone
    finally:
        runner.close()
