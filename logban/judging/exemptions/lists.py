# SPDX-License-Identifier: MIT
"""Lists of exemptions that somebody else keeps: a file, a database, a proxy's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from logban.judging.exemptions.exemption import Exemption, Exemptions


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list holds at a moment: networks, and names that are still to be looked up."""

    networks: Exemptions = field(default_factory=Exemptions)
    names: Mapping[str, Exemption] = field(default_factory=dict)


class KeptList(Protocol):
    """A list that somebody else keeps.

    ``key`` tells it from the others: ``file:/etc/exempt``, ``redis``.  ``problem`` is a sentence
    for the admin, "" while all is well.
    """

    key: str
    problem: str

    async def refresh(self) -> Listing | None:
        """Give what it holds if that is news, None if not; called once a second.

        It raises nothing that it can foresee: what can't be read now is a ``problem``, and what
        was last read goes on holding.
        """
        ...
