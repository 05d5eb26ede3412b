# SPDX-License-Identifier: MIT
"""Looking up hosts whose names anybody can make up: by few threads, within a second.

Those who name them may have made their name servers slow; look-ups of anything else have threads
of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from logban.aside import Aside
from logban.judging.exemptions.names import addresses_of

TIME_LIMIT: Final = 1.0
"""Seconds that the look-up of one name may take, its wait for a thread included."""

THREADS: Final = 4


def system_look_up(name: str) -> frozenset[str]:
    """Give a name's addresses, A and AAAA; OSError if there are none.  It may take long.

    The name is taken as it stands: no search list turns a peer's ``mail`` into one's own server.
    """
    return addresses_of(f"{name}.")


class HostResolver:
    """The host's own resolver, for names out of logs."""

    def __init__(
        self,
        look_up: Callable[[str], frozenset[str]] = system_look_up,
        *,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self._look_up = look_up
        self._time_limit = time_limit
        self._threads = Aside(THREADS, "hosts")

    async def resolve(self, name: str) -> frozenset[str]:
        """Give a name's addresses, A and AAAA; OSError if there are none or not in time."""
        try:
            return await self._threads.call(lambda: self._look_up(name), self._time_limit)
        except ValueError as error:  # a name that is none is a UnicodeError
            raise OSError(str(error)) from error
