# SPDX-License-Identifier: MIT
"""Rules ready to be written, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from logban.matching.engine.automaton import ends_in_one_place
from logban.matching.engine.factoring import grouped, literal, shared, takes_long, texts_in
from logban.matching.engine.groups import groups_in
from logban.matching.engine.syntax import Node, Sequence

MIN_TELLING: Final = 6


class Pace(Enum):
    """What becomes of a line that a rule matches."""

    FAST = "fast"
    SLOW = "slow"
    GATED = "gated"


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule ready to be written: its items, the groups that are kept, and their padding.

    It may be several rules that are one (see ``merging``); each leaves its mark by itself then.
    """

    numbers: tuple[int, ...]
    pace: Pace
    items: tuple[Node, ...]
    kept: dict[int, str]
    pads: dict[int, tuple[int, int]]
    gate: str
    family: tuple[frozenset[str], ...] = ()


def run_from(entries: Items[Entry], at: int, done: int) -> tuple[int, int]:
    """Give how many rules from one on begin with the same items, and how many items these are."""
    first = entries[at]
    best = (1, 0)
    common = len(first.items) - done
    for number in range(at + 1, len(entries)):
        other = entries[number]
        common = min(common, shared(first.items[done:], other.items[done:]))
        while common and not _may_share(entries[at : number + 1], done, common):
            common -= 1
        if not common:
            break
        best = (number + 1 - at, common)
    return best


def _may_share(entries: Items[Entry], done: int, common: int) -> bool:
    items = entries[0].items[done : done + common]
    groups = {each.number for each in groups_in(items)}
    wanted = {
        (
            frozenset(groups & entry.kept.keys()),
            *(entry.pads.get(group) for group in sorted(groups)),
        )
        for entry in entries
    }
    if len(wanted) > 1:
        return False
    if not all(Sequence(entry.items[done + common :]).extent.needs for entry in entries):
        return False
    return ends_in_one_place(items)


def reordered(entries: Items[Entry]) -> list[Entry]:
    """Put rules together that begin with the same text, where that changes nothing."""
    order = None
    if all(entry.pace is not Pace.GATED for entry in entries):
        order = grouped([literal(entry.items) for entry in entries])
    return [entries[number] for number in order] if order else list(entries)


def told_by_texts(entries: Items[Entry]) -> list[Entry]:
    """Note of each rule what texts those need that begin like it."""
    families: dict[str, list[frozenset[str]]] = {}
    for entry in entries:
        families.setdefault(literal(entry.items), []).append(frozenset(texts_in(entry.items)))
    return [replace(entry, family=tuple(families[literal(entry.items)])) for entry in entries]


def telling_text(entry: Entry, done: int) -> str:
    """Give a text that the rest of a rule needs and few others like it do; "" if there is none.

    Whether a line has it is asked first, where finding out otherwise may take many tries.
    """
    rest = entry.items[done:]
    if not entry.family or not takes_long(rest):
        return ""

    def needed_by(text: str) -> int:
        return sum(any(text in each for each in texts) for texts in entry.family)

    texts = [text for text in texts_in(rest) if len(text) >= MIN_TELLING]
    times = {text: needed_by(text) for text in texts if not literal(rest).startswith(text)}
    best = min(times, key=lambda text: (times[text], -len(text), text), default="")
    return best if best and times[best] * 2 <= len(entry.family) else ""
