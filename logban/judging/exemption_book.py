# SPDX-License-Identifier: MIT
"""Every exemption there is, in one place: jails' ignoreip, those by hand, the host's own addresses.

Whatever bans asks here, so an exempt address can't be banned by any road.  Looking names up is
done elsewhere (``names``) and brought here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from logban.judging.exemptions import Exemption, Exemptions
from logban.model import Subject, canonical_network

LOOPBACK: Final = ("127.0.0.0/8", "::1")


def is_name(entry: str) -> bool:
    """Tell whether an entry is a name, which has to be looked up, and no address or network."""
    try:
        canonical_network(entry)
    except ValueError:
        return True
    return False


class ExemptionBook:
    """Answers whether a jail may ban a subject."""

    def __init__(self) -> None:
        self._everywhere: dict[str, Exemption] = {}
        self._of_jail: dict[str, dict[str, Exemption]] = {}
        self._heedless_of_self: set[str] = set()
        self._own: frozenset[str] = frozenset(LOOPBACK)
        self._addresses: dict[str, frozenset[str]] = {}
        self._hand_networks = Exemptions()
        self._own_networks = Exemptions()
        self._jail_networks: dict[str, Exemptions] = {}
        self._rebuild()

    def set_jail(self, jail: str, entries: Iterable[str], origin: str, *, own: bool) -> None:
        """Note what a jail never bans; ``own`` says whether that includes the host itself."""
        self._of_jail[jail] = {entry: Exemption(entry, origin) for entry in entries}
        if own:
            self._heedless_of_self.discard(jail)
        else:
            self._heedless_of_self.add(jail)
        self._rebuild()

    def forget_jail(self, jail: str) -> None:
        """Forget a jail that is no more."""
        self._of_jail.pop(jail, None)
        self._heedless_of_self.discard(jail)
        self._rebuild()

    def set_everywhere(self, exemptions: Iterable[Exemption]) -> None:
        """Note what no jail ever bans."""
        self._everywhere = {exemption.entry: exemption for exemption in exemptions}
        self._rebuild()

    def set_own(self, addresses: Iterable[str]) -> None:
        """Note the host's own addresses."""
        own = frozenset((*LOOPBACK, *addresses))
        if own != self._own:
            self._own = own
            self._rebuild()

    def names(self) -> set[str]:
        """Give the names that have to be looked up."""
        entries = [*self._everywhere]
        for of_jail in self._of_jail.values():
            entries += of_jail
        return {entry for entry in entries if is_name(entry)}

    def set_addresses(self, answers: Mapping[str, Collection[str]]) -> bool:
        """Note what names resolve to; tell whether anything is new."""
        changed = False
        for name, addresses in answers.items():
            if self._addresses.get(name) != frozenset(addresses):
                self._addresses[name] = frozenset(addresses)
                changed = True
        if changed:
            self._rebuild()
        return changed

    def addresses(self, name: str) -> frozenset[str]:
        """Give the addresses that a name resolved to last; none for one never resolved."""
        return self._addresses.get(name, frozenset())

    def exempt(self, jail: str, subject: Subject) -> Exemption | None:
        """Give the reason why a jail must not ban a subject, if there is one."""
        found = self._hand_networks.find_subject(subject)
        if found is None and jail in self._jail_networks:
            found = self._jail_networks[jail].find_subject(subject)
        if found is None and jail not in self._heedless_of_self:
            found = self._own_networks.find_subject(subject)
        return found

    def _rebuild(self) -> None:
        self._hand_networks = self._resolved(self._everywhere.values())
        self._jail_networks = {
            jail: self._resolved(entries.values()) for jail, entries in self._of_jail.items()
        }
        self._own_networks = self._resolved(
            Exemption(address, "this host's own address") for address in self._own
        )

    def _resolved(self, exemptions: Iterable[Exemption]) -> Exemptions:
        networks = Exemptions()
        for exemption in exemptions:
            if is_name(exemption.entry):
                for address in self._addresses.get(exemption.entry, ()):
                    networks.add(address, exemption)
            else:
                networks.add(exemption.entry, exemption)
        return networks
