# SPDX-License-Identifier: MIT
"""Looking up, off the hot path, what the names in ignoreip resolve to."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from typing import Final, Protocol

from logban.addresses import canonical_address
from logban.aside import Aside

log = logging.getLogger(__name__)

LOOKUP_TIMEOUT: Final = 30.0
"""Seconds that the look-up of one name may take, its wait for a thread included.

Where the first of the host's name servers is dead, each takes 5 seconds (resolv.conf(5))."""

THREADS: Final = 16
"""Names that are looked up at a time, and addresses."""


class Resolver(Protocol):
    """Looks names up."""

    async def resolve(self, name: str) -> frozenset[str]:
        """Give a name's addresses, A and AAAA, in canonical form; OSError if there are none."""
        ...


class ReverseResolver(Resolver, Protocol):
    """Looks names up, and addresses too."""

    async def name_of(self, address: str) -> str | None:
        """Give the name of an address, None if it has none; OSError if the DNS does not say."""
        ...


class SystemResolver:
    """The host's own resolver, for names that the admin has written, and for addresses.

    Names of addresses are asked for in threads of their own: whoever is to be banned may have made
    his name servers slow, and nobody else should wait for them.
    """

    def __init__(self) -> None:
        self._forth = Aside(THREADS, "names")
        self._back = Aside(THREADS, "reverse")

    async def resolve(self, name: str) -> frozenset[str]:
        """Give a name's addresses, A and AAAA, in canonical form; OSError if there are none."""
        return await self._forth.call(lambda: addresses_of(name), LOOKUP_TIMEOUT)

    async def name_of(self, address: str) -> str | None:
        """Give the name of an address, None if it has none; OSError if the DNS does not say."""
        try:
            name, _ = await self._back.call(
                lambda: socket.getnameinfo((address, 0), socket.NI_NAMEREQD), LOOKUP_TIMEOUT
            )
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:
                return None
            raise
        return name


def addresses_of(name: str) -> frozenset[str]:
    """Ask the system for a name's addresses, A and AAAA; OSError if there are none.

    It blocks, for minutes where no name server answers.
    """
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return frozenset(canonical_address(str(at[0]).partition("%")[0]) for *_, at in answers)


async def look_up(resolver: Resolver, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Give the addresses of those names that resolve; the others are logged and left out.

    Whoever keeps the answers keeps a name's last good one when it is left out here.
    """
    wanted = sorted(names)
    answers = await asyncio.gather(
        *(resolver.resolve(name) for name in wanted), return_exceptions=True
    )
    found = {}
    for name, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, OSError | ValueError):
            log.warning(
                "ignoreip: %s does not resolve (%s); its last known addresses stay exempt",
                name,
                str(answer) or type(answer).__name__,
            )
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found[name] = answer
    return found
