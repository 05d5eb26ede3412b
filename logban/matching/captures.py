# SPDX-License-Identifier: MIT
"""What the groups of an expression say: who failed, and what else is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from logban.addresses import CanonicalAddress, canonical_address
from logban.text import visible

FLAGS: Final = frozenset({"nofail", "mlfgained", "mlfforget"})
"""Groups that say something of the line, and nothing of who failed."""

_ALTERNATE: Final = re.compile(r"(alt|tuple)_(.*?)(?:_[0-9]+)?")
_HEX: Final = "_hex"
_TARGETS: Final = {"id": "fid", "port": "fport"}


class Host(NamedTuple):
    """Who failed: an address, or else the text that stands in its place.

    A tuple, because one is made for every failure.
    """

    address: CanonicalAddress | None = None
    name: str | None = None

    @classmethod
    def of(cls, text: str) -> Host:
        """Take a text for an address, or for a name if it is none."""
        try:
            return cls(canonical_address(text.strip("[]")), None)
        except ValueError:
            return cls(None, text)

    def or_else(self, other: Host) -> Host:
        """Give this, and the other's where this says nothing."""
        return Host(self.address or other.address, self.name or other.name)


@dataclass(frozen=True, slots=True)
class Joined:
    """A group whose text goes into another: instead of an empty one, or (``added``) behind it."""

    group: str
    target: str
    added: bool


def joined_groups(groups: Iterable[str]) -> tuple[Joined, ...]:
    """Give what ``<F-ALT_USER>``, ``<F-ALT_USER_1>``, ``<F-TUPLE_ID>`` and the like stand for."""
    found = []
    for group in sorted(groups):
        parts = _ALTERNATE.fullmatch(group)
        if parts is not None:
            target = _TARGETS.get(parts[2], parts[2])
            found.append(Joined(group, target, added=parts[1] == "tuple"))
    return tuple(found)


def encoded_groups(groups: Iterable[str]) -> tuple[str, ...]:
    """Give the groups whose text is in hexadecimal digits: ``<F-USER_HEX>`` and the like."""
    return tuple(group for group in groups if group.endswith(_HEX))


def read_encoded(fields: dict[str, str], groups: Iterable[str]) -> None:
    """Put what such groups mean beside them, under the name without the ending.

    A peer wrote it, and in digits he can write anything: what does not show is escaped.
    """
    for group in groups:
        text = fields.get(group)
        name = group.removesuffix(_HEX)
        if text is None or name in fields:
            continue
        try:
            meant = bytes.fromhex(text).decode("utf-8", "replace")
        except ValueError:
            continue
        fields[name] = visible(meant)


def join(fields: dict[str, str], groups: Iterable[Joined]) -> None:
    """Put the texts of such groups where they belong."""
    for each in groups:
        text = fields.get(each.group)
        if each.added:
            known = fields.get(each.target)
            fields[each.target] = ", ".join(part for part in (known, text) if part is not None)
        elif text and not fields.get(each.target):
            fields[each.target] = text
