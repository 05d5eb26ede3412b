# SPDX-License-Identifier: MIT
"""How subjects are written as keys of an htable, which finds whole keys and nothing else."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Final, Protocol

from logban.model import Subject, SubjectKind

_SUFFIX: Final = "/64"


class Keys(Protocol):
    """How subjects are written as keys."""

    def keys_of(self, subject: Subject) -> tuple[str, ...]:
        """Give the keys of a subject, all of which it takes; none where the table can't hold it."""
        ...

    def subject_of(self, key: str) -> Subject | None:
        """Give the subject of a key; None for what is none."""
        ...


class AddressKeys:
    """Addresses as ``$si`` has them, and networks as the script of docs/kamailio.md cuts them out.

    A key of a network is what stands in front of the fourth colon of its addresses, or up to the
    two colons that stand before, and ``/64``.  ``2001:db8:66::/64`` has two, as it has addresses
    like ``2001:db8:66::7`` and like ``2001:db8:66:0:1:2:3:4``.
    """

    def __init__(self, *, networks: bool = False) -> None:
        """``networks`` says that the script looks for networks of /64 as well."""
        self._networks = networks

    def keys_of(self, subject: Subject) -> tuple[str, ...]:
        """Give the address; or what the addresses of a /64 begin with."""
        if subject.kind is SubjectKind.IP:
            return (subject.network,)
        if subject.kind is SubjectKind.NET and self._networks:
            return _network_keys(subject.network)
        return ()

    def subject_of(self, key: str) -> Subject | None:
        """Give the address or the network."""
        written = key
        if key.endswith(_SUFFIX):
            groups = key.removesuffix(_SUFFIX).split(":")
            written = ":".join([each for each in groups if each][:4]) + f"::{_SUFFIX}"
        try:
            subject = Subject.parse(written, ipv6_prefix=128)
        except ValueError:
            return None
        return subject if key in self.keys_of(subject) else None


def _network_keys(network: str) -> tuple[str, ...]:
    if ":" not in network or not network.endswith(_SUFFIX):
        return ()
    packed = ipaddress.IPv6Network(network).network_address.exploded.split(":")
    groups = [f"{int(each, 16):x}" for each in packed[:4]]
    if "0" in groups[:2]:
        return ()  # written in more ways than the script knows; nobody has such addresses
    keys = [":".join(groups)]
    if groups[2:] == ["0", "0"]:
        keys.append(f"{groups[0]}:{groups[1]}::")
    elif groups[3] == "0":
        keys.append(":".join(groups[:3]) + ":")
    return tuple(key + _SUFFIX for key in keys)


def mark_of(jail: str) -> int:
    """Give the value of a jail's entries: 31 bits of which the first is set."""
    digest = hashlib.sha256(f"logban:{jail}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") & 0x3FFF_FFFF | 0x4000_0000


def is_mark(value: int | str) -> bool:
    """Tell whether an entry is some jail's."""
    return isinstance(value, int) and value >= 0x4000_0000
