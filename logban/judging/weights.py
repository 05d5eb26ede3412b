# SPDX-License-Identifier: MIT
"""What a failure weighs: by its kind, by what was tried before, and by the pace of it.

The unit is a plain wrong password.  ``maxretry`` is the sum of weights that bans, so a jail whose
filter tells no kinds counts failures, as fail2ban does.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from logban.model import Failure

WRONG_PASSWORD: Final = "wrong-password"  # noqa: S105  # the name of a kind
UNKNOWN_USER: Final = "unknown-user"
CALL_REJECTED: Final = "call-rejected"
PROBE: Final = "probe"
MISDIALLED: Final = "misdialled"
PASSING_KINDS: Final = frozenset({"malformed", "tls"})
"""What broken telephones and health checks do all day, and nothing can be guessed by."""

KINDS: Final[Mapping[str, float]] = {
    WRONG_PASSWORD: 1.0,
    UNKNOWN_USER: 1.25,
    CALL_REJECTED: 1.0,
    # As an unknown user, where one place asks for several names.
    PROBE: 1.25,
    # He is known, by his password or as a trunk: a carrier's calls to a number that is gone.
    MISDIALLED: 0.0,
    "acl": 1.0,
    "flood": 1.0,
    "blocked": 1.0,
    "blacklisted": 1.5,
    "scan": 2.5,
    "sqli": 2.5,
    # Broken telephones and health checks do these as well.
    "malformed": 0.5,
    "tls": 0.5,
}
"""What each kind weighs; a kind that is not here weighs 1.  What weighs nothing is not charged."""

PREMIUM: Final = 3.0
"""What a call weighs that was to leave the system, by an international prefix or the like."""

LONG_NUMBER: Final = 1.5
"""What a call to any other number weighs that is too long for an extension."""

MAX_WEIGHT: Final = 250.0

# By how many others were tried from there already: the first three may be a guest's slips.
_NOVELTY: Final = (1.0, 1.0, 1.25, 1.75)

FREE_TRIES: Final = 3
"""Tries with one user's name that weigh full, whatever their pace."""

PHONE_PACE: Final = 10.0
"""Seconds between two tries, on an average, from which on it may be a telephone that retries."""

# Of maxretry, what all of the tries at a telephone's pace come to, beside the first three.
_PACED_SHARE: Final = 0.25

_SPARE: Final = re.compile(r"[\s().-]+")
_LEAVES: Final = re.compile(
    r"""(?: [\#*]?\d? (?:00|011|810|0011|0\+|\+)   # an international prefix, maybe behind 9 or 0
          | 90{1,4} | 0{3,} | \d?900 )
        [1-9]\d{6,}""",
    re.VERBOSE | re.ASCII,
)
_LONGEST_EXTENSION: Final = 7
_CALLED: Final = re.compile(r"(?:sips?|tel):([^@;?<>\s]{1,128})", re.IGNORECASE)


PASSING: Final = 65535
"""Stands, where a name or number could, for what is of no account a day later."""


@lru_cache(maxsize=16384)
def what_of(text: str) -> int:
    """Give a number of 16 bits that stands for a name or number that was tried.

    It is never 0, which stands for none, nor ``PASSING``.
    """
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % (PASSING - 1) + 1


@lru_cache(maxsize=4096)
def number_factor(number: str) -> float:
    """Say by what the number that somebody wanted to call makes the call weigh more."""
    digits = _SPARE.sub("", number)
    if _LEAVES.fullmatch(digits):
        return PREMIUM
    if digits.lstrip("+*#").isdecimal() and len(digits) > _LONGEST_EXTENSION:
        return LONG_NUMBER
    return 1.0


def novelty(others: int) -> float:
    """Say what another name weighs where so many others were tried from there."""
    return _NOVELTY[others] if others < len(_NOVELTY) else _NOVELTY[-1]


def pace(gap: float, *, limit: float, findtime: float, names: int) -> float:
    """Say what a try with a name weighs that is tried every ``gap`` seconds on an average.

    Steady tries at a telephone's pace never come to ``limit`` within ``findtime``, however long
    they go on: a window of days is for those.
    """
    if gap < PHONE_PACE:
        return 1.0
    return min(1.0, _PACED_SHARE * limit * gap / (findtime * max(1, names)))


def called(failure: Failure) -> str:
    """Give the number that somebody called, as such or in a URI; "" if it is not told.

    Asterisk's security events have it where other events have the user.
    """
    fields = failure.fields
    number = fields.get("number", "")
    if not number and "uri" in fields:
        found = _CALLED.match(fields["uri"])
        number = "" if found is None else found[1]
    if not number and failure.kind == CALL_REJECTED:
        number = fields.get("user", "")
    return number
