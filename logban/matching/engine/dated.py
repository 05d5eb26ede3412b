# SPDX-License-Identifier: MIT
"""How lines may begin that the engine takes: with dates that are certain, or with none.

Certain is a date of which there is no doubt what the reference makes of it: whole, in the first
form of the defaults that could be meant, and possible.  All others are the reference's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_FRACTION: Final = r"(?:[.,][0-9]{1,9})?"
# No 29 February, which not every year has.
_NUMBERS: Final = (
    r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)"
)
_NAMES: Final = (
    r"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?:[ 0][1-9]|1[0-9]|2[0-8])"
    r"|(?:Jan|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?:29|30)"
    r"|(?:Jan|Mar|May|Jul|Aug|Oct|Dec) 31)"
)
# ISO 8601, of this century.
_ISO: Final = rf"20[0-9]{{2}}-{_NUMBERS}[T ]{_CLOCK}{_FRACTION}"
_SYSLOG: Final = rf"{_NAMES} {_CLOCK}{_FRACTION}"
_OFFSET: Final = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
# What may stand behind the blank that ends a date: nothing that the date's form would go on with.
_NO_OFFSET: Final = r"(?= (?![Zz](?![0-9A-Za-z_])|UTC|GMT|[+-]|[\x09-\x0d\x1c-\x20]))"
_NO_YEAR: Final = r"(?= (?![0-9]{4}))"


@dataclass(frozen=True, slots=True)
class Head:
    """How a line may begin: what stands before the date and stays, and the date itself."""

    before: str
    date: str
    behind: str


DATED: Final = (
    Head("[", rf"{_ISO}|{_SYSLOG}", r"(?=\])"),
    Head("", rf"{_ISO}{_OFFSET}(?= )|{_ISO}{_NO_OFFSET}|{_SYSLOG}{_NO_YEAR}", ""),
)
UNDATED: Final = (Head("", "", ""),)
