# SPDX-License-Identifier: MIT
"""Which lines tell of one and the same attempt, so that it counts once.

A server may write several lines about one attempt: Asterisk's pjsip writes up to three notices
and three security events for one registration of an unknown user, and the same line may stand in
two files.  Two lines are of one attempt if

- they name the same address, at most a second apart,
- no field that tells attempts apart (``callid``, ``port``, ...) is known of both and differs, and
- they are by different rules or from different files; or one call or session is known of both.

An attempt takes in a limited number of lines: a peer who calls all his attempts the same does not
get away with it.

What is remembered is in two halves, of all addresses and of each.  When the newer one is full, the
older one is forgotten whole: to forget costs nothing for each line.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from logban.addresses import CanonicalAddress
from logban.judging.counting.attempt import HALF, SPAN, Alike, Shape, Unlike, Values
from logban.model import Failure

MAX_ADDRESSES: Final = 20_000
"""Addresses whose attempts are remembered: an attempt is over within a second or two."""

MAX_SHAPES: Final = 1000
"""Combinations of captures that are remembered; a filter has about as many as rules."""

LONG: Final = 200
"""Characters of a value that are kept; of a longer one, what tells it from others."""

LONG_LINE: Final = 1000
"""Characters of a line from which on its values are looked at for long ones."""

_First = tuple[Shape, Values, float, str, str, bool]
"""The first attempt of an address: which fields it knows, their values, and what a `Single` has."""

_OfAddress = _First | Alike | Unlike


class Attempts:
    """The last attempts of each address; of too many addresses, the quietest are forgotten."""

    def __init__(self, telling: tuple[str, ...], max_addresses: int = MAX_ADDRESSES) -> None:
        """``telling`` are the fields that tell attempts apart; without any, each line is one."""
        self.proves = False
        """Whether the last repeat has proved what the lines before it had not."""
        self.dropped = 0
        """Addresses that were forgotten while their attempts may have gone on."""
        self._telling = telling
        self._half = max(1, max_addresses // 2)
        self._turned = float("-inf")
        self._recent: dict[CanonicalAddress, _OfAddress] = {}
        self._before: dict[CanonicalAddress, _OfAddress] = {}
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._names: tuple[str, ...] = ()
        self._shape = Shape(())
        self._shapes_by_names: dict[tuple[str, ...], Shape] = {}

    def is_repeat(self, failure: Failure, time: float) -> bool:
        """Tell whether a failure is of an attempt that was seen already, and remember it."""
        if not self._telling:
            return False
        fields = failure.fields
        names = tuple(fields)
        if names == self._names:  # as the line before it, nearly always
            shape = self._shape
        else:
            self._names = names
            shape = self._shape = self._shapes.get(names) or self._shape_of(fields)
        values = shape.read(fields)
        if len(failure.line) > LONG_LINE:
            values = tuple(map(_shortened, values))
        address = failure.address
        known = self._recent.get(address)
        if known is None:
            known = self._before.pop(address, None)
            if len(self._recent) >= self._half:
                self._turn(time)
            if known is None:
                self._recent[address] = (
                    shape, values, time, failure.rule, failure.source, failure.proven
                )  # fmt: skip
                return False
        elif type(known) is Alike and known.shape is shape:
            recent = known.recent
            if values not in recent and values not in known.before:
                if len(recent) + known.further >= HALF:
                    recent = known.turn()
                recent[values] = (time, failure.rule, failure.source, failure.proven)
                return False
        if isinstance(known, tuple):
            first, its_values, at, rule, source, proven = known
            known = Alike(first, its_values, (at, rule, source, proven))
        if isinstance(known, Alike) and known.shape is not shape:
            known = Unlike(known)
        self._recent[address] = known
        proves = known.meet(failure, time, shape, values)
        self.proves = bool(proves)
        return proves is not None

    def _turn(self, time: float) -> None:
        if time - self._turned <= SPAN:
            self.dropped += len(self._before)
        self._turned = time
        self._before, self._recent = self._recent, {}

    def _shape_of(self, fields: Mapping[str, str]) -> Shape:
        """Give which of the telling fields are among some."""
        names = tuple(name for name in self._telling if fields.get(name) is not None)
        shape = self._shapes_by_names.get(names)
        if shape is None:
            shape = self._shapes_by_names[names] = Shape(names)
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        self._shapes[tuple(fields)] = shape
        return shape


def _shortened(value: str) -> str:
    if len(value) <= LONG:
        return value
    told = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return value[:LONG] + told
