# SPDX-License-Identifier: MIT
"""Failures of hosts that a line does not name by an address.

Only addresses are banned.  Who wants a ban all the same has the name looked up, which is nothing
for the hot path, and judges what :meth:`NamedFailure.at` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from logban.addresses import CanonicalAddress
from logban.model import Failure

MAX_NAMED: Final = 1000
"""Failures of one filter that wait for somebody to take them; the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class NamedFailure:
    """A failure without an address; ``host`` is a name, or whatever ``<F-ID>`` found.

    The rest is as in :class:`logban.model.Failure`.
    """

    host: str
    time: float | None
    rule: str
    fields: Mapping[str, str]
    line: str
    source: str
    offset: int
    kind: str = ""

    def at(self, address: CanonicalAddress) -> Failure:
        """Give the failure as one of an address that the name has."""
        return Failure(
            address,
            self.time,
            self.rule,
            self.fields,
            self.line,
            self.source,
            self.offset,
            self.kind,
        )
