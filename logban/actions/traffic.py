# SPDX-License-Identifier: MIT
"""What of a banned source's traffic is dropped: protocols and destination ports."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass

PortRange = tuple[int, int]
"""The first port and the last."""

# IANA's numbers; the host's /etc/protocols is asked for the others, and may be missing.
_PROTOCOLS = {
    "icmp": 1,
    "tcp": 6,
    "udp": 17,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "sctp": 132,
    "dccp": 33,
    "udplite": 136,
}
_ICMP, _ICMPV6 = 1, 58
WITH_PORTS = (6, 17, 33, 132, 136)
"""The protocols that have ports, as both packet filters know them."""

_EVERY_PROTOCOL = {"all", "any", "ip", "0"}
_EVERY_PORT = {"", "all", "any", "anyport", "0:65535", "0-65535", "1:65535", "1-65535"}
_PARTING = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Protocols by number and ranges of destination ports; none given means all of them."""

    protocols: tuple[int, ...]
    ports: tuple[PortRange, ...]

    @classmethod
    def asked(cls, protocols: tuple[int, ...], ports: tuple[PortRange, ...], kind: str) -> Traffic:
        """Give what an action's ``protocol``, ``port`` and ``type`` mean together."""
        return cls(protocols, () if kind == "allports" else ports)

    def parts(self, version: int) -> tuple[Traffic, ...]:
        """Give what is to be matched in that version of IP, ports only where there can be some.

        All protocols on some ports are those protocols that have ports.
        """
        numbers = self.protocols
        if version == 6:
            numbers = tuple(_ICMPV6 if number == _ICMP else number for number in numbers)
        if not self.ports:
            return (Traffic(numbers, ()),)
        ported = tuple(number for number in numbers or WITH_PORTS if number in WITH_PORTS)
        others = tuple(number for number in numbers if number not in WITH_PORTS)
        found = (Traffic(ported, self.ports), Traffic(others, ()))
        return tuple(part for part in found if part.protocols)


def parse_protocols(text: str) -> tuple[int, ...]:
    """Read ``udp``, ``tcp,udp``, ``all`` (the empty tuple); ValueError on a word that is none."""
    words = [word for word in _PARTING.split(text.strip(" \t\"'").lower()) if word]
    if not words:
        raise ValueError("no protocol is named; write for instance udp, tcp,udp or all")
    if not _EVERY_PROTOCOL.isdisjoint(words):
        return ()
    return tuple(sorted({_protocol(word) for word in words}))


def _protocol(word: str) -> int:
    if word in _PROTOCOLS:
        return _PROTOCOLS[word]
    if word.isascii() and word.isdigit():
        if int(word) > 255:
            raise ValueError(f"there is no protocol number {word}")
        return int(word)
    try:
        return socket.getprotobyname(word)
    except OSError:
        raise ValueError(
            f"{word!r} is no protocol; write for instance udp, tcp,udp, sctp or all"
        ) from None


def parse_ports(text: str) -> tuple[PortRange, ...]:
    """Read ``5060``, ``5060:5061``, ``5060-5061``, ``sip`` and lists; ``all`` is the empty tuple.

    Ranges that touch are joined; nft takes no overlapping ones.
    """
    words = [word for word in _PARTING.split(text.strip(" \t\"'").lower()) if word]
    if not words or not _EVERY_PORT.isdisjoint(words):
        return ()
    joined: list[PortRange] = []
    for first, last in sorted(_ports(word) for word in words):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def _ports(word: str) -> PortRange:
    numeric = re.fullmatch(r"(\d+)?[:-](\d+)?", word, re.ASCII)
    if numeric is not None and word not in {":", "-"}:
        first = _number(numeric[1]) if numeric[1] else 0
        last = _number(numeric[2]) if numeric[2] else 65535
    elif ":" in word:
        begin, _, end = word.partition(":")
        first, last = _port(begin), _port(end)
    else:
        first = last = _port(word)
    if first > last:
        raise ValueError(f"{word!r} runs backwards; the lower port comes first")
    return first, last


def _port(word: str) -> int:
    if word.isascii() and word.isdigit():
        return _number(word)
    try:
        return socket.getservbyname(word)
    except OSError:
        raise ValueError(
            f"{word!r} is no port and no service in /etc/services; write a number, "
            "a range like 5060:5061, or a list of these"
        ) from None


def _number(digits: str) -> int:
    number = int(digits)
    if number > 65535:
        raise ValueError(f"there is no port {digits}; the last is 65535")
    return number


def one_of(*words: str) -> Callable[[str], str]:
    """Give a reader of exactly these words."""

    def parse(text: str) -> str:
        word = text.strip(" \t\"'").lower()
        if word not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return word

    return parse
