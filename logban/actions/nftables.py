# SPDX-License-Identifier: MIT
"""The ``nftables`` action: a chain and timed sets of its own in table ``inet logban``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from logban.actions import nft_script as script
from logban.actions.declaration import ActionSpec
from logban.actions.faults import Missing
from logban.actions.networks import Prefix, sort, subject_of
from logban.actions.nft_runner import Library, Runner, open_runner
from logban.actions.traffic import Traffic
from logban.clock import Clock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind

# Elements in a transaction: speed is the same from 1 000 to 20 000, and while the kernel works on
# one nobody else can change its tables.
_CHUNK = 10_000


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
        self._prefixes = set(script.STANDARD)
        self._shape: tuple[str, ...] = ()
        self.unenforceable = 0

    def prepare(self) -> None:
        """Make table, sets and chain, or mend them; ActionError if somebody else made a set."""
        self.close()  # a socket opened anew is of this thread's network namespace
        runner = open_runner(self._library)
        try:
            self._prefixes |= self._find_sets(runner)
            self._lay_out(runner)
        except BaseException:
            runner.close()
            raise
        self._runner = runner

    def apply(self, bans: Sequence[Ban]) -> None:
        """Add the sources with what they have left; Missing where the sets are gone."""
        runner = self._opened()
        sorted_bans = sort(bans, self._clock.now())
        self.unenforceable += sorted_bans.left_out
        new = sorted_bans.ends.keys() - self._prefixes
        if new:
            self._prefixes |= new
            try:
                self._lay_out(runner)
            except ActionError:
                self._prefixes -= new
                raise
        for prefix, ends in sorted_bans.ends.items():
            word = script.set_of(self._name, prefix)
            rest = iter(ends.items())
            while chunk := dict(islice(rest, _CHUNK)):
                runner.run(script.put(word, chunk))

    def takes(self, subject: Subject) -> bool:
        """Tell whether a packet filter can keep a ban on this subject: not one on a user."""
        return subject.kind in (SubjectKind.IP, SubjectKind.NET)

    def lift(self, bans: Sequence[Ban]) -> None:
        """Delete the sources; where the sets are gone there is nothing to delete."""
        runner = self._opened()
        for prefix, addresses in sort(bans).ends.items():
            if prefix not in self._prefixes:
                continue
            word = script.set_of(self._name, prefix)
            rest = iter(addresses)
            while chunk := list(islice(rest, _CHUNK)):
                try:
                    runner.run(script.take(word, chunk))
                except Missing:
                    break

    def read(self) -> Mapping[Subject, float | None]:
        """Tell which sources are in the sets, and their ends to the second below.

        Missing if the chain, a rule or a set is not as ``prepare`` has left it: then nothing that
        the sets hold can be relied on.
        """
        runner = self._opened()
        # One command: nft 1.0.6 can't list a chain and a set in one batch, and one alone makes it
        # fetch the whole table all the same.
        listing = script.parse(runner.run(f"list table {script.TABLE}", json_output=True))
        now = self._clock.now()
        if script.shape(self._name, listing) != self._shape:
            raise Missing(
                f"chain {script.chain_of(self._name)} in table {script.TABLE} is gone or was "
                "changed by somebody else"
            )
        # The sets are there, then: the kernel keeps those that a rule names.
        found: dict[Subject, float | None] = {}
        for item in script.objects(listing, "set"):
            prefix = script.prefix_of(self._name, str(item["name"]))
            if prefix is None:
                continue
            for address, left in script.elements(item):
                found[subject_of(prefix, address)] = None if left is None else now + left
        return found

    def close(self) -> None:
        """Free the library's context; the bans stay in force."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()

    def _opened(self) -> Runner:
        if self._runner is None:
            raise Missing(f"action nftables of {self._name} is not prepared")
        return self._runner

    def _lay_out(self, runner: Runner) -> None:
        prefixes = sorted(self._prefixes)
        runner.run(script.layout(self._name, prefixes, self._traffic, self._size))
        chain = f"list chain {script.TABLE} {script.chain_of(self._name)}"
        listing = script.parse(runner.run(chain, json_output=True, terse=True))
        self._shape = script.shape(self._name, listing)

    def _find_sets(self, runner: Runner) -> set[Prefix]:
        """Find the sets that an earlier run left, so that its bans of odd lengths keep a rule."""
        found: set[Prefix] = set()
        listing = script.parse(runner.run("list sets inet", json_output=True, terse=True))
        for item in script.objects(listing, "set"):
            word = str(item["name"])
            prefix = script.prefix_of(self._name, word)
            if prefix is None:
                continue
            flags = item.get("flags", [])
            if item["type"] != script.element_type(prefix) or flags not in ("timeout", ["timeout"]):
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
