# SPDX-License-Identifier: MIT
"""Exemption by the name that an address has in the DNS, asked for before a ban.

A name counts only if it leads back to the address: whoever has an address writes its name as he
likes, and only the owner of a domain says which addresses are in there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final

from logban.judging.exemptions.enquiries import Unanswered
from logban.judging.exemptions.exemption import Exemption
from logban.judging.exemptions.names import ReverseResolver
from logban.model import Verdict

KEEP: Final = 600.0
"""Seconds for which an answer of the DNS is remembered."""

_TEMPORARY: Final = (socket.EAI_AGAIN, socket.EAI_FAIL)


class ReverseNames:
    """The enquiry; it is silent where the DNS is.

    With ``outside`` the list is read the other way round: who has *no* name in one of the domains
    is not banned, for installations whose only enemies are among their own customers.
    """

    name = "reverse dns"
    keep = KEEP

    def __init__(self, domains: Iterable[str], resolver: ReverseResolver, *, outside: bool) -> None:
        """``domains`` are names in lower case without the last dot; each stands for all below."""
        self.unanswered = Unanswered.SPARE if outside else Unanswered.BAN
        self._domains = tuple(domains)
        self._resolver = resolver
        self._outside = outside

    def concerns(self, verdict: Verdict) -> bool:
        """Tell whether a subject has a name: an address does, a network or a user has none."""
        return bool(verdict.subject.network) and "/" not in verdict.subject.network

    async def ask(self, verdict: Verdict) -> Exemption | None:
        """Look an address up, and back; OSError if the DNS does not say."""
        address = verdict.subject.network
        name = (await self._resolver.name_of(address) or "").rstrip(".").lower()
        is_inside = any(name == each or name.endswith(f".{each}") for each in self._domains)
        if is_inside:
            is_inside = address in await self._addresses(name)
        if is_inside is self._outside:
            return None
        if self._outside:
            told = f"is named {name}" if name else "has no name"
            return Exemption(address, f"{told}, and rdns_exempts = outside")
        return Exemption(name, "rdns_domains")

    async def _addresses(self, name: str) -> frozenset[str]:
        try:
            return await self._resolver.resolve(name)
        except socket.gaierror as error:
            if error.errno in _TEMPORARY:
                raise
            return frozenset()
