# SPDX-License-Identifier: MIT
"""One setting of the configuration, a row of a table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Setting(Generic[T_co]):
    """One key: how its text is read, what holds where nobody writes it, what it is for.

    ``parse`` raises ValueError with a sentence.  Where a setting is a list it reads one entry.
    ``ignored`` says why a key of fail2ban is taken and not followed; "" where it is followed.
    """

    name: str
    parse: Callable[[str], T_co]
    default: T_co
    doc: str
    unit: str = ""
    allowed: str = ""
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A key that means something only where another value refers to it with ``%(name)s``."""

    name: str
    default: str
    doc: str
