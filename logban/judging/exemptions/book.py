# SPDX-License-Identifier: MIT
"""Every exemption there is, in one place: those by hand, jails' ignoreip, lists, own addresses.

Whatever bans asks here, so an exempt address can't be banned by any road.  Looking names up and
reading lists is done elsewhere (``names``, ``exemption_files``, ``exemption_redis``) and brought
here; what can't be known beforehand is asked for before a ban (``enquiries``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from logban.addresses import canonical_network
from logban.judging.exemptions.exemption import Exemption, Exemptions
from logban.judging.exemptions.lists import Listing
from logban.model import Subject, SubjectKind

LOOPBACK: Final = ("127.0.0.0/8", "::1")

_LIST: Final = ("file:", "kamailio:", "permissions:")

MAX_CLEARED: Final = 20_000
"""Subjects of a jail that are known not to be exempt by anything that is kept here."""

Check = Callable[[Subject], Exemption | None]
"""A source that tells from memory, for any subject, whether it is exempt."""


def alike(_: str) -> float:
    """Tell that a failure counts once, wherever it comes from."""
    return 1.0


def is_list(entry: str) -> bool:
    """Tell whether an entry of ignoreip names a list that is kept elsewhere."""
    return entry.startswith(_LIST)


def is_name(entry: str) -> bool:
    """Tell whether an entry is a name, which has to be looked up, and no address or network."""
    try:
        canonical_network(entry)
    except ValueError:
        return not is_list(entry)
    return False


@dataclass(frozen=True, slots=True)
class Consulted:
    """What one source of exemptions said of a subject; whether other jails may hear another."""

    source: str
    exemption: Exemption | None
    is_of_jail: bool = False


class ExemptionBook:
    """Answers whether a jail may ban a subject."""

    def __init__(self) -> None:
        self._weigh: Callable[[str], float] = alike
        self._everywhere: dict[str, Exemption] = {}
        self._of_jail: dict[str, dict[str, Exemption]] = {}
        self._heedless_of_self: set[str] = set()
        self._own: frozenset[str] = frozenset(LOOPBACK)
        self._addresses: dict[str, frozenset[str]] = {}
        self._dirty: set[str] = set()
        self._checks: dict[str, Check] = {}
        self._lists_everywhere: tuple[str, ...] = ()
        self._listings: dict[str, Listing] = {}
        self._listed_names: dict[str, Exemptions] = {}
        self._hand_networks = Exemptions()
        self._own_networks = Exemptions()
        self._jail_networks: dict[str, Exemptions] = {}
        # Between two changes the same is asked three times of whoever is banned.
        self._cleared: dict[str, set[str]] = {}
        self._octets: dict[str, set[str]] = {}
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

    def set_checks(
        self, checks: Mapping[str, Check], weigh: Callable[[str], float] = alike
    ) -> None:
        """Note the sources, by name, that hold for every jail and tell from memory.

        ``weigh`` tells how many times a failure from an address counts.
        """
        self._checks = dict(checks)
        self._weigh = weigh

    def weigh(self, address: str) -> float:
        """Give how many times a failure from an address counts because of where that is."""
        return self._weigh(address)

    def set_lists_everywhere(self, keys: Iterable[str]) -> None:
        """Note the lists that hold for every jail, whatever its ignoreip says."""
        self._lists_everywhere = tuple(keys)
        self._ask_anew()

    def set_own(self, addresses: Iterable[str]) -> bool:
        """Note the host's own addresses; tell whether anything is new."""
        own = frozenset((*LOOPBACK, *addresses))
        if own == self._own:
            return False
        self._own = own
        self._rebuild()
        return True

    def lists(self) -> set[str]:
        """Give the lists that some jail's ignoreip names."""
        return {entry for of_jail in self._of_jail.values() for entry in of_jail if is_list(entry)}

    def set_listing(self, key: str, listing: Listing) -> None:
        """Note what a list holds now."""
        self._listings[key] = listing
        self._listed_names[key] = self._resolved(listing.names.values())
        self._ask_anew()

    def forget_lists(self, known: Collection[str]) -> None:
        """Forget what all lists but these have held."""
        for key in self._listings.keys() - set(known):
            del self._listings[key], self._listed_names[key]
        self._ask_anew()

    def names(self) -> set[str]:
        """Give the names that have to be looked up."""
        entries = [*self._everywhere]
        for of_jail in self._of_jail.values():
            entries += of_jail
        names = {entry for entry in entries if is_name(entry)}
        return names.union(*(listing.names for listing in self._listings.values()))

    def set_addresses(self, answers: Mapping[str, Collection[str]]) -> bool:
        """Note what names resolve to; tell whether anything is new."""
        changed = False
        for name, addresses in answers.items():
            if self._addresses.get(name) != frozenset(addresses):
                self._addresses[name] = frozenset(addresses)
                self._dirty.add(name)
                changed = True
        if changed:
            self._rebuild()
        return changed

    def restore(self, answers: Mapping[str, str]) -> None:
        """Take up what names resolved to in an earlier run: the DNS may come up after us."""
        self.set_addresses({name: text.split() for name, text in answers.items()})
        self._dirty.clear()

    def forget_names(self) -> None:
        """Forget the addresses of names that nobody names any more."""
        for name in self._addresses.keys() - self.names():
            del self._addresses[name]
            self._dirty.add(name)

    def take_dirty(self) -> dict[str, str | None]:
        """Give what names resolve to anew since the last call; None for one that is forgotten."""
        changed = {
            name: " ".join(sorted(self._addresses[name])) if name in self._addresses else None
            for name in self._dirty
        }
        self._dirty.clear()
        return changed

    def addresses(self, name: str) -> frozenset[str]:
        """Give the addresses that a name resolved to last; none for one never resolved."""
        return self._addresses.get(name, frozenset())

    def exempt(self, jail: str, subject: Subject) -> Exemption | None:
        """Give the reason why a jail must not ban a subject, if there is one."""
        network = subject.network
        if subject.kind is SubjectKind.IP and self._is_clear(jail, network):
            return None
        if network not in self._cleared.get(jail, ()) and subject.kind is not SubjectKind.USER:
            found = self._kept(jail, network)
            if found is not None:
                return found
            self._clear(jail, network)
        for check in self._checks.values():
            found = check(subject)
            if found is not None:
                return found
        return None

    def exempt_among(self, jail: str, subjects: Iterable[Subject]) -> Iterator[Subject]:
        """Give those whom a jail must not ban, of all that it has banned: a hundred thousand."""
        if self._checks or self._listings:
            yield from (each for each in subjects if self.exempt(jail, each) is not None)
            return
        octets = self._octets_of(jail)
        for kind, network, user in subjects:
            if kind is SubjectKind.IP and ":" not in network:
                is_exempt = network.partition(".")[0] in octets and self._kept(jail, network)
            else:
                is_exempt = kind is not SubjectKind.USER and self._kept(jail, network)
            if is_exempt:
                yield Subject(kind, network, user)

    def clears(self, jail: str, address: str) -> bool:
        """Tell at once, where that can be told, that an address is not exempt and counts once."""
        if self._weigh is not alike:
            return False
        octets = self._octets.get(jail)
        if octets is None or self._checks or ":" in address:
            return self._is_clear(jail, address)
        # Nearly always so, and asked for each address that is new.
        return address.partition(".")[0] not in octets or self._is_clear(jail, address)

    def _is_clear(self, jail: str, address: str) -> bool:
        if self._checks:
            return False
        octets = self._octets.get(jail)
        if octets is None:
            octets = self._octets[jail] = self._octets_of(jail)
        if ":" not in address and address.partition(".")[0] not in octets:
            return True
        if address in self._cleared.get(jail, ()):
            return True
        if self._kept(jail, address) is not None:
            return False
        self._clear(jail, address)
        return True

    def _octets_of(self, jail: str) -> set[str]:
        """Give what an IPv4 address begins with that may be exempt in a jail."""
        octets = self._hand_networks.octets | self._own_networks.octets
        if jail in self._jail_networks:
            octets |= self._jail_networks[jail].octets
        listed = [listing.networks for listing in self._listings.values()]
        return octets.union(*(each.octets for each in (*listed, *self._listed_names.values())))

    def _clear(self, jail: str, network: str) -> None:
        cleared = self._cleared.get(jail)
        if cleared is None or len(cleared) >= MAX_CLEARED:
            cleared = self._cleared[jail] = set()
        cleared.add(network)

    def _kept(self, jail: str, network: str) -> Exemption | None:
        """Give the exemption by what is kept here, which changes only through these methods."""
        found = self._hand_networks.find(network)
        if found is None and jail in self._jail_networks:
            found = self._jail_networks[jail].find(network)
        if found is None and jail not in self._heedless_of_self:
            found = self._own_networks.find(network)
        if found is None and self._listings:
            found = _first(self._listed(jail, network))
        return found

    def consult(self, jail: str, subject: Subject) -> list[Consulted]:
        """Give what every source says of a subject, in the order in which they are asked."""
        consulted = [Consulted("allow", self._hand_networks.find_subject(subject))]
        if jail in self._jail_networks:
            found = self._jail_networks[jail].find_subject(subject)
            consulted.append(Consulted("ignoreip", found, is_of_jail=True))
        if jail not in self._heedless_of_self:
            consulted.append(Consulted("own addresses", self._own_networks.find_subject(subject)))
        consulted += self._listed(jail, subject.network)
        consulted += [Consulted(name, check(subject)) for name, check in self._checks.items()]
        return consulted

    def _listed(self, jail: str, network: str) -> Iterator[Consulted]:
        of_jail = [entry for entry in self._of_jail.get(jail, ()) if is_list(entry)]
        for key in (*self._lists_everywhere, *of_jail):
            listing = self._listings.get(key)
            found = None if listing is None else listing.networks.find(network)
            if found is None and key in self._listed_names:
                found = self._listed_names[key].find(network)
            yield Consulted(key, found, is_of_jail=key in of_jail)

    def _ask_anew(self) -> None:
        self._cleared.clear()
        self._octets.clear()

    def _rebuild(self) -> None:
        self._ask_anew()
        self._hand_networks = self._resolved(self._everywhere.values())
        self._jail_networks = {
            jail: self._resolved(entries.values()) for jail, entries in self._of_jail.items()
        }
        self._own_networks = self._resolved(
            Exemption(address, "this host's own address") for address in self._own
        )
        self._listed_names = {
            key: self._resolved(listing.names.values()) for key, listing in self._listings.items()
        }

    def _resolved(self, exemptions: Iterable[Exemption]) -> Exemptions:
        networks = Exemptions()
        for exemption in exemptions:
            if is_name(exemption.entry):
                for address in self._addresses.get(exemption.entry, ()):
                    networks.add(address, exemption)
            elif not is_list(exemption.entry):
                networks.add(exemption.entry, exemption)
        return networks


def _first(consulted: Iterable[Consulted]) -> Exemption | None:
    return next((each.exemption for each in consulted if each.exemption is not None), None)
