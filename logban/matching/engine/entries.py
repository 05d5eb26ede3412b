# SPDX-License-Identifier: MIT
"""Rules ready to be written, and what they have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from logban.matching.engine.automaton import ends_in_one_place
from logban.matching.engine.factoring import grouped, literal, shared, takes_long, texts_in
from logban.matching.engine.groups import groups_in
from logban.matching.engine.spelling import written
from logban.matching.engine.syntax import ANY, Chars, Node, Sequence, first_of

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


def telling_text(entries: Items[Entry], done: int, asked: str = "") -> str:
    """Give a text that the rest of some rules needs and few others like them do; "" if none.

    Whether a line has it is asked first, where finding out otherwise may take many tries; of what
    has been ``asked`` already it is not.
    """
    rests = [entry.items[done:] for entry in entries]
    family = entries[0].family
    if not family or any(entry.family != family for entry in entries):
        return ""
    if not any(map(takes_long, rests)):
        return ""

    def needed_by(text: str) -> int:
        return sum(any(text in each for each in texts) for texts in family)

    texts = set.intersection(*(texts_in(rest) for rest in rests))
    times = {
        text: needed_by(text)
        for text in texts
        if len(text) >= MIN_TELLING and text != asked and not literal(rests[0]).startswith(text)
    }
    best = min(times, key=lambda text: (times[text], -len(text), text), default="")
    return best if best and times[best] * 2 <= len(family) else ""


def may_follow(entries: Items[Entry], done: int, others: Items[Entry]) -> bool:
    """Tell whether some line that begins as rules do may be for one of the others as well."""
    mine = entries[0].items[done:]
    return any(_may_both_begin(mine, other.items[done:]) for other in others)


def _may_both_begin(one: tuple[Node, ...], other: tuple[Node, ...]) -> bool:
    text, items = literal(one), other
    if not text:
        text, items = literal(other), one
    for item in items:
        if not text:
            return True
        begins = ord(text[0]) in first_of(item)
        if item.extent.least == 0:
            if begins:
                return True
            continue  # it is not there
        if not begins or not isinstance(item, Chars):
            return begins
        text = text[1:]
    return True


def holding(text: str) -> str:
    """Write that the rest of the line holds a text, or the end of it from a rare character on.

    All in front of that character is one step, and so the line is passed over fast.
    """
    rare = min(range(len(text) - MIN_TELLING + 1), key=lambda at: (not text[at].isupper(), at))
    first, rest = re.escape(text[rare]), re.escape(text[rare + 1 :])
    others = f"{written(ANY.chars - {ord(text[rare])})}*+"
    return f"(?={others}(?:{first}(?!{rest}){others})*+{first})"
