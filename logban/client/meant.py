# SPDX-License-Identifier: MIT
"""What was probably meant by a word that is no address and no network: how to write it."""

from __future__ import annotations

import ipaddress
import re
import shlex
from typing import Final

from logban.addresses import canonical_address, canonical_network
from logban.text import visible

NETWORKS_SHOWN: Final = 4
"""Networks that a range is told in; one that takes more is better named by what holds it."""

_PORT: Final = re.compile(r"\[?([^\[\]]+)\]?:\d{1,5}|\[([^\[\]]+)\]", re.ASCII)
_RANGE: Final = re.compile(r"([0-9A-Fa-f.:]+)\s*-\s*([0-9A-Fa-f.:]+)")
_STARS: Final = re.compile(r"((?:\d{1,3}\.){1,3})\*(?:\.\*)*", re.ASCII)
_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE | re.ASCII)
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def meant(text: str) -> str:
    """Say how a word is to be written that somebody typed or copied; "" where nobody can tell."""
    user, at, place = text.rpartition("@")
    if at and user:
        host = _host(place)
        return "write " + shlex.quote(visible(f"{user}@{host}")) if host else ""
    if (host := _host(text)) is not None:
        return f"write {host}"
    if "%" in text and (host := _host(text.partition("%")[0])) is not None:
        return f"the zone behind % can't be told in a packet; without it, it is {host}"
    if (networks := _networks(text)) is not None:
        return networks
    if _NAME.fullmatch(text):
        return "a name is taken by `allow add` alone; give its address"
    return f"a user is written user:{text}" if _ACCOUNT.fullmatch(text) else ""


def _host(text: str) -> str | None:
    """Give the address in a word that holds something beside it; None if there is none."""
    word = text.strip(" \t,;'\"<>").removeprefix("sip:")
    found = _PORT.fullmatch(word)
    for each in (word, (found[1] or found[2]) if found else ""):
        try:
            return canonical_network(each) if "/" in each else canonical_address(each)
        except ValueError:
            continue
    return None


def _networks(text: str) -> str | None:
    """Say which networks a range is; None if the word is none."""
    if (stars := _STARS.fullmatch(text)) is not None:
        begin, rest = stars[1], 4 - stars[1].count(".")
        first, last = begin + ".".join("0" * rest), begin + ".".join(["255"] * rest)
    elif (span := _RANGE.fullmatch(text)) is not None:
        first, last = span[1], span[2]
    else:
        return None
    try:
        ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
        networks = [*ipaddress.summarize_address_range(*ends)]
    except (TypeError, ValueError):  # of two families, or the last one first
        return ""
    if len(networks) > NETWORKS_SHOWN:
        return "a range is written as a network, for instance 198.51.100.0/24"
    return "write " + " ".join(canonical_network(str(each)) for each in networks)
