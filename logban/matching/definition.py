# SPDX-License-Identifier: MIT
"""What a filter says, as read from its files and not yet compiled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from logban.matching.compiler import SINGLE_LINES, Reading
from logban.model import Origin

WRAPPED: Final = "wrapped"
"""The capture in a message's beginning of what a container's runtime wrote behind its date."""

MOST_WRAPPING: Final = 48
"""How many times its bytes a message of nothing but line breaks takes there.

A runtime writes up to 45 before each: 2026-01-01T00:00:00.000000000+00:00 stdout F, and a blank.
"""


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression in fail2ban's dialect, with its tags, and where it stands."""

    text: str
    origin: Origin


class Proof(StrEnum):
    """What shows that a rule's lines name the true source: one UDP packet can bear any address.

    ``RESPONSE``: the peer answered a challenge, which only reaches the true source.
    ``CONNECTION``: the protocol runs over a connection, whose handshake reaches only the true
    source.  ``TRANSPORT``: so it is if the transport that the line names is a connection.
    """

    NONE = "none"
    RESPONSE = "response"
    CONNECTION = "connection"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True)
class Rule:
    """One failregex or successregex: its name, and the kind of failure ("" where nobody said).

    ``hearsay`` says that the address is one that the peer told; it is believed only if the next
    failure of the same thread names it too, or a witness does: a line of a ``witness`` rule, which
    is no failure itself.  ``success`` says that the line tells of somebody who got in.  ``weight``
    is what a failure weighs, where that is not what its kind says.
    """

    name: str
    expression: Expression
    kind: str = ""
    proof: Proof = Proof.NONE
    hearsay: bool = False
    witness: bool = False
    success: bool = False
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A message that may hold line breaks of the peer's, and thereby lines of his making.

    ``begin`` is found in its first line, ``end`` in its last one (None: that may look like
    anything); the whole message has at most ``size`` bytes.  ``cut``: the program cuts a longer one
    there.  ``late``: the address stands behind the peer's text.  ``twice``: what holds line breaks
    is always logged twice.  ``neighbours``: the messages are of a pool of threads, whose numbers
    are no farther apart than that.
    """

    name: str
    begin: Expression
    end: Expression | None
    size: int
    cut: bool = False
    late: bool = False
    twice: bool = False
    neighbours: int = 0

    @property
    def longest(self) -> int:
        """The bytes that it has at most, in whatever form it comes."""
        is_wrappable = f"<F-{WRAPPED.upper()}>" in self.begin.text
        return self.size * MOST_WRAPPING if is_wrappable else self.size


@dataclass(frozen=True, slots=True)
class JsonText:
    """How a line that is a JSON object is turned into the text that the expressions are for.

    ``begin`` is what may stand before the object; ``text`` names values of it: ``{logmsg.level}``.
    """

    text: str
    begin: Expression | None = None


@dataclass(frozen=True, slots=True)
class FilterDefinition:
    """All that a filter says; includes, interpolation and tags other than the above are resolved.

    ``date_patterns`` is empty where the filter names none: the default formats are tried then.
    ``attempt`` are the captures that tell one attempt's lines from another's; without any, every
    line is an attempt.  ``reading`` is how all expressions but those of quotes are read.
    """

    name: str
    origin: Origin
    rules: tuple[Rule, ...]
    ignore: tuple[Expression, ...] = ()
    prefix: Expression | None = None
    date_patterns: tuple[Expression, ...] = ()
    quotes: tuple[Quote, ...] = ()
    json: JsonText | None = None
    attempt: tuple[str, ...] = ()
    reading: Reading = SINGLE_LINES
