# SPDX-License-Identifier: MIT
r"""From a tree to PCRE2 that can't leave its line.

A block holds many lines, each ended by LF; the reference searches in one line, ended by LF, alone.
The rule that makes both the same: *nothing that is written here ever takes an LF*.  What takes no
LF can't look, or match, across the line's end, forwards or backwards.

Where an expression of the reference could take the line's own LF, it depends on what follows:

- something more has to follow: behind the LF there is nothing, so taking it leads nowhere, and the
  class goes without (``[^']*'``);
- nothing has to, but it may end here (``\s$``, ``(?=\s)``): then the class, or ``(?=\n)``, which
  stands before the LF as if behind it;
- anything else (``\s\b``) is left to the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from collections.abc import Sequence as Items
from enum import Enum
from typing import Final

from logban.matching.engine.behind import MAX_LOOKS_BEHIND, fixed_forms
from logban.matching.engine.spelling import times, written
from logban.matching.engine.syntax import (
    LF,
    At,
    Atomic,
    Back,
    Chars,
    Either,
    Greed,
    Group,
    InexpressibleError,
    Look,
    Mark,
    Node,
    Place,
    Repeat,
    Sequence,
    first_of,
    walk,
)
from logban.matching.engine.written import LONG

_PLACES: Final = {Place.END: r"(?=\n)", Place.BOUNDARY: r"\b", Place.NO_BOUNDARY: r"\B"}

COMMON_FROM: Final = (60, 40, 24)
COMMON_TIMES: Final = 3
"""Characters that a part has, and places in which it stands, for it to be written once only.

