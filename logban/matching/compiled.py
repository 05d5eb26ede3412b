# SPDX-License-Identifier: MIT
"""What a filter's rules and quotes become before they are used: expressions with their groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import regex

from logban.addresses import canonical_address
from logban.matching.captures import Host, Joined, encoded_groups, joined_groups
from logban.matching.compiler import ADDRESS_GROUPS, SINGLE_LINES, Compile, Searched
from logban.matching.definition import WRAPPED, Proof, Quote, Rule

NO_FIELDS: Final = frozenset({*ADDRESS_GROUPS, "content", "thread", "ambiguous"})
HOST_GROUPS: Final = (*ADDRESS_GROUPS, "dns", "fid")
# Transports that begin with a handshake, which only a true source can complete.
_CONNECTIONS: Final = frozenset({"tcp", "tls", "ws", "wss", "sctp"})


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule, its groups by what they are for."""

    name: str
    pattern: Searched
    fields: tuple[str, ...]
    host_groups: tuple[str, ...]
    joined: tuple[Joined, ...]
    encoded: tuple[str, ...]
    kind: str
    proof: Proof
    success: bool


@dataclass(frozen=True, slots=True)
class CompiledQuote:
    """A message of several lines, as it begins and ends."""

    quote: Quote
    begin: Searched
    end: Searched | None
    address_groups: tuple[str, ...]
    is_wrappable: bool

    def wrapping(self, found: regex.Match[str]) -> int:
        """Give how many characters a container's runtime wrote behind its date; 0: none did."""
        return len(found[WRAPPED] or "") if self.is_wrappable else 0


def fields_of(pattern: Searched) -> tuple[str, ...]:
    """Give the groups that are captures for whoever comes after."""
    return tuple(name for name in pattern.groupindex if name not in NO_FIELDS)


def compile_rule(rule: Rule, pattern: Searched, prefix: Searched | None) -> CompiledRule:
    """Note which groups a rule has; its address may stand in the prefix instead."""
    has = pattern.groupindex
    if not any(group in has for group in HOST_GROUPS) and prefix is not None:
        has = prefix.groupindex
    groups = tuple(group for group in HOST_GROUPS if group in has)
    fields = fields_of(pattern)
    joined = joined_groups((*fields, *(fields_of(prefix) if prefix is not None else ())))
    encoded = encoded_groups(fields)
    return CompiledRule(
        rule.name, pattern, fields, groups, joined, encoded, rule.kind, rule.proof, rule.success
    )


def compile_quote(quote: Quote, compiled: Compile) -> CompiledQuote:
    """Note how a message begins and ends."""
    begin = compiled(quote.begin.text, SINGLE_LINES)
    groups = tuple(group for group in ADDRESS_GROUPS if group in begin.groupindex)
    end = compiled(quote.end.text, SINGLE_LINES) if quote.end is not None else None
    return CompiledQuote(quote, begin, end, groups, WRAPPED in begin.groupindex)


def is_proven(proof: Proof, fields: Mapping[str, str]) -> bool:
    """Tell whether the source of a failure is surely who it seems."""
    if proof is Proof.TRANSPORT:
        return fields.get("transport", "").lower() in _CONNECTIONS
    return proof is not Proof.NONE


def address_in(quote: CompiledQuote, found: regex.Match[str]) -> str | None:
    """Give the address that the beginning of a message names; None if it names none."""
    for group in quote.address_groups:
        if found[group]:
            try:
                return canonical_address(found[group].strip("[]"))
            except ValueError:
                return None
    return None


def host_in(rule: CompiledRule, found: regex.Match[str], prefixed: regex.Match[str] | None) -> Host:
    """Give whom a rule names; what it captured as an address and is none counts as a name."""
    for group in rule.host_groups:
        holder = found if group in rule.pattern.groupindex else prefixed
        text = holder[group] if holder is not None else None
        if text:
            return Host.of(text.removesuffix("\n"))
    return Host()
