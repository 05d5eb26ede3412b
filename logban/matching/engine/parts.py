# SPDX-License-Identifier: MIT
"""What becomes of each rule: its tree, where its captures are, and whether it can be written.

A rule is one of three:

- FAST: its captures are taken as they are;
- SLOW: what it matches is judged by the reference, line by line: rules whose lines are weighed with
  others (hearsay, sessions), or name nobody;
- GATED: it can't be written for PCRE2; a line that holds its literals goes to the reference.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Final

from logban.matching.compiled import HOST_GROUPS
from logban.matching.compiler import ExpressionError, Reading, expand
from logban.matching.definition import Rule
from logban.matching.engine.canonical import is_canonical, told_apart
from logban.matching.engine.entries import Pace
from logban.matching.engine.groups import (
    kept_groups,
    references_in,
    taken_at_once,
    times_taken,
)
from logban.matching.engine.parsing import parse
from logban.matching.engine.syntax import EMPTY, Group, InexpressibleError, Node, walk
from logban.matching.literals import required_literals

_WEIGHED: Final = frozenset({"ambiguous", "nofail", "mlfgained", "mlfid"})


@dataclass(slots=True)
class Part:
    """A rule on its way into the expression.

    ``before`` are the captures in front of those of its address, ``span`` the number of these.
    """

    rule: Rule
    pace: Pace = Pace.FAST
    node: Node = EMPTY
    before: int = 0
    span: int = 0
    is_canonical: bool = False


class Refusals:
    """Why rules are not written, by their names."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def note(self, rule: Rule, why: str) -> None:
        """Note why lines that a rule could match are the reference's, by their literals."""
        if not required_literals(rule.expression.text):
            raise InexpressibleError(f"{rule.name} {why}, and has no literal to tell its lines")
        self.reasons.setdefault(rule.name, why)


def part_of(
    rule: Rule, reading: Reading, prefix: Node | None, refusals: Refusals, *, fields: bool
) -> Part:
    """Tell what becomes of a rule behind a prefix; whether it captures more than an address."""
    part = Part(rule)
    try:
        part.node = parsed(rule.expression.text, reading)
    except InexpressibleError as error:
        refusals.note(rule, str(error))
        part.pace = Pace.GATED
        return part
    kept = list(kept_groups(part.node, set(HOST_GROUPS)).items())
    hosts = [at for at, (_, name) in enumerate(kept) if name in HOST_GROUPS]
    if _is_slow(part, prefix, [name for _, name in kept], hosts):
        part.pace = Pace.SLOW
        return part
    if not references_in(part.node) & {kept[at][0] for at in hosts}:
        part.node = told_apart(part.node)
    kept = list(kept_groups(part.node, set(HOST_GROUPS), fields=fields).items())
    hosts = [at for at, (_, name) in enumerate(kept) if name in HOST_GROUPS]
    part.before, part.span = hosts[0], len(hosts)
    part.is_canonical = is_canonical(kept[hosts[0]][0])
    return part


def _is_slow(part: Part, prefix: Node | None, kept: Items[str], hosts: Items[int]) -> bool:
    """Tell whether the reference has to weigh what a rule matches."""
    names = {each.name for each in walk(part.node) if isinstance(each, Group)}
    if prefix is not None:
        names |= {each.name for each in walk(prefix) if isinstance(each, Group)}
    if part.rule.hearsay or part.rule.witness or names & _WEIGHED:
        return True
    if not hosts or hosts[-1] - hosts[0] + 1 != len(hosts):
        return True  # no address, or other captures around it
    times = times_taken(part.node)
    if sum(times.get(name, 0) for name in HOST_GROUPS if name in kept) > 1 and (
        taken_at_once(part.node) > 1
    ):
        return True  # two addresses
    return any(count > 1 for name, count in times.items() if name and name in kept)


def parsed(text: str, reading: Reading) -> Node:
    """Give the tree of an expression as a filter has it; InexpressibleError if there is none."""
    try:
        return parse(expand(text, reading))
    except ExpressionError as error:
        raise InexpressibleError(str(error)) from error
