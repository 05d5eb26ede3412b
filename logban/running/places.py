# SPDX-License-Identifier: MIT
"""Which chains and sets are whose, also those of jails that can't run at the moment.

Each jail that runs leaves a note in the database of where it keeps bans in the kernel.  So a
mistake in its file, which hides from us what it calls its own, neither keeps what nobody owns any
more in the kernel nor a ban that an admin lifts.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from logban.actions import catalogue
from logban.actions.catalogue import Place
from logban.actions.declaration import ActionSpec
from logban.errors import LogbanError
from logban.model import Ban

log = logging.getLogger(__name__)

ABOUT: Final = "places"
"""What the note of a jail is about."""

Notes = Mapping[tuple[str, str], str]


class Places:
    """The places of all jails that have run, by the notes of earlier runs and of this one."""

    def __init__(
        self, notes: Notes, note: Callable[[Mapping[tuple[str, str], str | None]], None]
    ) -> None:
        """``note`` takes what is to be kept in the database."""
        self._note = note
        self._of: dict[str, frozenset[Place]] = {
            jail: frozenset(Place(*each) for each in json.loads(text))
            for (jail, about), text in notes.items()
            if about == ABOUT
        }

    def keep(self, jail: str, specs: Iterable[ActionSpec]) -> None:
        """Remember where a jail that runs keeps its bans."""
        places = frozenset(places_of(specs))
        if self._of.get(jail) != places:
            self._of[jail] = places
            self._note({(jail, ABOUT): json.dumps(sorted(places))})

    def knows(self, jail: str) -> bool:
        """Tell whether a jail has run, so that its places are known."""
        return jail in self._of

    def of(self, jails: Iterable[str]) -> set[Place]:
        """Give the places of some jails."""
        return {place for jail in jails for place in self._of.get(jail, ())}

    def jails(self) -> Collection[str]:
        """Give all jails whose places are known."""
        return self._of.keys()

    def forget(self, jails: Iterable[str]) -> None:
        """Forget jails that are no more, and have nothing left in the kernel."""
        gone = [jail for jail in jails if self._of.pop(jail, None) is not None]
        if gone:
            self._note({(jail, ABOUT): None for jail in gone})

    async def take(self, jail: str, bans: Collection[Ban]) -> None:
        """Take bans of a jail that does not run out of the kernel; a failure is logged."""
        for place in sorted(self.of([jail])):
            try:
                await asyncio.to_thread(catalogue.take, place, bans)
            except LogbanError as error:
                log.warning("[%s] what was lifted may be in force still: %s", jail, error)
            except Exception:
                log.exception("[%s] what was lifted may be in force still", jail)


def places_of(specs: Iterable[ActionSpec]) -> set[Place]:
    """Give the places in which these actions keep bans."""
    return {place for place in map(catalogue.place_of, specs) if place is not None}
