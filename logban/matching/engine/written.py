# SPDX-License-Identifier: MIT
"""What is written of a filter for PCRE2; by whom, stands in ``writing``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from logban.matching.gates import LiteralSets

SLOW_MARK: Final = "!"
"""The mark of a record that is the reference's to judge."""

LONG: Final = 1000
"""Characters that no line has which the engine is given."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A rule's captures: which numbers hold which field, in the order of the reference's fields."""

    columns: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def all(self) -> Iterator[int]:
        """Give the numbers of all."""
        for _, numbers in self.columns:
            yield from numbers


@dataclass(slots=True)
class Program:
    r"""A filter for the engine: the expression, what its captures are, what is not in it and why.

    ``texts`` are the expression in several sizes, the fastest first: PCRE2 takes 64 KiB at most.
    It matches nothing, somewhere in a line of interest (``\K``).  ``columns`` are the captures of
    all rules that are asked for; of those that ``may_be_empty`` it has to be told from what they
    are whether they are there.  ``unusual`` (0: there is none) is set unless what was found is the
    failure of an address in its canonical form.  ``doubts`` is found in lines that are not for the
    engine.
    """

    texts: tuple[str, ...]
    thread: tuple[int, ...]
    address: tuple[int, ...]
    date: tuple[int, ...]
    success: int
    unusual: int
    columns: tuple[int, ...]
    may_be_empty: frozenset[int]
    prefix_fields: Fields
    fields: dict[int, Fields]
    refused: dict[str, str] = field(default_factory=dict)
    doubts: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """How messages of several lines begin: by an expression, and holding some literals.

    A line that matches no rule and may begin such a message is the reference's.
    """

    begin: str
    literals: LiteralSets