A call costs time, so shorter ones only are where the expression is too large otherwise.
"""

MANY_TIMES: Final = 8
"""Repetitions of a group from which on it is called rather than copied."""


Pads = Mapping[int, tuple[int, int]]
"""How many empty groups stand before and behind a group, to give it and others their numbers."""


class After(Enum):
    """What follows a node: something that takes text, nothing that has to, or who knows."""

    MORE = "more"
    FREE = "free"
    OTHER = "other"


UNSET: Final = "(){0}"
"""A group that never takes part, but counts."""


class Writer:
    """Writes trees as parts of one expression, and numbers their captures."""

    def __init__(self, captures: int = 0) -> None:
        self.captures = captures
        self.numbers: dict[int, list[int]] = {}
        self._kept: Collection[int] = ()
        self._pads: Pads = {}
        self._capturing = 0
        self._common: Counter[str] = Counter()
        self._guards: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._loops: dict[str, str] = {}

    def write(
        self,
        items: Items[Node],
        kept: Collection[int],
        pads: Pads | None = None,
        after: After = After.FREE,
    ) -> str:
        """Write what stands one behind the other; InexpressibleError if it can't be written.

        The groups that are to be ``kept`` are numbered, and their numbers added to ``numbers``.
        """
        self._kept, self._pads = kept, pads or {}
        return self._sequence(items, after)

    def _sequence(self, items: Items[Node], after: After) -> str:
        following = [after]
        for item in reversed(items[1:]):
            following.append(_what_follows(item, following[-1]))
        return "".join(map(self._write, items, reversed(following)))

    def _write(self, node: Node, after: After) -> str:  # noqa: C901, PLR0911  # one for each kind of node
        match node:
            case Chars():
                return self._chars(node, after)
            case At():
                if node.place not in _PLACES:
                    raise InexpressibleError("asks for the beginning elsewhere than in front")
                return _PLACES[node.place]
            case Sequence():
                return self._sequence(node.items, after)
            case Either():
                branches = "|".join(self._write(branch, after) for branch in node.branches)
                return f"(?:{branches})"
            case Repeat():
                return self._repeat(node, after)
            case Atomic():
                return f"(?>{self._write(node.body, after)})"
            case Group():
                return self._group(node, after)
            case Look():
                return self._look(node)
            case Mark():
                return f"(*MARK:{node.name})"
            case Back():
                if node.number not in self.numbers:
                    raise InexpressibleError("refers to a group that stands farther on")
                number = self.numbers[node.number][-1]
                return rf"(?i:\g{{{number}}})" if node.ignore_case else rf"\g{{{number}}}"

    def _chars(self, node: Chars, after: After) -> str:
        if LF not in node.chars or after is After.MORE:
            return written(node.chars - {LF})
        self._end_is_taken(after)
        return rf"(?:{written(node.chars - {LF})}|(?=\n))"

    def _end_is_taken(self, after: After) -> None:
        if after is After.OTHER:
            raise InexpressibleError("takes the line's end and looks at what is behind it")
        if self._capturing:
            raise InexpressibleError("captures the line's end")

    def _repeat(self, node: Repeat, after: After) -> str:
        if not isinstance(node.body, Chars):
            return self._repeat_many(node, after)
        least, most, greed = node.least, node.most, node.greed.value
        if most is not None and most >= LONG:
            most = None  # which is faster
        chars = written(node.body.chars - {LF})
        text = f"{chars}{times(least, most)}{greed}"
        if LF not in node.body.chars or after is After.MORE:
            return text
        self._end_is_taken(after)
        if least == 0:
            return text
        fewer = f"{chars}{times(least - 1, None if most is None else most - 1)}{greed}"
        return rf"(?:{text}|{fewer}(?=\n))"

    def _group(self, node: Group, after: After) -> str:
        if node.number not in self._kept:
            return f"(?:{self._write(node.body, after)})"
        leading, trailing = self._pads.get(node.number, (0, 0))
        self.captures += leading + 1
        self.numbers.setdefault(node.number, []).append(self.captures)
        self._capturing += 1
        body = self._write(node.body, after)
        if node.body.extent.least and self.captures == self.numbers[node.number][-1]:
            self._may_be_common(node.body, body, len(body))
        self._capturing -= 1
        self.captures += trailing
        return f"{UNSET * leading}({body}){UNSET * trailing}"

    def _may_be_common(self, node: Node, text: str, size: int) -> None:
        """Note a part that may stand in several places, and how to look first if it may match."""
        if node.extent.least == 0:
            # A condition, and no alternatives: these would be tried again where the rest fails.
            self._guards[text] = f"(?(?={written(first_of(node))}){{}})"
        else:
            self._guards[text] = f"(?={written(first_of(node))}){{}}"
        self._sizes[text] = max(size, len(text))
        self._common[text] += 1

    def _repeat_many(self, node: Repeat, after: After) -> str:
        """Write a repetition of more than a class."""
        least, most, greed = node.least, node.most, node.greed.value
        before = self.captures
        body = self._write(node.body, after)
        plain = self.captures == before
        if most is not None and most >= LONG and least == 0:
            most = None
        if plain and most is not None and most >= MANY_TIMES:
            text = self._many(self._called(body), node)
        else:
            text = f"(?:{body}){times(least, most)}{greed}"
        if plain and least == 0 and (most is None or most >= MANY_TIMES):
            if most is None:
                text = _unrolled(node, self, after) or text
            elif _is_a_run(node, after):
                text = _run_first(node, most, text)
            elif free := _unrolled(node, self, after):
                # Where the line has no more characters than that there can't be more of them.
                text = rf"(?(?=[^\n]{{0,{most}}}\n){free}|{text})"
        if plain:
            self._may_be_common(node, text, len(body) * max(least, most or 1))
        return text

    def _many(self, call: str, node: Repeat) -> str:
        """Write many repetitions: PCRE2 makes a copy of a group for each of them.

        n repetitions, n + 1 = a * b, are up to b - 1 times a of them, and up to a - 1 more: the
        same numbers in the same order.
        """
        least, most, greed = node.least, node.most, node.greed
        step = next((n for n in range(8, 33) if most and (most + 1) % n == 0), 0)
        if least or not most or not step:
            return f"(?:{call}){times(least, most)}{greed.value}"
        lazy = "?" if greed is Greed.LAZY else ""
        block = self._called(f"(?:{call}){{{step}}}")
        text = f"(?:{block}){{0,{(most + 1) // step - 1}}}{lazy}(?:{call}){{0,{step - 1}}}{lazy}"
        return f"(?>{text})" if greed is Greed.POSSESSIVE else f"(?:{text})"

    def _called(self, text: str) -> str:
        """Have a part written once, behind everything, and call it from here."""
        name = self._loops.setdefault(text, f"loop{len(self._loops)}")
        return f"(?P>{name})"

    def plain(self, node: Node) -> str:
        """Write a part in which nothing is captured, and behind which something follows."""
        return self._write(node, After.MORE)

    def shortened(self, text: str, least: int) -> str:
        """Write parts that stand in the text again and again once only, behind it.

        PCRE2 copies a group for every one of its counted repetitions, and takes no expression of
        more than 64 KiB.
        """
        parts = [
            part
            for part, times in self._common.items()
            if times >= COMMON_TIMES and self._sizes[part] >= least
        ]
        for number, part in enumerate(sorted(parts, key=len, reverse=True)):
            call = self._guards[part].format(f"(?P>part{number})")
            text = f"{text.replace(part, call)}(?(DEFINE)(?<part{number}>{part}))"
        loops = (f"(?<{name}>{part})" for part, name in self._loops.items())
        return f"{text}(?(DEFINE){''.join(loops)})" if self._loops else text

    def _look(self, node: Look) -> str:
        if node.ahead:
            sign = "!" if node.negative else "="
            capturing, self._capturing = self._capturing, 0
            before = self.captures
            body = self._write(node.body, After.FREE)
            if node.body.extent.least and self.captures == before:
                self._may_be_common(node.body, body, len(body))
            self._capturing = capturing
            return f"(?{sign}{body})"
        if any(isinstance(each, Group) and each.number in self._kept for each in walk(node.body)):
            raise InexpressibleError("captures what it looks back at")
        forms = fixed_forms(node.body)
        if not 0 < len(forms) <= MAX_LOOKS_BEHIND:
            raise InexpressibleError("looks behind in too many ways")
        sign = "!" if node.negative else "="
        return f"(?<{sign}{'|'.join(self._write(form, After.MORE) for form in forms)})"


def _unrolled(node: Repeat, writer: Writer, after: After) -> str:
    """Write a repetition without end so that a run of plain characters is one step; "" if not so.

    ``(?:(?!x)[cx])*`` is ``[c]*(?:(?!x)[x][c]*)*``, and ``(?:[c]|x)*+`` is ``[c]*+(?:x[c]*+)*+``:
    the same ends in the same order.
    """
    match node.body:
        case Sequence(items=(Look(ahead=True, negative=True) as look, Chars() as chars)):
            halting = chars.chars & first_of(look.body) - {LF}
            running = chars.chars - halting - {LF}
            if node.greed is Greed.LAZY or LF in chars.chars or not look.body.extent.needs:
                return ""
            own = Greed.POSSESSIVE.value if node.greed is Greed.POSSESSIVE else ""
            run, halt = f"{written(running)}*{own}", written(halting)
            return f"(?:{run}(?:{writer.plain(look)}{halt}{run})*{own})"
        case Either(branches=(Chars() as chars, other)) if _is_a_run(node, after):
            run = f"{written(chars.chars - {LF})}*+"
            return f"(?:{run}(?:{writer.plain(other)}{run})*+)"
        case _:
            return ""


def _is_a_run(node: Repeat, after: After) -> bool:
    """Tell whether a repetition is ``(?:[c]|x)*+``, where x begins with nothing of c."""
    match node.body:
        case Either(branches=(Chars() as chars, other)):
            return (
                node.greed is Greed.POSSESSIVE
                and not first_of(other) & chars.chars
                and other.extent.least > 0
                and (after is After.MORE or LF not in chars.chars)
            )
        case _:
            return False


def _run_first(node: Repeat, most: int, text: str) -> str:
    """Write a run that is counted so that plain characters, where they are all of it, are one step.

    Behind ``[c]{0,9}+``, where neither c nor x can follow, ``(?:[c]|x){0,9}+`` has ended as well.
    """
    match node.body:
        case Either(branches=(Chars() as chars, other)):
            run, further = chars.chars - {LF}, (chars.chars | first_of(other)) - {LF}
            return f"(?>{written(run)}{{0,{most}}}+(?!{written(further)})|{text})"
        case _:
            return text


def _what_follows(item: Node, after: After) -> After:
    """Tell what follows behind which an item stands, and behind that ``after``."""
    if after is After.MORE or item.extent.needs:
        return After.MORE
    for each in walk(item):
        if isinstance(each, Look) or (isinstance(each, At) and each.place is not Place.END):
            return After.OTHER
    return after
